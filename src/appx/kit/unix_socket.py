"""Connections to a unix socket, also for HTTP.

anyio has them, too, but its own report an error of the event loop when one is cancelled in the moment in which it could
read (4.16: the callback of the selector sets a future that is done). Those over a transport do not, and are made here.
"""

import errno
import select
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
import httpcore2
import httpx2
from anyio.abc import SocketAttribute, SocketStream
from typing_extensions import override

IDLE_SECONDS = 30.0
"""After which a connection for HTTP is closed here. Who listens keeps it for longer: it never closes one just when
the next request is sent."""

AGAIN_SECONDS = 0.01
"""Between two tries, while more wait than the listener takes."""


class SomebodyElse(PermissionError):
    """The socket is not of whom its directory belongs to."""


async def connect(path: Path | str, *, to_owner: bool = False) -> SocketStream:
    """``to_owner``: only to the uid that owns the socket's directory; a link there may lead to another's socket.

    Raises OSError; SomebodyElse for that other.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        while True:
            try:
                made.connect(str(path))
            except BlockingIOError:
                await anyio.sleep(AGAIN_SECONDS)
            else:
                break
        if to_owner:
            _check_owner(made, Path(path))
        return await SocketStream.from_socket(made)
    except BaseException:
        made.close()
        raise


def _check_owner(made: socket.socket, path: Path) -> None:
    """The kernel tells who began to listen."""
    _process, uid, _group = struct.unpack("3i", made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != path.parent.stat().st_uid:
        raise SomebodyElse(errno.EACCES, "somebody else listens there", str(path))


class UnixTransport(httpx2.AsyncHTTPTransport):
    """HTTP on the unix socket at ``path``, to its owner; as many connections at once as are asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._pool = httpcore2.AsyncConnectionPool(
            uds=str(path), max_connections=None, keepalive_expiry=IDLE_SECONDS, network_backend=_Backend()
        )


class _Backend(httpcore2.AsyncNetworkBackend):
    @override
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                return _Stream(await connect(path, to_owner=True))
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(path) from error
        except SomebodyElse as error:
            raise httpcore2.LocalProtocolError(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error

    @override
    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            with anyio.fail_after(timeout):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore2.ReadError from error

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            with anyio.fail_after(timeout):
                await self._stream.send(buffer)
        except TimeoutError as error:
            raise httpcore2.WriteTimeout from error
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore2.WriteError from error

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()

    @override
    def get_extra_info(self, info: str) -> Any:
        """``is_readable`` tells that an idle connection was closed by the other side."""
        if info == "is_readable":
            idle = select.poll()
            idle.register(self._stream.extra(SocketAttribute.raw_socket), select.POLLIN)  # noqa: S610  not Django's
            return bool(idle.poll(0))
        return None
