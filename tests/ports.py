"""Ports that tests listen on."""

import itertools
import os
import socket

FIRST, EACH, WORKERS = 20_000, 500, 20
"""Below those that the kernel gives to connections, and other ones for each process of pytest: nobody takes one in
between."""

_numbers = itertools.count()


def free_port() -> int:
    """Nobody listens there, by TCP or UDP, and no other test gets it."""
    first = FIRST + os.getpid() % WORKERS * EACH
    while True:
        port = first + next(_numbers) % EACH
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            return port


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
