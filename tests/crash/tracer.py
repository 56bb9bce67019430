"""strace, attached to a server from its first step on."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio

ATTACH_SECONDS = 10.0
END_SECONDS = 2.0


class Tracer:
    """Follows a process that has stopped itself, with all its threads and children, and lets it go on."""

    def __init__(self, pid: int, trace: Path, options: Sequence[str]) -> None:
        self._pid = pid
        self._command = ["strace", "-f", "-qq", "-y", "-e", "signal=none", "-o", str(trace), *options, "-p", str(pid)]
        self._process: subprocess.Popen[bytes] | None = None

    async def attach(self) -> None:
        with anyio.fail_after(ATTACH_SECONDS):
            await self._until("State:\tT", there=True)
            self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220  2 ms
            await self._until("TracerPid:\t0\n", there=False)
        os.kill(self._pid, signal.SIGCONT)

    async def _until(self, line: str, *, there: bool) -> None:
        while self._status(line) != there:
            await anyio.sleep(0.002)

    def _status(self, line: str) -> bool:
        return line in Path(f"/proc/{self._pid}/status").read_text()

    def detach(self) -> None:
        """The process goes on, if it lives, and nothing happens to it any more."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:  # seen now and then: it waits for a thread that is gone
            self._process.kill()
            self._process.wait()
        self._process = None
