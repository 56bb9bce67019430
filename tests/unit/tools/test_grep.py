"""What the model is told of a search, by the real ripgrep."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.messages import ToolResult
from appx.tools import grep as tool
from appx.tools.clip import MAX_BYTES
from appx.tools.grep import NOTHING, GrepArgs, lines_of
from appx.tools.matches import MAX_LINE, MAX_MATCHES, Row, matches
from appx.tools.searching import Found
from tests.unit.tools.noting import noting
from tests.unit.tools.searches import call, programs, project

pytestmark = pytest.mark.anyio

FILES: dict[str | bytes, str | bytes] = {
    ".gitignore": "*.log\nnode_modules\n!keep.log\n",
    ".env": "KEY=tea\n",
    "src/a.py": "one\ntea.pot\nthree\nfour\nfive\nTea\n",
    "src/lib/b.py": "tea",
    "src/c.ts": "const tea = 1\r\n",
    "tests/src/d.ts": "tea\n",
    "y.log": "tea\n",
    "keep.log": "tea\n",
    "node_modules/n.py": "tea\n",
    "app.min.js": "tea\n",
    "bin": b"tea\0\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project's directory."""
    return project(tmp_path, FILES)


async def grep(shop: Path, pattern: str, **arguments: object) -> ToolResult:
    return await call(shop.parent, "grep", {"pattern": pattern, **arguments})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"pattern": "tea", "path": "src"},
            "src/a.py\n2: tea.pot\n\nsrc/c.ts\n1: const tea = 1\n\nsrc/lib/b.py\n1: tea",
        ),
        ({"pattern": "TEA", "path": "src/lib"}, f"[{NOTHING}]"),
        ({"pattern": "TEA", "path": "src/lib", "ignoreCase": True}, "src/lib/b.py\n1: tea"),
        ({"pattern": "tea", "path": "src/a.py", "ignoreCase": True}, "src/a.py\n2: tea.pot\n6: Tea"),
        ({"pattern": "a.p", "path": "src", "literal": True}, "src/a.py\n2: tea.pot"),
        ({"pattern": "(", "path": "src", "literal": True}, f"[{NOTHING}]"),
        ({"pattern": "t.a$", "path": "./src/lib/"}, "src/lib/b.py\n1: tea"),
        ({"pattern": "= 1$", "glob": "*.ts"}, "src/c.ts\n1: const tea = 1"),
        ({"pattern": "pot|four", "path": "src"}, "src/a.py\n2: tea.pot\n4: four"),
        ({"pattern": "pot", "path": "src", "context": 1}, "src/a.py\n1- one\n2: tea.pot\n3- three"),
        (
            {"pattern": "one|five", "path": "src", "context": 1},
            "src/a.py\n1: one\n2- tea.pot\n--\n4- four\n5: five\n6- Tea",
        ),
        ({"pattern": "tea", "glob": "*.py"}, "src/a.py\n2: tea.pot\n\nsrc/lib/b.py\n1: tea"),
        ({"pattern": "tea", "glob": "src/*.ts"}, "src/c.ts\n1: const tea = 1\n\ntests/src/d.ts\n1: tea"),
        ({"pattern": "tea", "glob": "/src/**/*.{py,js}"}, "src/a.py\n2: tea.pot\n\nsrc/lib/b.py\n1: tea"),
        ({"pattern": "tea", "glob": "src/[{c].ts"}, "src/c.ts\n1: const tea = 1"),
        ({"pattern": "tea", "glob": "!src/**", "path": "tests"}, f"[{NOTHING}]"),
        ({"pattern": "tea", "glob": "!*.ts", "path": "src/lib"}, "src/lib/b.py\n1: tea"),
        ({"pattern": "tea", "glob": "lib/"}, "src/lib/b.py\n1: tea"),
        ({"pattern": "tea", "glob": "**"}, None),
        ({"pattern": "tea", "glob": "**/*"}, None),
        ({"pattern": "tea", "glob": "./src/lib/*"}, "src/lib/b.py\n1: tea"),
        ({"pattern": "tea", "glob": "s*c/[a-b].py"}, "src/a.py\n2: tea.pot"),
        ({"pattern": "tea", "glob": "*.log"}, "keep.log\n1: tea"),
        ({"pattern": "tea", "glob": ".env"}, ".env\n1: KEY=tea"),
        ({"pattern": "tea", "path": "node_modules"}, "node_modules/n.py\n1: tea"),
        ({"pattern": "tea", "glob": "b*"}, "src/lib/b.py\n1: tea"),
        ({"pattern": "-1|tea", "path": "keep.log"}, "keep.log\n1: tea"),
        ({"pattern": "--files", "path": "src"}, f"[{NOTHING}]"),
    ],
)
async def test_matches_stand_below_the_name_of_their_file(
    shop: Path, arguments: dict[str, object], expected: str | None
) -> None:
    result = await call(shop.parent, "grep", arguments)
    assert result.ok
    assert result.text == (await grep(shop, "tea")).text if expected is None else expected


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"pattern": "("}, "unclosed group\n[mend the pattern, or set literal to search for it as it stands]"),
        ({"pattern": "(?=x)"}, "look-around"),
        ({"pattern": "a\nb"}, "line by line"),
        ({"pattern": ""}, "pattern: "),
        ({"pattern": "a\0b"}, "pattern: "),
        ({"pattern": "tea", "glob": "[a"}, "The glob cannot be used: "),
        ({"pattern": "tea", "glob": "!x[a"}, "glob"),
        ({"pattern": "tea", "glob": "a\nb"}, "glob: it is one line."),
        ({"pattern": "tea", "context": 21}, "context: "),
        ({"pattern": "tea", "path": "../shop"}, "leave out '..'"),
        ({"pattern": "tea", "path": "src/../src"}, "leave out '..'"),
        ({"pattern": "tea", "path": "/etc"}, "leads out of the project"),
        ({"pattern": "tea", "path": "out"}, "a symbolic link leads out of the project"),
        ({"pattern": "tea", "path": "out/apt"}, "a symbolic link leads out of the project"),
        ({"pattern": "tea", "path": "gone/x"}, "gone/x: No such file or directory. "),
        ({"pattern": "x" * 1_001}, "pattern: String should have at most 1000 characters"),
        ({"pattern": "x", "glob": "{" * 1_001}, "glob: String should have at most 1000 characters"),
    ],
)
async def test_what_cannot_be_searched_is_said_with_the_reason(
    shop: Path, arguments: dict[str, object], problem: str
) -> None:
    (shop / "out").symlink_to("/etc")
    result = await call(shop.parent, "grep", arguments)
    assert not result.ok
    assert problem in result.text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("-e", "-e"),
        ("--files", "--files"),
        ("a b", "a b"),
        ('it\'s "here"', 'it\'s "here"'),
        ("new\nline", '"new\\nline"'),
        ("1\n2:3:x", '"1\\n2:3:x"'),
        ("$(touch x)`id`;", "$(touch x)`id`;"),
        ("{a}", "{a}"),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("☃", "☃"),
    ],
)
async def test_any_name_is_searched_and_told(tmp_path: Path, name: str, told: str) -> None:
    root = project(tmp_path, {name: "tea\n", f"{name}.d/file": "tea\n"})
    below = told[:-1] + '.d/file"' if told.startswith('"') else f"{told}.d/file"
    for path in (name, f"./{name}", str(root / name)):
        assert await grep(root, "tea", path=path) == ToolResult(ok=True, text=f"{told}\n1: tea")
    assert (await grep(root, "tea", path=f"{name}.d")).text == f"{below}\n1: tea"
    both = (await grep(root, "tea")).text.split("\n\n")
    assert sorted(both) == sorted([f"{told}\n1: tea", f"{below}\n1: tea"])
    assert not (root / "x").exists()


