"""One page of a text file, and how to get the rest."""

import shlex
from dataclasses import dataclass

from appx.domain.errors import Invalid
from appx.tools.clip import MAX_BYTES, MAX_FILE, MAX_LINES, amount, fitting
from appx.tools.lines import line_start
from appx.tools.sniff import binary_type

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file as text. ``total``: its lines. ``whole``: there is no more of it than this."""

    text: str
    total: int
    notes: list[str]
    whole: bool

    def lines(self, first: int, count: int) -> list[str]:
        """At most ``count``, from ``first`` on (counted from 1), without their ends."""
        count = min(count, self.total - first + 1)
        parts = self.text[line_start(self.text, first - 1) :].split("\n", count)
        return [line.removesuffix("\r") for line in parts[:count]]


def page(path: str, data: bytes, *, offset: int = 1, limit: int = MAX_LINES) -> str:
    """From line ``offset`` (the first is 1) at most ``limit`` lines, MAX_LINES or MAX_BYTES.

    ``data`` may be longer than MAX_FILE; what is beyond is not looked at. Raises Invalid when there is nothing to show.
    """
    kind = binary_type(data)
    if kind is not None:
        raise Invalid(
            f"{path} is binary ({kind}). Look at it with a program that knows the type, or with xxd, in bash."
        )
    content = _content(data)
    if not content.total:
        return f"[{path} is empty]"
    if offset > content.total:
        raise Invalid(_beyond(path, content, offset))
    wanted = content.lines(offset, min(limit, MAX_LINES))
    count = fitting(wanted)
    if count == 0:
        return f"[{_too_long(path, content, offset)}]"
    text = "\n".join(wanted[:count])
    notes = _place(path, content, offset, offset + count - 1) + content.notes
    if not text.strip():
        notes = ["only white space", *notes]
    return text + "".join(f"\n[{note}]" for note in notes)


def _content(data: bytes) -> Content:
    whole = len(data) <= MAX_FILE
    if not whole:
        data = data[: data.rfind(b"\n", 0, MAX_FILE) + 1] or data[:MAX_FILE]
    notes = ["the file begins with a byte order mark"] if data.startswith(BOM) else []
    data = data.removeprefix(BOM)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        notes.append("the file is not UTF-8; what cannot be read is shown as \N{REPLACEMENT CHARACTER}")
    ended = text.count("\n")
    crlf = text.count("\r\n")
    if crlf:
        notes.append(f"{'lines' if crlf == ended else f'{crlf:,} of the lines'} end in CRLF")
    return Content(text=text, total=ended + (not text.endswith("\n") and text != ""), notes=notes, whole=whole)


def _place(path: str, content: Content, first: int, last: int) -> list[str]:
    total = content.total
    if last < total:
        among = f"{total:,}" if content.whole else f"more than {total:,}"
        return [f"showing lines {first}-{last} of {among}, use offset={last + 1} to go on"]
    if not content.whole:
        return [f"showing lines {first}-{last}; {_rest(path, last + 1)}"]
    return [f"showing lines {first}-{last} of {total:,}"] if first > 1 else []


def _beyond(path: str, content: Content, offset: int) -> str:
    total = content.total
    count = "1 line" if total == 1 else f"{total:,} lines"
    if content.whole:
        return f"There is no line {offset}: {path} has {count}."
    return f"Line {offset} is out of reach; {_rest(path, offset)}."


def _rest(path: str, line: int) -> str:
    """``read`` goes no further; bash does."""
    reach = MAX_FILE // (1024 * 1024)
    return f"only the first {reach} MiB can be read; for more use bash: sed -n '{line},+200p' {shlex.quote(path)}"


def _too_long(path: str, content: Content, number: int) -> str:
    """A line that does not fit into any result."""
    size = len(content.lines(number, 1)[0].encode())
    command = f"sed -n {number}p {shlex.quote(path)} | cut -c 1-2000"
    told = f"line {number} is too long to show: {amount(size)}, at most {amount(MAX_BYTES)} fit; use bash: {command}"
    return told if number == content.total else f"{told}; or go on with offset={number + 1}"
