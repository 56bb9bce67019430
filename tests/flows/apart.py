"""A server in a process of its own, and what it uses; a workbench in one."""

import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL

import anyio
import anyio.abc
import httpx2

from tests.flows.api import TOKEN, WITHIN, Client, client

STARTS_WITHIN = 20.0
STOPS_WITHIN = 25.0
NOTHING = "#!/bin/sh\n# A podman that has nothing: the tests of load are not about it.\nexit 0\n"


class Apart(Client):
    """``port`` is on the loopback; ``pid`` is the server's."""

    def __init__(self, http: httpx2.AsyncClient, *, port: int, pid: int, log: Path) -> None:
        super().__init__(http)
        self.port = port
        self.pid = pid
        self._log = log

    @property
    def log(self) -> str:
        """What the server wrote about itself."""
        return self._log.read_text()

    def memory(self) -> int:
        """What it has resident now, in KiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def cpu(self) -> float:
        """The seconds that it has computed since its start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def all_left(self) -> None:
        """Return when it has noticed that no reader is there any more."""
        with anyio.fail_after(WITHIN):
            while True:
                if not (await self.ok("GET", "/v1/healthz"))["channels"]:
                    return
                await anyio.sleep(0.05)

    def commands(self) -> int:
        """How many processes it has started that still run."""
        return sum(len(each.read_text().split()) for each in Path(f"/proc/{self.pid}/task").glob("*/children"))

    async def no_commands(self) -> None:
        """Until the last one has ended: after the turns, git takes a checkpoint of each."""
        with anyio.fail_after(20):
            while self.commands():  # noqa: ASYNC110  the kernel tells nobody
                await anyio.sleep(0.05)

    @asynccontextmanager
    async def listening(self, session: str, *, taking: int | None = None) -> AsyncIterator[anyio.abc.SocketStream]:
        """A reader of events that was told that it is connected, and has read no more than that.

        ``taking``: the bytes that its side of the connection holds, about; None leaves that to the system.
        """
        async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
            if taking is not None:
                raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
                raw.setsockopt(1, 8, taking)  # SOL_SOCKET, SO_RCVBUF
            await stream.send(
                f"GET {session}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
            )
            told = b""
            while b"connected to" not in told:
                told += await stream.receive(256)
            yield stream


@asynccontextmanager
async def apart(directory: Path, **variables: str) -> AsyncIterator[Apart]:
    """It has a workspace below ``directory``, and is stopped with SIGTERM when the block ends."""
    log = directory / "server.log"
    environment = {
        "PATH": f"{_programs(directory)}:/usr/local/bin:/usr/bin:/bin",
        "WORKSPACE_DIR": str(directory / "workspace"),
        "AGENT_SERVER_TOKEN": TOKEN,
        "AGENT_SERVER_PORT": "0",
    }
    (directory / "workspace").mkdir(exist_ok=True)
    with log.open("wb") as told:
        process = await anyio.open_process(
            [sys.executable, "-m", "appx", "serve", "--local"],
            env=environment | variables,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=told,
        )
    async with process:
        try:
            port = await _port(process, anyio.Path(log))
            async with client(port) as http:
                yield Apart(http, port=port, pid=process.pid, log=log)
        finally:
            process.terminate()
            with anyio.fail_after(STOPS_WITHIN, shield=True):
                await process.wait()


@asynccontextmanager
async def workbench(directory: Path) -> AsyncIterator[Mapping[str, str]]:
    """A workbench that is a process of its own, as in the image; answers the variables for a server that asks it."""
    variables = {"WORKSPACE_DIR": str(directory / "workspace"), "APPX_WORKBENCH_SOCKET": str(directory / "socket")}
    (directory / "workspace").mkdir()
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **variables}
    argv = [sys.executable, "-m", "appx", "workbench"]
    async with await anyio.open_process(argv, env=environment, stdin=DEVNULL, stdout=DEVNULL, stderr=None) as process:
        try:
            yield variables
        finally:
            process.terminate()
            with anyio.fail_after(15, shield=True):
                await process.wait()


def _programs(directory: Path) -> Path:
    found = directory / "bin"
    found.mkdir(exist_ok=True)
    (found / "podman").write_text(NOTHING)
    (found / "podman").chmod(0o755)
    return found


async def _port(process: anyio.abc.Process, log: anyio.Path) -> int:
    with anyio.fail_after(STARTS_WITHIN):
        while True:
            told = await log.read_text()
            found = re.search(r"listening on \S+ port (\d+)", told)
            if found:
                return int(found[1])
            assert process.returncode is None, told
            await anyio.sleep(0.05)
