"""Looks at what the kernel shows of itself: ``surface.py writable [namespaced] | devices | filesystems | sockets |
pairs [own] | enter PID``.

The exit code is 1 when nothing was found that should not be there: a refusal, with its reason.
"""

import ctypes
import errno
import os
import socket
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

OF_A_NAMESPACE = (
    "/proc/sys/net/", "/proc/sys/user/", "/proc/sys/fs/mqueue/", "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/domainname", "/proc/sys/kernel/msg", "/proc/sys/kernel/sem", "/proc/sys/kernel/shm",
    "/proc/sys/kernel/auto_msgmni", "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/pty/", "/proc/sys/kernel/keys/",
)  # fmt: skip
"""Settings that each network, user, IPC, UTS or process namespace has for itself."""

DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "tun", "console", "ptmx"}
NO_DEVICE = {
    "sysfs", "tmpfs", "proc", "cgroup", "cgroup2", "cpuset", "ramfs", "devpts", "overlay", "fuse", "mqueue", "bpf",
    "binfmt_misc",
}  # fmt: skip
"""What a namespace of one's own may mount: each shows what is of the namespace, or holds nothing but memory."""

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
CLONE_ALL = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | 0x20000000 | 0x8000000 | 0x4000000
RAW = (("raw ip", socket.AF_INET, socket.SOCK_RAW, 1),)
RARE = (("AF_PACKET", 17, socket.SOCK_RAW, 0x0300),
        ("AF_ALG", 38, socket.SOCK_SEQPACKET, 0), ("AF_VSOCK", 40, socket.SOCK_STREAM, 0),
        ("AF_CAN", 29, socket.SOCK_RAW, 1), ("AF_TIPC", 30, socket.SOCK_STREAM, 0),
        ("AF_RDS", 21, socket.SOCK_SEQPACKET, 0), ("AF_XDP", 44, socket.SOCK_RAW, 0))  # fmt: skip
USUAL = (("AF_INET", 2, socket.SOCK_STREAM, 0), ("AF_NETLINK", 16, socket.SOCK_RAW, 0))
"""Each kernel has these, and without a filter says EOPNOTSUPP to a pair of them: it has made both sockets by then."""


def main() -> None:
    what, given = sys.argv[1], sys.argv[2:]
    {
        "writable": writable, "devices": devices, "filesystems": filesystems, "sockets": sockets, "pairs": pairs,
        "enter": enter,
    }[what](*given)  # fmt: skip


def verdict(found: list[str], refusals: Counter[str]) -> None:
    if found:
        print("\n".join(found[:40]))
        sys.exit(0)
    if not refusals:
        sys.exit("there was nothing to try: Traceback")
    sys.exit("refused: " + ", ".join(f"{reason} ({times} times)" for reason, times in refusals.most_common()))


# --- files of /proc and /sys ------------------------------------------------------------------------------------------


def writable(*own: str) -> None:
    """Files whose content may be written: opened, and what stands in them written back."""
    found, refusals = [], Counter[str]()
    harmless = delegated() if own else set()
    for path in chain(files("/proc"), files("/sys")):
        if (own and path.startswith(OF_A_NAMESPACE)) or path in harmless or not stat.S_ISREG(os.lstat(path).st_mode):
            continue  # podman hides some by /dev/null
        try:
            write_back(path)
        except OSError as error:
            refusals[os.strerror(error.errno or 0)] += 1
        else:
            found.append(path)
    verdict(found, refusals)


def files(top: str) -> Iterator[str]:
    for directory, directories, names in os.walk(top):
        if directory == "/proc":
            # What a process has of itself is its own.
            directories[:] = [name for name in directories if not name.isdigit() and "self" not in name]
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                yield path


def delegated() -> set[str]:
    """What the kernel lets whoever has a namespace of control groups change of the group at its top: its own.

    ``cgroup.kill`` opens, too, and ends nobody else.
    """
    try:
        names = Path("/sys/kernel/cgroup/delegate").read_text(encoding="ascii").split()
    except OSError:  # of an older kernel
        return set()
    return {f"/sys/fs/cgroup/{name}" for name in (*names, "cgroup.kill")}


