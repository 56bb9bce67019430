"""Which names are found, by the real fd."""

from pathlib import Path

import pytest

from appx.domain.messages import ToolResult
from appx.tools import find as tool
from appx.tools.clip import MAX_BYTES
from appx.tools.find import MAX_PATHS, NOTHING, paths_of, result
from appx.tools.searching import Found
from tests.unit.tools.noting import noting
from tests.unit.tools.searches import call, programs, project

pytestmark = pytest.mark.anyio

FILES: dict[str | bytes, str | bytes] = {
    ".gitignore": "*.log\nnode_modules\n",
    ".env": "",
    "README.md": "",
    "src/a.py": "",
    "src/lib/b.py": "",
    "src/lib/B.PY": "",
    "tests/src/c.py": "",
    "y.log": "",
    "node_modules/n.py": "",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project's directory."""
    return project(tmp_path, FILES)


async def find(shop: Path, pattern: str, path: str = ".") -> ToolResult:
    return await call(shop.parent, "find", {"pattern": pattern, "path": path})


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("*.py", ".", ["src/a.py", "src/lib/b.py", "tests/src/c.py"]),
        ("*.py", "src/lib", ["src/lib/b.py"]),
        ("*.py", "src/lib/", ["src/lib/b.py"]),
        ("*.{py,PY}", "src/lib", ["src/lib/B.PY", "src/lib/b.py"]),
        ("a.py", ".", ["src/a.py"]),
        ("a", ".", []),
        ("lib", ".", ["src/lib/"]),
        ("lib/", ".", ["src/lib/"]),
        ("src/*.py", ".", ["src/a.py", "tests/src/c.py"]),
        ("./src/*.py", ".", ["src/a.py", "tests/src/c.py"]),
        ("/src/*.py", ".", ["src/a.py", "tests/src/c.py"]),
        ("src/**/*.py", ".", ["src/a.py", "src/lib/b.py", "tests/src/c.py"]),
        ("**/lib/*", ".", ["src/lib/B.PY", "src/lib/b.py"]),
        ("shop/*", ".", []),
        ("[a-b].py", "src", ["src/a.py", "src/lib/b.py"]),
        (".env", ".", [".env"]),
        (".git*", ".", [".gitignore"]),
        ("*.log", ".", []),
        ("n.py", ".", []),
        ("n.py", "node_modules", ["node_modules/n.py"]),
        ("-x", ".", []),
    ],
)
async def test_what_matches_is_told_in_order(shop: Path, pattern: str, path: str, found: list[str]) -> None:
    result = await find(shop, pattern, path)
    assert (result.text, result.ok) == ("\n".join(found) or f"[{NOTHING}]", True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"pattern": "[a"}, "fd says: error parsing glob '[a': "),
        ({"pattern": ""}, "pattern: "),
        ({}, "pattern: "),
        ({"pattern": "*", "path": ".."}, "leave out '..'"),
        ({"pattern": "*", "path": "/"}, "leads out of the project"),
        ({"pattern": "*", "path": "out"}, "a symbolic link leads out of the project"),
        ({"pattern": "*", "path": "gone"}, "gone: No such file or directory. "),
        ({"pattern": "*", "path": "README.md"}, "README.md: this is a file. Name a directory, or use read."),
    ],
)
async def test_what_cannot_be_looked_for_is_said_with_the_reason(
    shop: Path, arguments: dict[str, object], problem: str
) -> None:
    (shop / "out").symlink_to("/etc")
    result = await call(shop.parent, "find", arguments)
    assert not result.ok
    assert problem in result.text


@pytest.mark.parametrize("name", ["-x", "--help", "a b", "it's", 'a"b', "$(touch y)", "-"])
async def test_any_directory_can_be_looked_into(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, {f"{name}/f": ""})
    assert (await find(root, "f", name)).text == f"{name}/f"
    assert (await find(root, name)).text == f"{name}/"


async def test_odd_names_are_told_on_one_line(tmp_path: Path) -> None:
    root = project(tmp_path, {"a\nb": "", b"caf\xe9": "", "\t": ""})
    *names, note = (await find(root, "*")).text.split("\n")
    assert names == ['"\\t"', '"a\\nb"', "caf\ufffd"]
    assert note == "[a name with \ufffd is not UTF-8: only bash can use it, with * in the place of \ufffd]"


async def test_1000_paths_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    root = project(tmp_path, {f"f{number:04}": "" for number in range(MAX_PATHS)})
    assert (await find(root, "f*")).text.endswith("\nf0999")
    (root / "f1000").touch()
    text = (await find(root, "f*")).text
    assert text.endswith("\nf0999\n[the first 1,000 of 1,001 paths; narrow the pattern or the path]")


async def test_of_a_flood_the_first_paths_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    root = project(
        tmp_path, {f"{letter * 200}/{number:04}{'x' * 200}": "" for letter in "abc" for number in range(900)}
    )
    text = (await find(root, "*x")).text
    assert len(text) < MAX_BYTES + 200
    assert text.endswith(" paths, there may be more; narrow the pattern or the path]")


async def test_links_are_found_and_not_followed(shop: Path) -> None:
    (shop / "link").symlink_to("src")
    assert (await find(shop, "link")).text == "link"
    assert (await find(shop, "a.py")).text == "src/a.py"
    assert (await find(shop, "a.py", "link")).text == "link/a.py"


async def test_without_fd_the_result_says_what_is_missing(shop: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "prlimit", "realpath")
    result = await call(tmp_path, "find", {"pattern": "*"}, path=path)
    assert not result.ok
    assert result.text.startswith("The workbench has no fd or fdfind, which this tool needs.")


def test_a_pattern_is_read_once_for_all_that_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    monkeypatch.setattr(tool, "_plain", noting(tool._plain, reads.append))
    done = Found(output="a\0lib/b\0lib/c/d\0" * 20, code=0, words="", whole=True)
    assert paths_of("x/**/*/y", ".", done) == ["lib/c/d"] * 20
    assert paths_of("x/**/*/y", "./src", done) == ["src/lib/b", "src/lib/c/d"] * 20
    assert reads == ["x/**/*/y"] * 2


def test_of_a_flood_only_the_paths_that_may_be_shown_are_made() -> None:
    """Below a long path all of them would be a gigabyte."""
    done = Found(output="a\0" * 5_000, code=0, words="", whole=True)
    assert paths_of("*", "./src", done) == ["src/a"] * (MAX_PATHS + 1)
    assert "[the first 1,000 of 5,000 paths;" in result("*", "./src", done).text
