"""Connections to a unix socket: cancelled in the worst moment, and HTTP that notices who went away."""

import asyncio
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from appx.kit.unix_socket import SomebodyElse, UnixTransport, connect

pytestmark = pytest.mark.anyio


async def test_one_that_is_cancelled_when_it_could_read_is_quiet(tmp_path: Path) -> None:
    loop, errors = asyncio.get_running_loop(), list[dict[str, Any]]()
    before = loop.get_exception_handler()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        async with await connect(tmp_path / "s") as stream, anyio.create_task_group() as tasks:
            peer = listener.accept()[0]
            tasks.start_soon(stream.receive)
            await anyio.wait_all_tasks_blocked()
            loop.set_exception_handler(lambda _, context: errors.append(context))
            peer.send(b"x")
            loop.call_soon(tasks.cancel_scope.cancel)
        await anyio.sleep(0.01)
        peer.close()
    loop.set_exception_handler(before)
    assert errors == []


async def test_nobody_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await connect(tmp_path / "s")
    async with httpx2.AsyncClient(transport=UnixTransport(tmp_path / "s")) as http:
        with pytest.raises(httpx2.ConnectError, match="No such file"):
            await http.get("http://shop/")


async def test_more_than_the_listener_takes_at_once_wait(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        streams = []

        async def one() -> None:
            streams.append(await connect(tmp_path / "s"))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(one)
            await anyio.sleep(0.05)
            assert len(streams) < 10
            for _ in range(10):
                (await anyio.to_thread.run_sync(listener.accept))[0].close()
    for stream in streams:
        await stream.aclose()
    assert len(streams) == 10


async def answer(listener: socket.socket, text: str) -> None:
    """One request on a connection of its own, which is closed although the answer promises to keep it."""
    peer = (await anyio.to_thread.run_sync(listener.accept))[0]
    await anyio.to_thread.run_sync(peer.recv, 4096)
    peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
    peer.close()


async def test_a_connection_that_the_other_side_closed_is_not_used_again(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        async with httpx2.AsyncClient(transport=UnixTransport(tmp_path / "s")) as http:
            for text in ("tea", "shop"):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(answer, listener, text)
                    assert (await http.get("http://shop/")).text == text


async def test_only_the_owner_of_the_directory_is_spoken_to() -> None:
    """In /tmp, which is root's; root itself gives a directory away."""
    folder = Path(tempfile.mkdtemp() if os.geteuid() == 0 else tempfile.gettempdir())
    place = folder / f"appx-{os.getpid()}.sock"
    if os.geteuid() == 0:
        os.chown(folder, 12345, -1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        try:
            await (await connect(place)).aclose()
            with pytest.raises(SomebodyElse):
                await connect(place, to_owner=True)
            async with httpx2.AsyncClient(transport=UnixTransport(place)) as http:
                with pytest.raises(httpx2.LocalProtocolError, match="somebody else listens there"):
                    await http.get("http://shop/")
        finally:
            place.unlink()
            if os.geteuid() == 0:
                await anyio.Path(folder).rmdir()