async def test_a_name_that_is_not_utf_8_is_told_with_what_can_use_it(tmp_path: Path) -> None:
    root = project(tmp_path, {b"caf\xe9": "tea\n", "latin": b"tea caf\xe9\n"})
    text = (await grep(root, "tea")).text
    assert text.startswith("caf\ufffd\n1: tea\n\nlatin\n1: tea caf\ufffd\n[a name with \ufffd is not UTF-8: ")


async def test_100_matches_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    root = project(tmp_path, {"a": "tea\n" * MAX_MATCHES, "b": "tea\n" * MAX_MATCHES})
    whole = await grep(root, "tea", path="a")
    assert whole.text.endswith("\n100: tea"), "nothing is left out"
    text = (await grep(root, "tea", context=1)).text
    assert text.count(": tea") == MAX_MATCHES
    assert text.endswith(
        "\n100: tea\n[the first 100 of 200 matches; narrow pattern, path or glob, "
        "or count them with bash: rg --count --regexp tea -- .]"
    )


async def test_context_behind_the_last_match_is_shown_and_none_before_what_is_not(tmp_path: Path) -> None:
    root = project(tmp_path, {"a": "tea\n\n" + "tea\n" * 99 + "after\n\n\nbefore\ntea\n"})
    text = (await grep(root, "tea", context=1)).text
    assert "\n101: tea\n102- after\n[the first 100 of 101 matches;" in text


