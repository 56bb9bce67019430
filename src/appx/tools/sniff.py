"""Whether some bytes are text, and of which type they are if not."""

SAMPLE = 8_000
"""As many bytes as git looks at."""

MAX_CONTROL_SHARE = 0.05
"""Of compressed or random bytes a tenth are control characters; of text in any encoding of one byte, hardly one."""

_CONTROL = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in b"\b\t\n\v\f\r\x1b")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TYPES = (
    (0, b"%PDF-", "PDF"),
    (0, _UTF_16[0], "UTF-16 text: convert it with iconv"),
    (0, _UTF_16[1], "UTF-16 text: convert it with iconv"),
    (0, b"PK\x03\x04", "ZIP archive or office document"),
    (0, b"PK\x05\x06", "empty ZIP archive"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (0, b"\x7fELF", "ELF program or library"),
    (0, b"\x00asm", "WebAssembly"),
    (0, b"MZ", "Windows program"),
    (0, b"\xca\xfe\xba\xbe", "Java class"),
    (0, b"SQLite format 3\x00", "SQLite database"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"OTTO", "font"),
    (0, b"\x00\x01\x00\x00\x00", "font"),
    (0, b"\x00\x00\x01\x00", "icon"),
    (0, b"BM", "BMP image"),
    (0, b"II*\x00", "TIFF image"),
    (0, b"MM\x00*", "TIFF image"),
    (0, b"OggS", "Ogg audio or video"),
    (0, b"ID3", "MP3 audio"),
    (0, b"RIFF", "audio or video"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM video"),
    (4, b"ftypavif", "AVIF image"),
    (4, b"ftyp", "MP4 audio or video"),
    (257, b"ustar", "tar archive"),
)


def binary_type(data: bytes) -> str | None:
    """None for text, also when it is not UTF-8; ``unknown type`` when it is neither text nor known."""
    sample = data[:SAMPLE]
    if not _is_binary(sample):
        return None
    return next((name for at, magic, name in _TYPES if sample.startswith(magic, at)), "unknown type")


def _is_binary(sample: bytes) -> bool:
    if b"\0" in sample or sample.startswith((b"%PDF-", *_UTF_16)):
        return True
    control = len(sample) - len(sample.translate(None, _CONTROL))
    return control > 1 + MAX_CONTROL_SHARE * len(sample)
