"""Tries one thing and says what the kernel said: ``reach.py trace|memory PID``, ``connect SOCKET``, ``become UID``.

The process ``child`` is one that this program starts. The exit code is 0 when it was possible.
"""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


def started() -> str:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return str(pid)


def trace(pid: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_ATTACH, int(pid), None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.waitpid(int(pid), WALL)
    libc.ptrace(PTRACE_DETACH, int(pid), None, None)


def memory(pid: str) -> None:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
        start = Path(f"/proc/{pid}/maps").read_text().split("-", 1)[0]
        file.seek(int(start, 16))
        file.read(1)


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def become(uid: str) -> None:
    os.setuid(int(uid))


def main() -> None:
    attempt = {"trace": trace, "memory": memory, "connect": connect, "become": become}[sys.argv[1]]
    target = started() if sys.argv[2] == "child" else sys.argv[2]
    try:
        attempt(target)
    except OSError as error:
        sys.exit(f"{error.strerror}")
    finally:
        if sys.argv[2] == "child":
            os.kill(int(target), signal.SIGKILL)


main()
