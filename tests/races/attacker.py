# It works with bytes, and with as little as it can.
# ruff: noqa: PTH118, PTH208, PTH211
"""Somebody who swaps what stands at a path, at full speed, in a process of its own: threads of Python would take turns.

python attacker.py COUNTER exchange PATH OTHER...    PATH and each OTHER change places, one after the other, forever
python attacker.py COUNTER hunt FOLDER OUTSIDE       what is unfinished in FOLDER, and directories in that, become links
                                                     to OUTSIDE and themselves again
COUNTER is a file of eight bytes: how often something was swapped.
"""

import ctypes
import itertools
import mmap
import os
import struct
import sys
from contextlib import suppress

AT_FDCWD = -100
RENAME_EXCHANGE = 2
PREFIX = b".appx-unfinished-"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)


def exchange(one: bytes, other: bytes) -> bool:
    done: int = _libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
    return done == 0


class Counter:
    def __init__(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDWR)
        self._memory = mmap.mmap(descriptor, 8)
        os.close(descriptor)

    def read(self) -> int:
        found: int = struct.unpack_from("=q", self._memory)[0]
        return found

    def add(self) -> None:
        struct.pack_into("=q", self._memory, 0, self.read() + 1)


def swap(counter: Counter, path: bytes, others: list[bytes]) -> None:
    for other in itertools.cycle(others):
        if exchange(path, other):
            counter.add()


def hunt(counter: Counter, folder: bytes, outside: bytes) -> None:
    """First the directories inside: the name of what was found then still leads to it."""
    link = os.path.join(folder, b"hunter")
    while True:
        with suppress(OSError):
            os.symlink(outside, link)
        for name in os.listdir(folder):
            if not name.startswith(PREFIX):
                continue
            found = os.path.join(folder, name)
            with suppress(OSError):
                for inner in sorted(os.listdir(found)):
                    _there_and_back(counter, os.path.join(found, inner), link)
            _there_and_back(counter, found, link)


def _there_and_back(counter: Counter, path: bytes, link: bytes) -> None:
    if exchange(path, link):
        counter.add()
        for _ in range(200):  # so long is it a link
            os.getppid()
        exchange(path, link)


def main() -> None:
    counter, way = Counter(sys.argv[1]), sys.argv[2]
    paths = [os.fsencode(each) for each in sys.argv[3:]]
    if way == "exchange":
        swap(counter, paths[0], paths[1:])
    else:
        hunt(counter, paths[0], paths[1])


if __name__ == "__main__":
    main()
