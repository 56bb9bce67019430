"""Which pictures a model can see, told from their first bytes."""

import re
import struct
from dataclasses import dataclass

from appx.domain.errors import Invalid

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
MAX_SEGMENTS = 1_000
"""Of a JPEG, before its frame. Cameras write some twenty."""

_MARKER = re.compile(rb"\xff++([^\xff])")
"""With the bytes that fill up before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Width and height are in pixels."""

    media_type: str
    width: int
    height: int


def picture(data: bytes) -> Picture | None:
    """None when ``data`` does not begin as a PNG, JPEG, GIF or WebP. Raises Invalid when it is damaged."""
    media_type = media_type_of(data)
    if media_type is None:
        return None
    try:
        width, height = _size(media_type, data)
    except (struct.error, IndexError):
        width = height = 0
    if not (width and height):
        raise Invalid(f"The file begins as {media_type}, but it is damaged or cut: its width and height are missing.")
    return Picture(media_type=media_type, width=width, height=height)


def media_type_of(data: bytes) -> str | None:
    """As what it begins."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _size(media_type: str, data: bytes) -> tuple[int, int]:
    match media_type:
        case "image/png":
            width, height = struct.unpack_from(">II", data, 16)
        case "image/gif":
            width, height = struct.unpack_from("<HH", data, 6)
        case "image/jpeg":
            width, height = _jpeg_size(data)
        case _:
            width, height = _webp_size(data)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Go from segment to segment until the one that begins a frame (ITU-T T.81, annex B)."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.match(data, at)
        if found is None:
            break
        marker, at = found[1][0], found.end()
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        if marker not in JPEG_ALONE:
            at += struct.unpack_from(">H", data, at)[0]
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """RFC 9649: lossy, lossless or extended."""
    match data[12:16]:
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L" if data[20] == 0x2F:
            bits = struct.unpack_from("<I", data, 21)[0]
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X" if len(data) >= 30:
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case _:
            return 0, 0
