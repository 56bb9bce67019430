"""JSON from somebody who may mean harm: how much it would be, told without reading it."""

MOST_VALUES = 100_000
"""Of what programs say to each other. Each takes some hundred bytes of memory, and as many again for what is wrong
with it."""


def check_values(text: bytes | str) -> None:
    """Raises ValueError when ``text`` has more than ``MOST_VALUES`` values. Takes some milliseconds for a megabyte."""
    data = text.encode(errors="replace") if isinstance(text, str) else text
    bare = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') <= 2 * MOST_VALUES:
        outside = b"".join(bare.split(b'"')[::2])
        if sum(map(outside.count, (b",", b"[", b"{"))) < MOST_VALUES:
            return
    raise ValueError(f"more than {MOST_VALUES:,} values")
