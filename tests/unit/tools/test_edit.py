"""What an edit makes of a file, and what the model is told."""

import json
import threading
from functools import partial

import anyio
import anyio.to_thread
import pytest

from appx.tools import changes, edit
from appx.tools.clip import MAX_FILE
from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import call, toolbox
from tests.unit.tools.noting import noting

pytestmark = pytest.mark.anyio

Pairs = list[tuple[str, str]]


async def edited(data: bytes, edits: Pairs) -> tuple[bool, str, bytes]:
    bench = FakeBench(files={"f.txt": data})
    sent = [{"oldText": old, "newText": new} for old, new in edits]
    result = await call(bench, "edit", {"path": "f.txt", "edits": sent})
    return result.ok, result.text, bench.files["f.txt"]


@pytest.mark.parametrize(
    ("before", "edits", "after"),
    [
        pytest.param("a b c\n", [("b", "x")], "a x c\n", id="inside of a line"),
        pytest.param("a\nb\nc\n", [("b\n", "")], "a\nc\n", id="a line is removed"),
        pytest.param("a\nb\n", [("\nb", "")], "a\n", id="the last line is removed"),
        pytest.param("a\nb\nc\n", [("b", "b\nnew")], "a\nb\nnew\nc\n", id="a line is added"),
        pytest.param("a\nb\n", [("a\nb\n", "new\na\nb\n")], "new\na\nb\n", id="a line is added at the top"),
        pytest.param("a\nb\nc\n", [("c", "3"), ("a", "1")], "1\nb\n3\n", id="edits need no order"),
        pytest.param("ab\n", [("a", "b"), ("b", "a")], "ba\n", id="all match the original, touching"),
        pytest.param("a\nb", [("b", "c")], "a\nc", id="no newline at the end stays"),
        pytest.param("a\nb", [("b", "b\n")], "a\nb\n", id="unless it is asked for"),
        pytest.param("a\nb\n", [("b\n", "b")], "a\nb", id="a newline at the end can be removed"),
        pytest.param("a\r\nb\r\nc\r\n", [("a\nb", "a\nx\ny")], "a\r\nx\r\ny\r\nc\r\n", id="CRLF stays CRLF"),
        pytest.param("a\r\nb\r\n", [("a\r\nb", "a\r\nc")], "a\r\nc\r\n", id="CRLF is also taken as CRLF"),
        pytest.param("a\r\nb\r\nc", [("\nb", "")], "a\r\nc", id="a CRLF goes whole"),
        pytest.param("a\nb\nc\n", [("b", "b\r\nx")], "a\nb\nx\nc\n", id="LF stays LF"),
        pytest.param("a\nb\r\nc\r\n", [("a\nb\nc", "a\nB\nc")], "a\nB\r\nc\r\n", id="mixed ends stay mixed"),
        pytest.param(
            "a\r\nb\nc\r\n", [("b\n", "x\ny\n")], "a\r\nx\ny\nc\r\n", id="new lines end as those they replace"
        ),
        pytest.param("\ufeffa\n", [("a", "b")], "\ufeffb\n", id="a byte order mark stays"),
        pytest.param("\ufeffa\r\nb\r\n", [("a\nb", "c")], "\ufeffc\r\n", id="also with CRLF"),
        pytest.param("a  \nb\n", [("a\nb", "a\nc")], "a  \nc\n", id="white space at the end of another line stays"),
        pytest.param("a\nb\t\nc\n", [("a\nb\nc", "A\nb\nC")], "A\nb\t\nC\n", id="also between two that change"),
        pytest.param("a \r\nb\r\n", [("a\nb", "x\nb")], "x\r\nb\r\n", id="tolerant with CRLF"),
        pytest.param("a  \n\u2018b\u2019\n", [("\n'b'", "x")], "a  x\n", id="white space before the old text stays"),
        pytest.param("a \n\uff9eb\n", [("a\n\uff9eb", "c\n\uff9eb")], "c\n\uff9eb\n", id="a mark at the top of a line"),
        pytest.param("a\n  \nb\n", [("a\n\nb", "a\n\nc")], "a\n  \nc\n", id="an empty line with white space stays"),
        pytest.param("a\nb\n", [("a  \nb", "a  \nc")], "a\nc\n", id="white space that is not in the file"),
        pytest.param("ab\nb\n", [("b  ", "c")], None, id="white space at the end stands for the end of a line, twice"),
        pytest.param("ba\nb\n", [("b  ", "c")], "ba\nc\n", id="white space at the end stands for the end of a line"),
        pytest.param("b \t\nx\n", [("b  ", "c")], "c\nx\n", id="and takes what is there"),
        pytest.param("it\u2019s\n\u201chi\u201d\n", [("it's", "it is")], "it is\n\u201chi\u201d\n", id="a smart quote"),
        pytest.param("\u201ca\u201d\nb\n", [('"a"\nb', '"a"\nc')], "\u201ca\u201d\nc\n", id="a smart quote stays"),
        pytest.param(
            "\u201ca\u201d\nb\n", [('"a"', '"a"\nnew')], "\u201ca\u201d\nnew\nb\n", id="and a line comes after"
        ),
        pytest.param("1\u20132\u2014\n", [("1-2", "1-3")], "1-3\u2014\n", id="a dash"),
        pytest.param("a\u00a0b\u00a0c\n", [("a b", "ab")], "ab\u00a0c\n", id="an odd space"),
        pytest.param("\ufb01ne \ufb01g\n", [("fine", "good")], "good \ufb01g\n", id="a ligature"),
        pytest.param("\ufb01ne\n", [("ine", "x")], None, id="half a ligature is nothing"),
        pytest.param("cafe\u0301 e\u0301\n", [("caf\u00e9", "tea")], "tea e\u0301\n", id="an accent apart"),
        pytest.param("e\u0301\n", [("\u00e9", "e")], "e\n", id="an accent at the top"),
        pytest.param("\uff76" * 999 + "\uff76x\n", [("\u30abx", "y")], "\uff76" * 999 + "y\n", id="a long run"),
        pytest.param("caf\u00e9\n", [("cafe\u0301", "tea")], "tea\n", id="an accent in the letter"),
        pytest.param("cafe\u0301\n", [("caf\u00e9s", "x")], None, id="another word"),
        pytest.param("\uff21\uff22\uff23\n", [("BC", "x")], "\uff21x\n", id="full width letters are apart"),
        pytest.param("\u1112\u1161\u11ab\n", [("\ud55c", "x")], "x\n", id="Hangul in pieces"),
        pytest.param("\uff76\uff9e\n", [("\u30ac", "x")], "x\n", id="half width kana with its mark"),
        pytest.param("wait\u2026 wait\n", [("wait...", "go")], "go wait\n", id="an ellipsis"),
        pytest.param("'a' \u2018a\u2019\n", [("'a'", "b")], "b \u2018a\u2019\n", id="exact comes before tolerant"),
        pytest.param("\u2018a\u2019 \u2018a\u2019\n", [("'a'", "b")], None, id="tolerant must be unique as well"),
        pytest.param("\ta\n", [("    a", "b")], None, id="indentation is exact"),
        pytest.param("a\n\n", [("  \n", "x\n")], None, id="white space alone is exact"),
        pytest.param("x\n  a\n", [("a", "")], "x\n  \n", id="nothing else is tidied"),
        pytest.param("a\x0cb\u2028c\x85d\n", [("d", "e")], "a\x0cb\u2028c\x85e\n", id="only LF and CRLF end lines"),
        pytest.param("a\rb\n", [("b", "c")], "a\rc\n", id="a lone CR is a character"),
        pytest.param("a.b $1 \\1\n", [("a.b", "\\1$&")], "\\1$& $1 \\1\n", id="nothing is a pattern"),
    ],
)
async def test_only_what_was_asked_is_changed(before: str, edits: Pairs, after: str | None) -> None:
    ok, text, data = await edited(before.encode(), edits)
    assert (ok, data.decode()) == ((True, after) if after is not None else (False, before)), text


