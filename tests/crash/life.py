"""One life of a server: started, driven over HTTP, ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2

TOKEN = "test-token-0123456789"
START_SECONDS = 30.0
ANSWER_SECONDS = 20.0
ROOT = Path(__file__).parents[2]


class Cut(Exception):
    """The server ended before it answered: what was asked may have been done or not."""


class Ended(Exception):
    """The server ended before it listened. The text is what it said."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a process ended: the signal, or the exit code."""

    signal: int
    code: int

    @classmethod
    def of(cls, status: int) -> "Status":
        return cls(os.WTERMSIG(status), 0) if os.WIFSIGNALED(status) else cls(0, os.WEXITSTATUS(status))


class Nursery:
    """Starts servers fast, see ``nursery.py``; ``ended`` must be asked once for each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def root(self) -> Path:
        """The file system as the servers see it."""
        return Path(f"/proc/{self._process.pid}/root")

    def start(self, variables: Mapping[str, str], log: Path, *, stopped: bool = False) -> int:
        return self._ask({"start": dict(variables), "log": str(log), "stopped": stopped})

    def ended(self, pid: int) -> Status:
        """Kill it, if it has not ended, with all that it started."""
        return Status.of(self._ask({"end": pid}))

    def _ask(self, request: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery has ended"
        return int(answer)


@contextmanager
def nursery(*before: str) -> Iterator[Nursery]:
    """``before``: a command that ends by executing the one that follows."""
    command = [*before, sys.executable, "-m", "tests.crash.nursery"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def tools(folder: Path) -> str:
    """A PATH without podman: these servers run commands, never containers."""
    folder.mkdir(exist_ok=True)
    for place in ("/usr/bin", "/bin"):
        for tool in Path(place).iterdir():
            link = folder / tool.name
            if not tool.name.startswith("podman") and not link.is_symlink():
                link.symlink_to(tool)
    return str(folder)


def variables(workspace: Path, path: str) -> dict[str, str]:
    """The whole environment of a server."""
    return {
        "WORKSPACE_DIR": str(workspace),
        "AGENT_SERVER_TOKEN": TOKEN,
        "AGENT_SERVER_PORT": "0",
        "PATH": path,
        "HOME": str(workspace),
        "LANG": "C.UTF-8",
    }


class Life:
    """A running server and the way to it."""

    def __init__(self, *, pid: int, http: httpx2.AsyncClient, log: Path) -> None:
        self.pid = pid
        self.http = http
        self.log = log
        self.ended_at = float("inf")
        """When it was killed (``time.monotonic``)."""

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Raises Cut."""
        try:
            answer = await self.http.request(method, path, json=body)
        except httpx2.TransportError as error:
            raise Cut(f"{method} {path}: {error!r}") from None
        assert answer.status_code < 500 or answer.status_code in {503, 507}, (method, path, answer.text, self.said())
        return answer.status_code, answer.json()

    async def ok(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        """Raises Cut."""
        status, found = await self.call(method, path, body)
        assert status == 200, (method, path, status, found)
        return found

    def kill(self) -> None:
        self.ended_at = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4_000:]


async def listening(log: Path, start: int, alive: int) -> int:
    """The port that the server tells of after ``start`` in its log. Raises Ended, TimeoutError."""
    with anyio.fail_after(START_SECONDS):
        while True:
            said = log.read_text(errors="replace")[start:] if log.exists() else ""
            for line in said.splitlines(keepends=True):
                if " listening on " in line and line.endswith("\n"):
                    return int(line.rpartition(" ")[2])
            if not running(alive):
                raise Ended(log.read_text(errors="replace")[start:])
            await anyio.sleep(0.004)


def running(pid: int) -> bool:
    """False for a process that has ended and waits to be asked for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@asynccontextmanager
async def client(port: int) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=ANSWER_SECONDS,
        limits=httpx2.Limits(max_connections=None),
        trust_env=False,
        verify=False,  # nothing is encrypted here, and to read the certificates takes 26 ms
    ) as http:
        yield http
