"""The walls of acceptance/falsify can still be taken down, and name checks that are there."""

import re
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest

Wall: TypeAlias = Any
"""The class of the tool, which is no module."""

ROOT = Path(__file__).resolve().parents[3]
TOOL = SimpleNamespace(**runpy.run_path(str(ROOT / "scripts/falsify"), run_name="falsify"))
WALLS = TOOL.walls()
MUTANTS = TOOL.grouped(WALLS, alone=False)
ALONE = [[wall] for wall in WALLS]

SAID = """\
ok    run.sh starts the builder container (5 s)
--- 60-walls: The walls
ok    this one holds
FAIL  that one does not
      | it was allowed
      | and more
skip  a third, because nobody knows
FAIL  a fifth
      | the attempt was not made (code 127)
      60-walls took 3 d
"""


def wall(*sentences: str) -> Wall:
    return TOOL.Wall(name="w", wall="a wall", mutant="w", fails={"60-walls": sentences})


@pytest.mark.parametrize("together", [*MUTANTS.values(), *ALONE], ids=lambda walls: f"{walls[0].mutant}-{len(walls)}")
def test_each_change_applies_to_the_tree_and_leaves_programs(together: list[Wall]) -> None:
    """Together with those of its mutant, and alone."""
    texts: dict[str, str] = {}
    for change in (change for wall in together for change in wall.changes):
        texts[change.file] = change.applied(texts.get(change.file) or (ROOT / change.file).read_text())
    for name, text in texts.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
        elif text.startswith("#!") and "sh" in text.partition("\n")[0]:
            subprocess.run(["bash", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.name)
def test_each_check_that_has_to_fail_is_there(wall: Wall) -> None:
    for file, sentences in wall.fails.items():
        patterns = said_by(ROOT / f"acceptance/{file}.sh")
        assert [each for each in sentences if not any(re.fullmatch(pattern, each) for pattern in patterns)] == []


def said_by(file: Path) -> list[str]:
    """What a file may say, as patterns: a variable stands for anything."""
    found = re.findall(r'^\s*(must|gives|refused|soon|without_keys) "([^"]+)"', file.read_text(), re.MULTILINE)
    sentences = [f"no key is in {told}" if kind == "without_keys" else told for kind, told in found]
    return [".+".join(map(re.escape, re.split(r"\$\w+", each))) for each in sentences]


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.name)
def test_it_takes_something_down(wall: Wall) -> None:
    assert any((wall.changes, wall.run, wall.environment, wall.inside, wall.image))


def test_the_tool_lists_them() -> None:
    told = subprocess.run([ROOT / "scripts/falsify", "--list"], capture_output=True, text=True, check=True).stdout
    assert [each.name for each in WALLS if f"    {each.name}: " not in told] == []


def test_a_check_that_fails_is_told_with_its_reason() -> None:
    told, missed = TOOL.judged([wall("that one does not")], list(TOOL.lines_of(SAID)))
    assert missed == 0
    assert told[1].split("  ") == [
        "",
        "",
        "failed as it has to",
        "60-walls: that one does not",
        "[it was allowed]",
    ] or ("failed as it has to" in told[1] and "[it was allowed]" in told[1])


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("this one holds", "STILL PASSES"),
        ("a third", "WAS SKIPPED"),
        ("a fourth", "WAS NOT REACHED"),
        ("a fifth", "WAS NOT MADE"),
    ],
)
def test_a_check_that_does_not_fail_is_missed(sentence: str, verdict: str) -> None:
    told, missed = TOOL.judged([wall(sentence)], list(TOOL.lines_of(SAID)))
    assert missed == 1
    assert verdict in told[1]
    assert "also failed" in told[2]


def test_a_text_that_is_not_there_once_is_said() -> None:
    change = TOOL.Change(file="f", old="a", new="b")
    assert change.applied("ac") == "bc"
    for text in ("", "aa"):
        with pytest.raises(TOOL.Unusable):
            change.applied(text)


def test_a_file_goes_to_its_place_in_the_image() -> None:
    assert str(TOOL.in_the_image("image/rootfs/usr/local/bin/podman")) == "/usr/local/bin/podman"
    assert str(TOOL.in_the_image("src/appx/cli/main.py")).endswith("/site-packages/appx/cli/main.py")
    assert TOOL.in_the_image("docker/builder/run.sh") is None


SENTENCES = {sentence for wall in WALLS for sentences in wall.fails.values() for sentence in sentences}


def rows() -> list[list[str]]:
    """Of the tables of refusals; the first cell between semicolons, as the sentences in it are."""
    page = (ROOT / "acceptance/README.md").read_text()
    lines = page[page.index("### Walls of the container") :].splitlines()
    found = [
        [cell.strip() for cell in line.removesuffix("|").strip("| ").split(" | ")] for line in lines if line[:2] == "| "
    ]
    return [[f"; {first};", *others] for first, *others in found]


def test_each_check_that_has_to_fail_has_a_row() -> None:
    assert sorted(each for each in SENTENCES if not any(f"; {each};" in row[0] for row in rows())) == []


def test_what_the_tool_is_said_to_have_tried_it_can_try_again() -> None:
    tried = [row[0] for row in rows() if "`scripts/falsify`" in row[-1]]
    assert len(tried) > 20
    assert [cell for cell in tried if not any(f"; {each};" in cell for each in SENTENCES)] == []