@pytest.mark.parametrize(
    ("before", "edits", "problem"),
    [
        ("a\n", [("", "x")], "Edit 1 of 1: oldText is empty."),
        ("", [("a", "x")], "Edit 1 of 1: oldText is not in the file."),
        ("a\n", [("a", "b"), ("zzz", "x")], "Edit 2 of 2: oldText is not in the file. Read the file again"),
        ("one\n  two two\n", [("two two\nthree", "x")], "Its first line looks like line 2."),
        ("a\nb\na\n", [("a", "x")], "Edit 1 of 1: oldText is there 2 times (line 1, 3). Add what stands around it"),
        ("aaa\n", [("aa", "x")], "oldText is there 2 times (line 1)"),
        ("a\n" * 7, [("a", "x")], "oldText is there 7 times (line 1, 2, 3, 4, 5, …)"),
        ("a" * 1000, [("a", "x")], "oldText is there more than 100 times"),
        ("a\n", [("a", "a")], "Edit 1 of 1: oldText and newText are the same."),
        ("a\r\nb\r\n", [("a\nb", "a\r\nb")], "Edit 1 of 1: oldText and newText are the same."),
        ("\u201ca\u201d\n", [('"a"', "\u201ca\u201d")], "Edit 1 of 1: the file already reads as newText."),
        ("abc\n", [("ab", "x"), ("bc", "y")], "Edits 1 and 2 overlap in line 1. Make them one edit."),
        ("a\nabc\n", [("bc", "x"), ("a\nab", "y")], "Edits 1 and 2 overlap in line 2."),
        ("abc\n", [("c", "z"), ("abc", "x"), ("b", "y")], "overlap"),
        ("abc\n", [("abc", "x"), ("abc", "x")], "Edits 1 and 2 overlap in line 1."),
        ("a\n", [("x", "1"), ("y", "2")], "Edit 1 of 2: oldText is not in the file."),
        ("a\n", [("x", "1"), ("y", "2")], "Edit 2 of 2: oldText is not in the file."),
    ],
)
async def test_an_edit_that_cannot_be_made_is_told_by_its_number(before: str, edits: Pairs, problem: str) -> None:
    ok, text, data = await edited(before.encode(), edits)
    assert not ok
    assert problem in text
    assert text.endswith("Nothing was changed.")
    assert data.decode() == before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("a\ncaf\u00e9\n".encode("latin-1"), "f.txt is not UTF-8 (line 2), so it cannot be edited."),
        ("\ufeffab".encode("utf-16-le"), "f.txt is binary (UTF-16 text: convert it with iconv)"),
        (b"PK\x03\x04\0\0a", "f.txt is binary (ZIP archive or office document), so it cannot be edited."),
        (b"a" + b"\n" * MAX_FILE, "f.txt is too large to edit: more than 10,485,760 bytes."),
    ],
)
async def test_a_file_that_is_not_a_text_is_refused(data: bytes, problem: str) -> None:
    ok, text, after = await edited(data, [("a", "b")])
    assert not ok
    assert problem in text
    assert after == data


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"path": "none", "edits": [{"oldText": "a", "newText": "b"}]}, "There is no file none."),
        ({"path": "f", "edits": []}, "edits: "),
        ({"path": "f"}, "edits: "),
        ({"path": "f", "edits": "not json"}, "edits: "),
        ({"path": "f", "edits": [{"oldText": "a", "newText": "\ud83d"}]}, "edits.0.newText: "),
        ({"path": "f", "edits": [{"newText": "b"}]}, "edits.0.oldText: "),
        ({"path": "f", "edits": [{"oldText": "a", "newText": None}]}, "edits.0.newText: "),
    ],
)
async def test_a_call_that_makes_no_sense_is_told(arguments: dict[str, object], problem: str) -> None:
    bench = FakeBench(files={"f": b"a"})
    result = await call(bench, "edit", arguments)
    assert not result.ok
    assert problem in result.text
    assert bench.written == []


