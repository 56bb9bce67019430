"""What the model is shown of a file."""

import struct
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.tools.clip import MAX_BYTES, MAX_FILE, MAX_LINES
from appx.tools.page import page
from appx.tools.read import MAX_PICTURE
from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import call

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
