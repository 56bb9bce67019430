"""What the model is shown of a file."""

import struct
import tracemalloc
from base64 import b64decode
from typing import SupportsIndex, overload

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from appx.domain.errors import Invalid
from appx.domain.ids import CallId
from appx.domain.messages import ToolCall
from appx.tools.clip import MAX_BYTES, MAX_FILE, MAX_LINES
from appx.tools.page import page
from appx.tools.picture import MAX_SEGMENTS, picture
from appx.tools.read import MAX_PICTURE
from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import call, toolbox

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + b"\x08\x06\0\0\0"
GIF = b"GIF89a" + struct.pack("<HH", 640, 480) + b"\0\0\0"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x04ab"  # a segment before the frame
    b"\xff\xc4\x00\x09\0\0\1\0\1\0\1"  # a Huffman table, whose marker is among those of frames
    b"\xff\xff\xc0\x00\x11\x08" + struct.pack(">HH", 480, 640) + b"\x03"  # with a fill byte
)
WEBP = {
    "lossy": b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480),
    "lossless": b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14),
    "extended": b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
}


def numbered(count: int) -> bytes:
    return "".join(f"{number}\n" for number in range(1, count + 1)).encode()


async def shown(data: bytes, **arguments: object) -> tuple[bool, str]:
    result = await call(FakeBench(files={"f.txt": data}), "read", {"path": "f.txt", **arguments})
    return result.ok, result.text


@pytest.mark.parametrize(
    ("data", "arguments", "expected"),
    [
        (b"a\nb\n", {}, "a\nb"),
        (b"a\nb", {}, "a\nb"),
        (b"", {}, "[f.txt is empty]"),
        (b"\xef\xbb\xbf", {}, "[f.txt is empty]"),
        (b"\n", {}, "\n[only white space]"),
        (b"a\n\n\n", {}, "a\n\n"),
        (b"a\nb\nc\n", {"offset": 2}, "b\nc\n[showing lines 2-3 of 3]"),
        (b"a\nb\nc\n", {"offset": None, "limit": None}, "a\nb\nc"),
        (b"a\nb\nc\n", {"limit": 2}, "a\nb\n[showing lines 1-2 of 3, use offset=3 to go on]"),
        (b"a\nb\nc\n", {"limit": 3}, "a\nb\nc"),
        (b"a\nb\nc\n", {"offset": 2, "limit": 1}, "b\n[showing lines 2-2 of 3, use offset=3 to go on]"),
        (b"\xef\xbb\xbfa\n", {}, "a\n[the file begins with a byte order mark]"),
        (b"a\r\nb\r\n", {}, "a\nb\n[lines end in CRLF]"),
        (b"a\r\nb", {}, "a\nb\n[lines end in CRLF]"),
        (b"a\r\nb\nc\r\n", {}, "a\nb\nc\n[2 of the lines end in CRLF]"),
        ("é\u2028\x0bé\n".encode(), {}, "é\u2028\x0bé"),
        (
            "café\n".encode("latin-1"),
            {},
            "caf\ufffd\n[the file is not UTF-8; what cannot be read is shown as \ufffd]",
        ),
    ],
)
async def test_a_text_is_shown_with_what_was_left_out(data: bytes, arguments: dict[str, object], expected: str) -> None:
    assert await shown(data, **arguments) == (True, expected)


async def test_as_many_lines_as_fit_are_shown_whole() -> None:
    assert await shown(numbered(MAX_LINES)) == (True, numbered(MAX_LINES).decode().rstrip("\n"))


async def test_of_2001_lines_2000_are_shown() -> None:
    _, text = await shown(numbered(2001))
    assert text.endswith("\n2000\n[showing lines 1-2000 of 2,001, use offset=2001 to go on]")
    assert await shown(numbered(2001), offset=2001) == (True, "2001\n[showing lines 2001-2001 of 2,001]")


async def test_a_larger_limit_shows_no_more_than_2000_lines() -> None:
    _, text = await shown(numbered(3000), limit=2500)
    assert text.endswith("[showing lines 1-2000 of 3,000, use offset=2001 to go on]")


@pytest.mark.parametrize(("over", "last"), [(0, 2), (1, 1)])
async def test_bytes_are_counted_to_the_last(over: int, last: int) -> None:
    first = "x" * (MAX_BYTES - 3 + over)
    _, text = await shown(f"{first}\né\nend\n".encode())
    assert text.endswith(f"[showing lines 1-{last} of 3, use offset={last + 1} to go on]")


