"""What is told of a directory, by the real fd."""

from pathlib import Path

import pytest

from appx.domain.messages import ToolResult
from appx.tools import ls as tool
from appx.tools.ls import MAX_ENTRIES, MAX_IGNORED, result
from appx.tools.searching import Found
from appx.tools.within import shown
from tests.unit.tools.noting import noting
from tests.unit.tools.searches import call, programs, project

pytestmark = pytest.mark.anyio

FILES: dict[str | bytes, str | bytes] = {
    ".gitignore": "*.log\nnode_modules\n",
    "src/a.py": "",
    "src/lib/b.py": "",
    "y.log": "",
    "node_modules/n/i": "",
    "odd/-x": "",
    "odd/a b": "",
    "odd/a\nb": "",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project's directory."""
    root = project(tmp_path, FILES)
    (root / "empty").mkdir()
    return root


async def ls(shop: Path, path: str) -> ToolResult:
    return await call(shop.parent, "ls", {"path": path})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            ".",
            ".gitignore\nempty/\nodd/\nsrc/\n[not shown, because git ignores them: .git/, node_modules/, y.log]",
        ),
        ("src", "a.py\nlib/"),
        ("./src/", "a.py\nlib/"),
        ("src/lib", "b.py"),
        ("node_modules", "n/"),
        ("empty", "[nothing is here]"),
        ("odd", '-x\n"a\\nb"\na b'),
        ("link", "a.py\nlib/"),
        ("only", "[nothing else is here]\n[not shown, because git ignores them: z.log]"),
    ],
)
async def test_names_are_listed_in_order(shop: Path, path: str, text: str) -> None:
    if path == "link":
        (shop / "link").symlink_to("src")
    if path == "only":
        (shop / "only").mkdir()
        (shop / "only/z.log").touch()
    assert await ls(shop, path) == ToolResult(ok=True, text=text)


async def test_without_a_path_it_is_the_project_and_its_absolute_path_is_the_same(shop: Path) -> None:
    there = await ls(shop, ".")
    assert there.ok
    assert await call(shop.parent, "ls") == there
    assert await ls(shop, str(shop)) == there


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("..", "leave out '..'"),
        ("/", "leads out of the project"),
        ("/etc", "leads out of the project"),
        ("out", "a symbolic link leads out of the project"),
        ("gone", "gone: No such file or directory. "),
        ("src/a.py", "src/a.py: this is a file. Name a directory, or use read."),
        ("src/a.py/x", "src/a.py/x: Not a directory. "),
        ("circle", "circle: Too many levels of symbolic links. "),
        ("~", "~: No such file or directory. "),
        ("", "path: "),
        ("a\0b", "path: "),
    ],
)
async def test_what_cannot_be_listed_is_said_with_the_reason(shop: Path, path: str, problem: str) -> None:
    (shop / "out").symlink_to("/etc")
    (shop / "circle").symlink_to("circle")
    result = await ls(shop, path)
    assert not result.ok
    assert problem in result.text


async def test_500_entries_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    root = project(tmp_path, {f"d/f{number:03}": "" for number in range(MAX_ENTRIES)})
    assert (await ls(root, "d")).text.endswith("\nf499")
    (root / "d/f500").touch()
    assert (await ls(root, "d")).text.endswith(
        "\nf499\n[the first 500 of 501 entries; find with a pattern in d shows a part, bash: ls all]"
    )


async def test_of_many_ignored_entries_20_are_named(tmp_path: Path) -> None:
    root = project(tmp_path, {".gitignore": "*.o", "d/a.c": "", **{f"d/{number:02}.o": "" for number in range(25)}})
    text = (await ls(root, "d")).text
    assert text.startswith("a.c\n[not shown, because git ignores them: 00.o, 01.o,")
    assert text.endswith(", 19.o and 5 more; bash: ls -A]")


async def test_without_fd_the_result_says_what_is_missing(shop: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "prlimit", "realpath")
    result = await call(tmp_path, "ls", path=path)
    assert not result.ok
    assert result.text.startswith("The workbench has no fd or fdfind")


def test_of_a_flood_only_the_names_that_are_told_are_made_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(tool, "shown", noting(shown, made.append))
    here, ignored = (
        Found(output="".join(f"{each}{number:05}\0" for number in range(9_000)), code=0, words="", whole=True)
        for each in "ab"
    )
    text = result(".", here, ignored).text
    assert "[the first 500 of 9,000 entries;" in text
    assert f" and {9_000 - MAX_IGNORED:,} more; bash: ls -A]" in text
    assert len(made) == MAX_ENTRIES + MAX_IGNORED