async def test_edits_that_came_as_a_string_of_json_are_taken() -> None:
    bench = FakeBench(files={"f": b"a"})
    sent = json.dumps([{"oldText": "a", "newText": "b"}])
    assert (await call(bench, "edit", {"path": "f", "edits": sent})).ok
    assert bench.files == {"f": b"b"}


async def test_the_model_is_told_oldtext_and_newtext() -> None:
    schema = next(spec.schema for spec in toolbox(FakeBench()).specs if spec.name == "edit")
    assert json.dumps(schema["$defs"]).count('"oldText"') == 2
    assert "old_text" not in json.dumps(schema)


async def test_the_answer_is_a_diff() -> None:
    before = "".join(f"{number}\n" for number in range(1, 21)) + "end"
    _, text, _ = await edited(before.encode(), [("\n2\n3\n", "\ntwo\n3\n"), ("end", "END"), ("\n6\n", "\n6\nsix\n")])
    assert text == (
        "Changed f.txt: 3 edits.\n--- f.txt\n+++ f.txt\n"
        "@@ -1,9 +1,10 @@\n 1\n-2\n+two\n 3\n 4\n 5\n 6\n+six\n 7\n 8\n 9\n"
        "@@ -18,4 +19,4 @@\n 18\n 19\n 20\n"
        "-end\n\\ No newline at end of file\n+END\n\\ No newline at end of file"
    )


async def test_an_edit_that_matched_tolerantly_is_told() -> None:
    _, text, _ = await edited(b"a  \nb\nc\n", [("c", "C"), ("a\nb", "a\nB")])
    assert text.startswith(
        "Changed f.txt: 2 edits.\n"
        "[edit 2 matched only with white space at line ends, quotes, dashes or Unicode forms disregarded]\n"
    )


async def test_a_long_diff_is_cut() -> None:
    _, text, _ = await edited(b"a\n", [("a", "b\n" * 5_000)])
    assert text.endswith("\n+b\n[the first 2,000 of 5,005 lines of the diff]")
    _, text, _ = await edited(b"a\n", [("a", "b" * 5_000)])
    assert f"\n+{'b' * 500}…" in text


async def test_all_that_takes_long_is_done_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    names = ("plan", "apply", "unified", "binary_type")
    for each in names:
        noted = noting(getattr(edit, each), lambda *_: threads.append(threading.current_thread()))
        monkeypatch.setattr(edit, each, noted)
    assert (await edited(b"a\n", [("a", "b")]))[0]
    assert len(threads) == len(names)
    assert threading.current_thread() not in threads


async def test_who_ends_the_turn_does_not_wait_for_the_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(text: str, edits: object) -> changes.Plan:
        begun.set()
        over.wait(10)
        ended.set()
        return changes.Plan(changes=(), tolerant=())

    monkeypatch.setattr(edit, "plan", slow)
    bench = FakeBench(files={"f": b"a"})
    arguments: dict[str, object] = {"path": "f", "edits": [{"oldText": "a", "newText": "b"}]}
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(call, bench, "edit", arguments))
            assert await anyio.to_thread.run_sync(begun.wait, 10)
            tasks.cancel_scope.cancel()
        assert not ended.is_set()
        assert bench.written == []
    finally:
        over.set()