def write_back(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        try:
            before = Path(path).read_bytes()[:4096]
        except OSError:
            return  # write only: that it opens is enough
        os.write(descriptor, before)
    finally:
        os.close(descriptor)


# --- devices ----------------------------------------------------------------------------------------------------------


def devices() -> None:
    """Block devices, and character devices that are none of the harmless ones; then one is to be made."""
    found, refusals = [], Counter[str]()
    for directory, _, names in os.walk("/dev"):
        for name in names:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            known = name in DEVICES or directory == "/dev/pts"
            if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not known):
                found.append(path)
    for kind, number in ((stat.S_IFCHR, os.makedev(1, 1)), (stat.S_IFBLK, os.makedev(8, 0))):
        path = f"/tmp/verify-node-{os.getpid()}"  # noqa: S108
        try:
            os.mknod(path, kind | 0o600, number)
            found.append(path)
            os.unlink(path)
        except OSError as error:
            refusals[os.strerror(error.errno or 0)] += 1
    verdict(found, refusals)


# --- in a namespace of one's own --------------------------------------------------------------------------------------


def unshared() -> None:
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_ALL) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0 or Path("/proc/self/uid_map").read_text().strip() == "":
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    # Of a new process namespace only a child is a member.
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def filesystems() -> None:
    """Each that the kernel knows, mounted by the root of a user namespace that the builder makes for itself."""
    known = [line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()]
    unshared()
    os.mkdir(place := f"/tmp/verify-mount-{os.getpid()}")  # noqa: S108
    mounted, refusals = [], Counter[str]()
    for name in known:
        options = "lowerdir=/usr:/etc" if name == "overlay" else None
        ctypes.set_errno(0)
        if libc.mount(b"none", place.encode(), name.encode(), 0, None if options is None else options.encode()) == 0:
            mounted.append(name)
            libc.umount2(place.encode(), 2)
        else:
            refusals[os.strerror(ctypes.get_errno())] += 1
    os.rmdir(place)
    print("mounted in a namespace of its own:", *sorted(mounted))
    verdict([name for name in mounted if name not in NO_DEVICE], refusals)


def sockets(*own: str) -> None:
    """Raw sockets here, or in a network of its own; those of rare families in both."""
    if own:
        unshared()
    found, refusals = [], Counter[str]()
    for name, family, kind, protocol in (*RAW[1:], *RARE) if own else (*RAW, *RARE):
        try:
            socket.socket(family, kind, protocol).close()
            found.append(name)
        except OSError as error:
            refusals[f"{name}: {os.strerror(error.errno or 0)}"] += 1
    for name, family, kind, protocol in RAW[:1] if own else ():
        socket.socket(family, kind, protocol).close()
        print(f"{name}: allowed, in a network of its own")
    verdict(found, refusals)


def pairs(*own: str) -> None:
    """Of every family but AF_UNIX: as from a kernel without the family; any other answer came after two sockets."""
    if own:
        unshared()
    socket.socketpair()[0].close()
    found, refusals = [], Counter[str]()
    for name, family, kind, protocol in (*USUAL, *RARE):
        try:
            socket.socketpair(family, kind, protocol)
            found.append(f"{name}: allowed")
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                refusals[os.strerror(errno.EAFNOSUPPORT)] += 1
            else:
                found.append(f"{name}: {os.strerror(error.errno or 0)}")
    verdict(found, refusals)


def enter(pid: str) -> None:
    found, refusals = [], Counter[str]()
    for name in ("user", "mnt", "net", "pid", "ipc", "uts", "cgroup"):
        try:
            with open(f"/proc/{pid}/ns/{name}", "rb") as namespace:
                join(namespace.fileno())
            found.append(f"entered {name}")
        except OSError as error:
            refusals[errno.errorcode[error.errno or 0] + " " + os.strerror(error.errno or 0)] += 1
    verdict(found, refusals)


def join(namespace: int) -> None:
    if libc.setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


main()