async def test_of_a_flood_the_first_matches_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    root = project(tmp_path, {"a": "tea and more\n" * 200_000})
    text = (await grep(root, "tea")).text
    assert "\n100: tea and more\n[the first 100 matches, there may be more; narrow" in text


async def test_a_result_is_never_larger_than_a_page(tmp_path: Path) -> None:
    root = project(tmp_path, {"a": ("tea\n" + 2 * ("x" * 490 + "\n")) * 200})
    text = (await grep(root, "tea", context=1)).text
    assert MAX_BYTES - 1_000 < len(text) < MAX_BYTES + 1_000
    assert "[the first 52 of 200 matches; narrow" in text


@pytest.mark.parametrize(
    ("line", "shown", "see"),
    [
        ("tea" + "x" * (MAX_LINE - 3), None, ""),
        ("tea" + "x" * (MAX_LINE - 2), "[cut]", "sed -n 1p f | cut -b 1-1000"),
        ("x" * 3_000 + "tea", "[cut, the match is at byte 3,001]", "sed -n 1p f | cut -b 2901-3900"),
        ("é" * 400_000 + "tea", "[cut, the match is at byte 800,001]", "sed -n 1p f | cut -b 799901-800900"),
    ],
    ids=["fits", "one more", "far match", "huge"],
)
async def test_a_long_line_is_cut_and_the_way_to_its_rest_is_told(
    tmp_path: Path, line: str, shown: str | None, see: str
) -> None:
    root = project(tmp_path, {"f": f"{line}\n"})
    text = (await grep(root, "tea")).text
    first, *notes = text.split("\n")[1:]
    if shown is None:
        assert (first, notes) == (f"1: {line}", [])
    else:
        assert first == f"1: {line[:MAX_LINE]} {shown}"
        assert notes == [f"[1 line is cut at 500 characters; the rest of the first: bash: {see}]"]


async def test_a_binary_file_is_said_to_be_searched_in_part(tmp_path: Path) -> None:
    root = project(tmp_path, {"late": b"tea\n" + b"line\n" * 50_000 + b"\0\ntea\n", "z": "tea\n"})
    text = (await grep(root, "tea")).text
    assert text.startswith("late\n1: tea\n")
    assert text.endswith("[1 binary file was not searched to the end; bash: rg --text]")


async def test_links_are_not_followed_but_one_inside_may_be_named(shop: Path) -> None:
    (shop / "out").symlink_to("/etc")
    (shop / "lnk").symlink_to("src/lib")
    assert "lnk" not in (await grep(shop, "tea")).text
    assert (await grep(shop, "tea", path="lnk")).text == "lnk/b.py\n1: tea"


async def test_without_ripgrep_the_result_says_what_is_missing(shop: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "prlimit", "realpath")
    result = await call(tmp_path, "grep", {"pattern": "tea"}, path=path)
    assert not result.ok
    assert result.text.startswith("The workbench has no rg, which this tool needs.")


ROWS = st.lists(
    st.builds(
        Row,
        path=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(
            lambda path: not path.startswith("./") and ": " not in path
        ),
        number=st.integers(1, 10**6),
        column=st.integers(0, 10**6),
        text=st.text(st.characters(exclude_characters="\0\n\r", codec="utf-8")),
    )
)


@given(ROWS, st.sampled_from(["", "unfinished", "unfinished\0", "unfinished\x0012:1:te"]))
def test_any_names_and_texts_are_taken_apart_as_they_were(rows: list[Row], unfinished: str) -> None:
    output = "".join(
        f"./{row.path}\0{row.number}{f':{row.column}:' if row.column else '-'}{row.text}\n" for row in rows
    )
    assert matches(output + unfinished).rows == rows


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("src/a", ["src/a"]),
        ("src/*", ["src/a", "src/b"]),
        ("src/{a,x}*", ["src/a", "src/b"]),
        ("src/{a,{x,b}}", ["src/a", "src/b"]),
        ("src/{", ["src/a", "src/b", "lib/c"]),
        ("{}/c", ["lib/c"]),
    ],
)
def test_a_glob_is_read_generously_and_once_for_all_that_was_found(
    glob: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    monkeypatch.setattr(tool, "_anywhere", noting(tool._anywhere, reads.append))
    output = "".join(f"{path}\x001:1:tea\n" for path in ("src/a", "src/b", "lib/c"))
    done = Found(output=output, code=0, words="", whole=True)
    assert [row.path for row in lines_of(GrepArgs(pattern="tea", glob=glob), done).rows] == found
    assert reads == [glob]
