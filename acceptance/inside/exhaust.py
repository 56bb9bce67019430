"""Takes all of something, and says what stopped it: ``exhaust.py files | inotify [FILE] | inotify-once |
fill FILE [keep] | port NUMBER | connections ADDRESS``.

The exit code is 1 when something stopped it, which is what is hoped for.
"""

import ctypes
import os
import socket
import sys
import time
from pathlib import Path

PIECE = bytes(1 << 20)
MOST_BYTES = 4 << 30
CONNECTIONS = 2_000
HELD_SECONDS = 2.0

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    what, given = sys.argv[1], sys.argv[2:]
    attempts = {
        "files": files, "inotify": inotify, "inotify-once": inotify_once,
        "fill": fill, "port": port, "connections": connections,
    }  # fmt: skip
    try:
        attempts[what](*given)
    except OSError as error:
        sys.exit(f"{error.strerror}")


def files() -> None:
    while True:
        os.open("/dev/null", os.O_RDONLY)


def inotify(*until: str) -> None:
    """With a file: says when it has all, and keeps them until the file is there."""
    try:
        for _ in range(100_000):
            inotify_once()
    except OSError:
        print("has all", flush=True)
        while until and not Path(until[0]).exists():
            time.sleep(0.1)
        raise


def inotify_once() -> None:
    if libc.inotify_init1(0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def fill(path: str, *keep: str) -> None:
    try:
        with Path(path).open("wb", buffering=0) as file:
            file.writelines(PIECE for _ in range(MOST_BYTES // len(PIECE)))
    finally:
        if not keep:
            Path(path).unlink()


def port(number: str) -> None:
    """By every address and every option that might share it."""
    for address in ("0.0.0.0", "127.0.0.1", "127.0.0.2"):  # noqa: S104
        for options in ((), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
            taken = socket.socket()
            for option in options:
                taken.setsockopt(socket.SOL_SOCKET, option, 1)
            try:
                taken.bind((address, int(number)))
                taken.listen()
            except OSError as error:
                print(f"{address} {options}: {error.strerror}")
            else:
                sys.exit(0)
    sys.exit(1)


def connections(address: str) -> None:
    """Opened all at once, a request begun on each, and held for a moment."""
    held = []
    host, _, number = address.rpartition(":")
    for _ in range(CONNECTIONS):
        client = socket.socket(socket.AF_INET if host else socket.AF_UNIX)
        client.settimeout(HELD_SECONDS)
        client.connect((host, int(number)) if host else address)
        client.sendall(b"GET / HTTP/1.1\r\n")
        held.append(client)
    time.sleep(HELD_SECONDS)
    sys.exit(f"held {len(held)}")


main()
