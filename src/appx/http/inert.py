"""Headers by which a file of a project stays a file: the model may have written it, and a browser must not run it.

A page that runs on the API's own origin could do all that the person's login cookie allows.
"""

from pathlib import PurePosixPath
from urllib.parse import quote

PLAIN = "text/plain; charset=utf-8"
UNKNOWN = "application/octet-stream"
_PICTURES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".avif": "image/avif", ".bmp": "image/bmp", ".ico": "image/x-icon",
}  # fmt: skip
_SOUNDS = {
    ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".mp4": "video/mp4", ".webm": "video/webm",
}  # fmt: skip
_TEXTS = (
    ".txt .md .rst .log .csv .tsv .json .jsonl .toml .yaml .yml .ini .cfg .conf .env .lock .py .rb .go .rs .java .kt "
    ".c .h .cc .cpp .hpp .cs .php .sh .sql .js .mjs .cjs .ts .tsx .jsx .vue .svelte .css .scss .diff .patch"
)
SHOWN = _PICTURES | _SOUNDS | dict.fromkeys(_TEXTS.split(), PLAIN)
"""What a browser may show, by the end of the name. All else it can only save: pages, SVG, XML, PDF."""

WALLS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Apps run on other ports of the same host. For a browser that is the same site, so they may not embed it, either."""


def headers(path: str) -> dict[str, str]:
    """Of a file that is answered as it is."""
    place = PurePosixPath(path)
    kind = SHOWN.get(place.suffix.lower(), UNKNOWN)
    how = "attachment" if kind == UNKNOWN else "inline"
    return {**WALLS, "Content-Type": kind, "Content-Disposition": disposition(how, place.name)}


def disposition(how: str, name: str) -> str:
    """With the name twice: for those that know only ASCII, and whole (RFC 6266)."""
    plain = "".join(each if each.isascii() and each.isprintable() and each not in '"\\%' else "_" for each in name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