async def test_a_giant_line_is_told_with_a_way_to_see_it() -> None:
    ok, text = await shown(b"a\n" + b"x" * (MAX_BYTES + 1) + b"\nb\n", offset=2)
    assert ok
    assert text == (
        "[line 2 is too long to show: 51,201 bytes, at most 51,200 bytes fit; "
        "use bash: sed -n 2p f.txt | cut -c 1-2000; or go on with offset=3]"
    )


async def test_a_line_of_exactly_the_limit_is_shown() -> None:
    assert await shown(b"x" * MAX_BYTES) == (True, "x" * MAX_BYTES)


@pytest.mark.parametrize(
    ("data", "offset", "expected"),
    [
        (b"a\nb\n", 3, "There is no line 3: f.txt has 2 lines."),
        (b"a", 9, "There is no line 9: f.txt has 1 line."),
    ],
)
async def test_a_line_beyond_the_end_is_refused_with_the_number_of_lines(
    data: bytes, offset: int, expected: str
) -> None:
    assert await shown(data, offset=offset) == (False, expected)


async def test_of_a_huge_file_the_first_10_mib_can_be_read() -> None:
    data = b"0123456789\n" * (MAX_FILE // 11 + 5)
    lines = MAX_FILE // 11
    _, text = await shown(data)
    assert text.endswith(f"[showing lines 1-2000 of more than {lines:,}, use offset=2001 to go on]")
    _, text = await shown(data, offset=lines)
    assert text.startswith("0123456789\n[showing lines 953250-953250; only the first 10 MiB can be read;")
    ok, text = await shown(data, offset=lines + 1)
    assert not ok
    assert f"sed -n '{lines + 1},+200p' f.txt" in text


async def test_a_huge_line_is_told_too() -> None:
    ok, text = await shown("é".encode() * MAX_FILE)
    assert ok
    assert text.startswith("[line 1 is too long to show: ")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04\x14\0\0\0", "ZIP archive or office document"),
        (b"%PDF-1.7\nplain", "PDF"),
        (b"\x7fELF\x02\x01\x01\0", "ELF program or library"),
        (b"SQLite format 3\0\x10", "SQLite database"),
        (b"a\0b", "unknown type"),
        (b"\x01\x02\x03\x04\x81\x82\x83\x84", "unknown type"),
        ("\ufeffhi".encode("utf-16-le"), "UTF-16 text: convert it with iconv"),
        (b"\0" * 257 + b"ustar\0", "tar archive"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio or video"),
    ],
)
async def test_a_binary_file_is_refused_with_its_type(data: bytes, kind: str) -> None:
    ok, text = await shown(data)
    assert not ok
    assert text.startswith(f"f.txt is binary ({kind}). ")


@pytest.mark.parametrize(
    "data", [b"\x1b[31mred\x1b[0m\n", "привет\n".encode("koi8-r"), b"MZ is a text\n", b"BM\n", b"a\x01\n"]
)
async def test_an_odd_text_is_a_text(data: bytes) -> None:
    ok, _ = await shown(data)
    assert ok


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(PNG, "image/png"), (GIF, "image/gif"), (JPEG, "image/jpeg"), *((webp, "image/webp") for webp in WEBP.values())],
)
async def test_a_picture_is_attached_whatever_its_name(data: bytes, media_type: str) -> None:
    result = await call(FakeBench(files={"f.txt": data}), "read", {"path": "f.txt"})
    assert result.ok
    assert result.text == f"f.txt: {media_type}, 640x480 pixels, {len(data)} bytes"
    assert [(image.media_type, b64decode(image.data)) for image in result.images] == [(media_type, data)]


@pytest.mark.parametrize("data", [PNG, GIF, JPEG, *WEBP.values()])
async def test_a_picture_that_is_cut_is_refused(data: bytes) -> None:
    for size in range(12, len(data) - 7):
        ok, text = await shown(data[:size])
        if ok:
            assert data[:6] in {b"GIF89a", PNG[:6]}, "its size stands before the end of the sample"
        else:
            assert "is damaged or cut" in text or "is binary" in text


async def test_a_picture_of_exactly_the_limit_is_attached_and_one_byte_more_is_refused() -> None:
    ok, _ = await shown(PNG.ljust(MAX_PICTURE, b"\0"))
    assert ok
    ok, text = await shown(PNG.ljust(MAX_PICTURE + 1, b"\0"))
    assert (ok, text) == (
        False,
        "f.txt is too large to attach: 3,932,161 bytes, at most 3,932,160 bytes. Make a smaller copy.",
    )


