#!/usr/bin/env python3
"""Gives directories the flags of the one above, as new ones have, when an account is wiped.

    flags_as_above.py DIRECTORY...

Files get the flags of their directory, which its owner may set: each write to the disk at once, links forbidden, a size
of extents, names in any case. An empty directory gives all of them up. What its owner may not change stays, and so does
its project of quotas, which the operator may count by; a file system without flags has nothing to change.
"""

import errno
import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS and FS_IOC_SETFLAGS of linux/fs.h
GET_ATTRIBUTES, SET_ATTRIBUTES = 0x801C581F, 0x401C5820  # FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR
FLAGS = [1 << bit for bit in (0, 1, 2, 3, 6, 7, 10, 15, 16, 17, 23, 25, 30)]
"""Those that an owner may set: chattr's s u c S d A m t D T C x F."""
XFLAGS = 0x1FDE0
"""The same of the other call, with XFS's own: RTINHERIT, NOSYMLINKS, EXTSIZE, EXTSZINHERIT, NODEFRAG, FILESTREAM,
COWEXTSIZE. Without PROJINHERIT."""
REFUSED = {errno.ENOTTY, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, errno.ENOTEMPTY}


def main(places: list[str]) -> None:
    for place in places:
        with unless_refused(), opened(place) as folder, opened("..", folder) as above:
            with unless_refused():
                set_flags(folder, above)
            set_attributes(folder, above)


@contextmanager
def opened(path: str, below: int | None = None) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=below)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def unless_refused() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise


def set_flags(folder: int, above: int) -> None:
    """One by one, so that one which is refused keeps no other. Some exclude others, so those that go come first."""
    theirs = flags(above)
    for flag in sorted(FLAGS, key=lambda flag: theirs & flag):
        its = flags(folder)
        if (its ^ theirs) & flag:
            with unless_refused():
                fcntl.ioctl(folder, SET_FLAGS, struct.pack("II", its ^ flag, 0))


def flags(folder: int) -> int:
    """The kernel writes 4 bytes, FUSE 8."""
    return int(struct.unpack("II", fcntl.ioctl(folder, GET_FLAGS, bytes(8)))[0])


def set_attributes(folder: int, above: int) -> None:
    its, theirs = (struct.unpack("5I8x", fcntl.ioctl(each, GET_ATTRIBUTES, bytes(28))) for each in (folder, above))
    xflags, _, extents, project, _ = its
    wanted = (xflags & ~XFLAGS | theirs[0] & XFLAGS, theirs[1], extents, project, theirs[4])
    if wanted != its:
        fcntl.ioctl(folder, SET_ATTRIBUTES, struct.pack("5I8x", *wanted))


if __name__ == "__main__":
    main(sys.argv[1:])
