"""What a search says when its program could not do all of its work."""

import threading
from types import ModuleType

import pytest

from appx.domain.errors import Invalid
from appx.domain.ids import CallId
from appx.domain.messages import ToolCall
from appx.tools import find, grep, ls
from appx.tools.find import FindArgs
from appx.tools.grep import GrepArgs
from appx.tools.searching import MAX_OUTPUT, Found, Search, found, line
from appx.tools.tool import Toolbox
from appx.tools.within import within
from appx.workbench.bench import CommandResult
from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import PROJECT
from tests.unit.tools.noting import noting

WANTED = Search(programs=("rg",), arguments="", path="./src")
ROW = "./src/a.py\x001:1:tea\n"
DENIED = "rg: ./x: Permission denied (os error 13)"


def done(output: str, *, size: int = 0, code: int | None = 0) -> CommandResult:
    return CommandResult(
        code=code,
        ended="time_limit" if code is None else "exit",
        output=output,
        total_bytes=size or len(output.encode()),
        total_lines=1,
        full_output=None,
    )


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("\0\x000\0", ("", 0, "")),
        ("a\0b\0\0\x000\0", ("a\0b\0", 0, "")),
        ("a\0\0\x00141\0no\n", ("a\0", 141, "no")),
        ("text\0\0odd\n\0\x002\0x", ("text\0\0odd\n", 2, "x")),
    ],
)
def test_output_status_and_complaints_are_told_apart(output: str, expected: tuple[str, int, str]) -> None:
    seen = found(WANTED, done(output))
    assert (seen.output, seen.code, seen.words) == expected
    assert seen.whole


def test_output_of_the_largest_size_may_not_be_all() -> None:
    assert not found(WANTED, done("a\0\0\x000\0", size=MAX_OUTPUT)).whole
    assert not found(WANTED, done("a\0b", code=None)).whole


@pytest.mark.parametrize("output", ["", "a\0b\0", "a\0\0", "\0\0x\0", "\0\0-1\0", "\0\0²\0", f"\0\0{'9' * 4_301}\0"])
def test_a_search_that_somebody_ended_is_said_so(output: str) -> None:
    with pytest.raises(Invalid, match="was ended before it was done"):
        found(WANTED, done(output))


def test_a_search_over_its_time_tells_what_it_had_found() -> None:
    late = Found(output=ROW, code=None, words="", whole=False)
    told = grep.result(GrepArgs(pattern="tea"), ".", late)
    assert not told.ok
    assert told.text.startswith("src/a.py\n1: tea\n[the first 1 matches, there may be more; narrow")
    assert told.text.endswith("[ended after 60 s, its time limit. Give a smaller path or a glob]")
    paths = find.result("*", ".", Found(output="./a\0./b\0./unfin", code=None, words="", whole=False))
    assert not paths.ok
    assert paths.text.startswith("a\nb\n[the first 2 paths, there may be more;")
    assert paths.text.endswith("[ended after 60 s, its time limit. Give a smaller path]")


def test_what_could_not_be_read_is_noted_beside_what_was_found() -> None:
    told = grep.result(GrepArgs(pattern="tea"), ".", Found(output=ROW, code=2, words=DENIED, whole=True))
    assert (told.ok, told.text) == (True, f"src/a.py\n1: tea\n[ripgrep says: {DENIED}]")
    nothing = grep.result(GrepArgs(pattern="tea"), ".", Found(output="", code=2, words=DENIED, whole=True))
    assert (nothing.ok, nothing.text) == (False, "ripgrep says: ./x: Permission denied (os error 13)")
    complaint = "[fd error]: Permission denied"
    some = Found(output="./a\0", code=1, words=complaint, whole=True)
    assert find.result("*", "./d", some).text == "d/a\n[fd says: Permission denied]"
    assert ls.result(".", some, some).text == "a\n[fd says: Permission denied]"
    none = Found(output="", code=1, words=complaint, whole=True)
    assert not ls.result(".", none, none).ok


def test_every_argument_is_one_word_of_the_shell() -> None:
    odd = "it's; `x` $(y) {z} \\"
    for wanted in (
        grep.ripgrep(GrepArgs(pattern=odd, path=odd, glob=odd), "/w"),
        find.fd(FindArgs(pattern=odd, path=odd), "/w"),
        ls.entries(within("/w", odd)),
    ):
        assert "'./it'\"'\"'s; `x` $(y) {z} \\'" in line(wanted)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".", "."),
        ("./", "."),
        ("/w/p", "."),
        ("/w/p/a/", "./a"),
        ("a//b/./c", "./a/b/c"),
        ("-x", "./-x"),
        ("..a/b..", "./..a/b.."),
        ("~", "./~"),
    ],
)
def test_a_path_inside_is_given_so_that_it_is_no_option(path: str, expected: str) -> None:
    assert within("/w/p", path) == expected


@pytest.mark.parametrize("path", ["..", "a/..", "a/../b", "/w/p/..", "/", "/w", "/w/pp", "//w/p"])
def test_a_path_outside_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        within("/w/p", path)


def test_what_a_search_complains_of_is_short() -> None:
    with pytest.raises(Invalid) as caught:
        found(WANTED, done("\0\0path\0" + "x" * 500_000))
    assert len(str(caught.value)) < 2_200


@pytest.mark.anyio
@pytest.mark.parametrize("module", [grep, find, ls])
async def test_what_was_found_is_gone_through_beside_the_event_loop(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    noted = noting(module.result, lambda *_: threads.append(threading.current_thread()))
    monkeypatch.setattr(module, "result", noted)
    name = module.__name__.rpartition(".")[2]
    tools = Toolbox((getattr(module, name)(FakeBench(result=done("\0\x000\0")), PROJECT, "/workspace/demo"),))
    call = ToolCall(id=CallId("c"), name=name, arguments={"pattern": "x"})
    assert (await tools.run(call, lambda _: None)).ok
    assert len(threads) == 1
    assert threads != [threading.current_thread()]