async def test_a_picture_of_too_many_pixels_is_refused() -> None:
    ok, text = await shown(PNG.replace(struct.pack(">I", 640), struct.pack(">I", 8001)))
    assert (ok, text) == (False, "f.txt is too large to attach: 8,001 pixels, at most 8,000. Make a smaller copy.")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("none.txt", "There is no file none.txt."),
        ("../x", "leads out of the project"),
        ("", "path: "),
        ("a\0b", "path: "),
    ],
)
async def test_a_path_that_cannot_be_read_is_told(path: str, problem: str) -> None:
    result = await call(FakeBench(), "read", {"path": path})
    assert not result.ok
    assert problem in result.text


@pytest.mark.parametrize("arguments", [{"offset": 0}, {"limit": 0}, {"offset": "x"}])
async def test_a_wrong_argument_is_named(arguments: dict[str, object]) -> None:
    ok, text = await shown(b"a", **arguments)
    assert not ok
    assert next(iter(arguments)) in text


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8", categories=["L", "N"])), min_size=1))
def test_page_by_page_the_whole_is_shown_once(lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    pages = [page("f", data, offset=offset, limit=3) for offset in range(1, len(lines) + 1, 3)]
    told = [line for each in pages for line in each.split("\n") if not line.startswith("[")]
    assert told == lines


class Counted(bytes):
    """Knows how often a byte of it was asked for."""

    asked = 0

    @overload
    def __getitem__(self, at: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> bytes: ...
    @override
    def __getitem__(self, at: SupportsIndex | slice) -> int | bytes:
        self.asked += 1
        return super().__getitem__(at)


@pytest.mark.parametrize("rest", [b"\xff" * 100_000, b"\xff\xd0" * 50_000, b"\xff\xe0\0\2" * 25_000])
def test_the_size_of_a_jpeg_is_looked_for_in_few_steps(rest: bytes) -> None:
    data = Counted(b"\xff\xd8" + rest)
    with pytest.raises(Invalid, match="damaged or cut"):
        picture(data)
    assert data.asked < 10 * MAX_SEGMENTS


def test_the_size_of_a_jpeg_may_stand_behind_a_lot() -> None:
    """Colour profiles, thumbnails, notes of the camera; and bytes that only fill up."""
    notes = (b"\xff" * 40 + b"\xe2\xff\xff" + b"\xff" * 65_533) * 50
    found = picture(JPEG[:2] + notes + JPEG[2:])
    assert found is not None
    assert (found.width, found.height) == (640, 480)


async def test_a_picture_that_is_too_large_is_refused_before_its_size_is_looked_for() -> None:
    ok, text = await shown(b"\xff\xd8" + b"\xff" * MAX_PICTURE)
    assert not ok
    assert text.startswith("f.txt is too large to attach: 3,932,162 bytes, at most 3,932,160 bytes.")


async def test_the_pictures_of_a_turn_are_bounded() -> None:
    bench = FakeBench(files={"large.png": PNG.ljust(MAX_PICTURE, b"\0"), "small.png": PNG, "a.txt": b"a"})
    turn = toolbox(bench)

    async def reads(path: str, count: int = 1) -> tuple[bool, int, str]:
        results = [
            await turn.run(ToolCall(id=CallId("c"), name="read", arguments={"path": path}), lambda _: None)
            for _ in range(count)
        ]
        return all(each.ok for each in results), sum(len(each.images) for each in results), results[-1].text

    assert (await reads("large.png", 5))[:2] == (True, 5)
    assert await reads("large.png") == (
        False,
        0,
        (
            "large.png: image/png, 640x480 pixels, 3,932,160 bytes\n[not attached: 3,932,160 bytes of pictures, and "
            "of the 20,000,000 bytes of one turn 339,200 bytes are left. Make smaller copies, or end the turn and ask "
            "the person to prompt again]"
        ),
    )
    assert (await reads("small.png"))[:2] == (True, 1)
    assert (await reads("a.txt")) == (True, 0, "a")
    turn = toolbox(bench)
    assert (await reads("large.png"))[:2] == (True, 1), "another turn"


def test_a_page_of_many_lines_takes_no_memory_for_each_of_them() -> None:
    data = b"a\r\n" * 300_000
    tracemalloc.start()
    try:
        text = page("f", data, offset=299_999)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert text == "a\na\n[showing lines 299999-300000 of 300,000]\n[lines end in CRLF]"
    assert most < 8 * len(data)
