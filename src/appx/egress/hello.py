"""The name that a client asks for: in the first bytes of a TLS or of an HTTP connection. Pure.

The records and extensions are those of RFC 8446 (section 4.1.2, 5.1) and RFC 6066 (section 3).
"""

import re
from dataclasses import dataclass

MAX_HELLO = 16 << 10
"""Bytes. Those of browsers have less than 2 KiB, with keys against quantum computers."""

MAX_RECORDS = 16
"""Into which a hello may be cut. More are looked through anew at each byte that comes."""

MAX_HEAD = 16 << 10

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0
_METHOD = re.compile(rb"[A-Z]{1,20} ")


class Unclear(Exception):
    """The bytes do not say which host is meant."""


class Incomplete(Exception):
    """More bytes are needed."""


@dataclass(slots=True)
class _Bytes:
    data: bytes
    place: int = 0

    def take(self, count: int) -> bytes:
        found = self.data[self.place : self.place + count]
        if len(found) < count:
            raise Unclear("The first message ends too early.")
        self.place += count
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def part(self, size: int) -> "_Bytes":
        """What follows its own length, a number of ``size`` bytes."""
        return _Bytes(self.take(self.number(size)))

    @property
    def rest(self) -> int:
        return len(self.data) - self.place


def server_name(data: bytes) -> str:
    """Of a TLS client's first message. Raises Incomplete, Unclear."""
    hello = _Bytes(_client_hello(data))
    hello.take(2 + 32)
    hello.part(1)
    hello.part(2)
    hello.part(1)
    if hello.rest == 0:
        raise Unclear("It names no host.")
    extensions = hello.part(2)
    while extensions.rest:
        kind, body = extensions.number(2), extensions.part(2)
        if kind == _SERVER_NAME:
            return _first_name(body)
    raise Unclear("It names no host.")


def host(data: bytes) -> str:
    """Of an HTTP request's head. Raises Incomplete, Unclear."""
    if not _METHOD.match(data) and (len(data) > 20 or not data.isalpha()) and data:
        raise Unclear("It is no HTTP request.")
    end = data.find(b"\r\n\r\n")
    if end > MAX_HEAD or (end < 0 and len(data) > MAX_HEAD):
        raise Unclear("Its head is too long.")
    if end < 0:
        raise Incomplete
    first, *fields = data[:end].split(b"\r\n")
    names = [value for name, _, value in (each.partition(b":") for each in fields) if name.strip().lower() == b"host"]
    if len(names) != 1:
        raise Unclear("It has no Host, or more than one.")
    target = first.split(b" ")[1] if first.count(b" ") == 2 else b""
    if not target.startswith(b"/") and target != b"*":
        raise Unclear("Its target is no path.")
    return _checked(names[0].strip().partition(b":")[0])


def _client_hello(data: bytes) -> bytes:
    """The message out of its records. It may have been cut into several; what follows it may have come, too."""
    parts: list[bytes] = []
    head, place, size = b"", 0, MAX_HELLO
    for count in range(1, MAX_RECORDS + 1):
        part = _record(data, place)
        parts.append(part)
        place += 5 + len(part)
        head += part[: 4 - len(head)]
        if head[0] != _CLIENT_HELLO:
            raise Unclear("It does not begin with a hello.")
        if len(head) == 4 and (size := int.from_bytes(head[1:])) > MAX_HELLO:
            raise Unclear("Its first message is too long.")
        if place - 5 * count >= 4 + size:
            return b"".join(parts)[4 : 4 + size]
    raise Unclear("Its first message is cut into too many parts.")


def _record(data: bytes, place: int) -> bytes:
    """What is in the record that begins there."""
    header = data[place : place + 5]
    if header[:1] not in {b"", bytes([_HANDSHAKE])} or header[1:2] not in {b"", b"\x03"}:
        raise Unclear("It is no TLS.")
    length = int.from_bytes(header[3:5])
    if place + 5 + length > MAX_HELLO:
        raise Unclear("Its first message is too long.")
    body = data[place + 5 : place + 5 + length]
    if len(header) < 5 or len(body) < length:
        raise Incomplete
    if length == 0:
        raise Unclear("It has an empty record.")
    return body


def _first_name(extension: _Bytes) -> str:
    names = extension.part(2)
    if names.number(1) != _HOST_NAME:
        raise Unclear("It names no host.")
    return _checked(names.part(2).data)


def _checked(name: bytes) -> str:
    try:
        found = name.decode("ascii").lower()
    except UnicodeDecodeError:
        raise Unclear("The name of the host is not in ASCII.") from None
    if not re.fullmatch(r"[a-z0-9._-]{1,253}", found):
        raise Unclear("It names no host.")
    return found
