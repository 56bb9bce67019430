"""What is written, and what the model is told of it."""

import pytest

from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import call

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("content", "size"),
    [
        ("", "0 bytes"),
        ("a", "1 byte"),
        ("naïve\n", "7 bytes"),
        ("a\r\nb\r\n", "6 bytes"),
        ("\ufeffa", "4 bytes"),
        ("x" * 1234, "1,234 bytes"),
    ],
)
async def test_the_content_is_written_as_it_is(content: str, size: str) -> None:
    bench = FakeBench()
    result = await call(bench, "write", {"path": "src/a.txt", "content": content})
    assert (result.ok, result.text) == (True, f"Wrote {size} to src/a.txt (a new file).")
    assert bench.files == {"src/a.txt": content.encode()}


@pytest.mark.parametrize("before", [b"", b"old", b"\0\xff"])
async def test_a_file_that_was_there_is_said_to_be_replaced(before: bytes) -> None:
    bench = FakeBench(files={"a": before})
    result = await call(bench, "write", {"path": "a", "content": "new"})
    assert (result.ok, result.text) == (True, "Wrote 3 bytes to a (replaced).")
    assert bench.files == {"a": b"new"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"path": "../a", "content": "x"}, "leads out of the project"),
        ({"path": "a"}, "content: "),
        ({"path": "", "content": "x"}, "path: "),
        ({"content": "x"}, "path: "),
        ({"path": "a", "content": {"json": 1}}, "content: "),
        ({"path": "a", "content": "half a pair: \ud83d"}, "content: "),
    ],
)
async def test_what_cannot_be_written_is_told_and_nothing_is(arguments: dict[str, object], problem: str) -> None:
    bench = FakeBench()
    result = await call(bench, "write", arguments)
    assert not result.ok
    assert problem in result.text
    assert bench.files == {}
