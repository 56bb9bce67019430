"""A process that has imported appx and forks servers: one begins in 20 ms instead of a second.

Each server is a real ``appx serve --local`` in a process of its own. The nursery takes one JSON request a line:
``{"start": {variables}, "log": path, "stopped": false}`` is answered with a pid, ``{"end": pid}`` with how it ended.
One that begins ``stopped`` waits for SIGCONT, so that a tracer misses nothing, and gives its unfinished files the same
names in each run, so that a tracer can be told them. The nursery is also the one who inherits
what a killed server leaves running, and ends that.
"""

import ctypes
import itertools
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from appx.cli import main as cli
from appx.kit import unfinished
from appx.wiring import server

PRELOADED = (cli, server)
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def serve(variables: dict[str, str], log: str, *, stopped: bool) -> None:
    """The life of one server; never returns."""
    code = 70
    try:
        os.setsid()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # whoever ends the nursery ends the servers
        told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for number, place in enumerate((null, told, told)):
            os.dup2(place, number)
        os.closerange(3, 64)
        if stopped:
            numbers = itertools.count()
            vars(unfinished)["secrets"] = SimpleNamespace(token_hex=lambda size: f"{next(numbers):0{2 * size}x}")
            os.kill(os.getpid(), signal.SIGSTOP)
        os.environ.clear()  # noqa: TID251  this process is the server from here on
        os.environ.update(variables)  # noqa: TID251
        cli.main(["serve", "--local"])
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # noqa: BLE001  whatever it is, it must not reach the nursery's own code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def end(pid: int) -> int:
    """Kill a server, if it has not ended, and all that it left. Answers its wait status."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    end_orphans()
    return status


def end_orphans() -> None:
    """They are our children now, in sessions of their own; a server's session is led by a server."""
    for _ in range(200):
        orphans = [child for child in children() if child not in SERVERS]
        for orphan in orphans:
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(orphan, 0)
        if not orphans:
            return
        time.sleep(0.001)


def children() -> list[int]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(each) for each in found.split()]


SERVERS: set[int] = set()


def main() -> None:
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                serve(request["start"], request["log"], stopped=request["stopped"])
            SERVERS.add(pid)
            answer = pid
        else:
            pid = request["end"]
            SERVERS.discard(pid)
            answer = end(pid)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    for pid in tuple(SERVERS):
        SERVERS.discard(pid)
        end(pid)


if __name__ == "__main__":
    main()
