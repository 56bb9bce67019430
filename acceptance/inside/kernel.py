"""Makes calls that the kernel keeps for others, and says who refused them: ``kernel.py calls``, standard input: the
seccomp profile that the container was started with. ``kernel.py foreign``: two calls of a 32-bit program.

Prints a line for each group: ``GROUP refused by seccomp: NAME (ERRNO), …; by the kernel: …; allowed: …``. Every call
is made with arguments that do no harm where it is allowed.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p

ROOM = ctypes.create_string_buffer(4096)
NAME = ctypes.create_string_buffer(b"verify")
NOWHERE = ctypes.c_void_p(16)
"""An address that a call which goes on faults at."""

HERE, MINUS = os.getpid(), ctypes.c_long(-1)

# name: (x86_64, aarch64, arguments). A number of -1: the call is not there.
GROUPS: dict[str, dict[str, tuple[int, int, tuple[Any, ...]]]] = {
    "code": {
        "init_module": (175, 105, (NOWHERE, 1, NAME)),
        "finit_module": (313, 273, (MINUS, NAME, 0)),
        "delete_module": (176, 106, (NAME, 0)),
        "kexec_load": (246, 104, (0, 0, 0, 0)),
        "kexec_file_load": (320, 294, (MINUS, MINUS, 0, NAME, 0)),
    },
    "watching": {
        "bpf": (321, 280, (0, NOWHERE, 0)),
        "perf_event_open": (298, 241, (NOWHERE, 0, MINUS, MINUS, 0)),
        "lookup_dcookie": (212, 18, (0, ROOM, 4096)),
        "fanotify_init": (300, 262, (0, 0)),
        "syslog": (103, 116, (3, ROOM, 4096)),
    },
    "keyrings": {
        "add_key": (248, 217, (NAME, NAME, 0, 0, ctypes.c_long(-2))),
        "request_key": (249, 218, (NAME, NAME, 0, 0)),
        "keyctl": (250, 219, (0, ctypes.c_long(-4), 0)),
    },
    "memory": {
        "io_uring_setup": (425, 425, (1, ROOM)),
        "io_uring_enter": (426, 426, (MINUS, 0, 0, 0)),
        "userfaultfd": (323, 282, (0,)),
        "pidfd_getfd": (438, 438, (MINUS, MINUS, 0)),
        "vmsplice": (278, 75, (MINUS, ROOM, 0, 0)),
        "move_pages": (279, 239, (HERE, 0, 0, 0, 0, 0)),
        "migrate_pages": (256, 238, (HERE, 0, 0, 0)),
        "process_madvise": (440, 440, (MINUS, ROOM, 0, 0, 0)),
        "kcmp": (312, 272, (HERE, HERE, 0, 0, 0)),
    },
    "hardware": {"iopl": (172, -1, (3,)), "ioperm": (173, -1, (0x80, 1, 1))},
    "clock": {
        "settimeofday": (164, 170, (NOWHERE, 0)),
        "clock_settime": (227, 112, (0, NOWHERE)),
        "adjtimex": (159, 171, (ROOM,)),
    },
    "disks": {
        "open_by_handle_at": (304, 265, (MINUS, ROOM, 0)),
        "fsopen": (430, 430, (NAME, 0)),
        "quotactl": (179, 60, (0, NAME, 0, ROOM)),
        "quotactl_fd": (443, 443, (MINUS, 0, 0, ROOM)),
        "swapon": (167, 224, (NAME, 0)),
        "swapoff": (168, 225, (NAME,)),
        "acct": (163, 89, (NAME,)),
    },
    "container": {
        "reboot": (169, 142, (0xFEE1DEAD, 672274793, 0)),
        "chroot": (161, 51, (ctypes.create_string_buffer(b"/"),)),
        "pivot_root": (155, 41, (NAME, NAME)),
        "mount": (165, 40, (NAME, ctypes.create_string_buffer(b"/mnt"), ctypes.create_string_buffer(b"tmpfs"), 0, 0)),
        "umount2": (166, 39, (ctypes.create_string_buffer(b"/workspace"), 8)),
        "sethostname": (170, 161, (NAME, 6)),
        "mknodat": (259, 33, (ctypes.c_long(-100), ctypes.create_string_buffer(b"/tmp/verify-mem"), 0o20666, 0x101)),
    },
}
REFUSALS = {errno.EPERM, errno.ENOSYS, errno.EACCES}
ADJ_TICK = 0x4000
WORDS_AT = 512


def main() -> None:
    if sys.argv[1] == "foreign":
        foreign()
    profile = json.load(sys.stdin)
    filtered = "\nSeccomp:\t2\n" in Path("/proc/self/status").read_text()
    for group, calls in GROUPS.items():
        walls: dict[str, list[str]] = {}
        for name in calls:
            number = attempt(name, *calls[name])
            if number is None:
                continue
            by = who(name, number, profile if filtered else None)
            walls.setdefault(by, []).append(f"{name} ({errno.errorcode.get(number, 'done')})")
        print(f"{group} refused", "; ".join(f"{wall}: {', '.join(names)}" for wall, names in sorted(walls.items())))


def attempt(name: str, x86: int, arm: int, arguments: tuple[Any, ...]) -> int | None:
    """The error's number, 0 for none; None where there is no such call."""
    number = x86 if platform.machine() == "x86_64" else arm
    if number < 0:
        return None
    if name == "adjtimex":
        # As the clock has it now; then the same as a change.
        libc.syscall(number, *arguments)
        struct.pack_into("I", ROOM, 0, ADJ_TICK)
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(number, *arguments) < 0 else 0


def who(name: str, number: int, profile: dict[str, Any] | None) -> str:
    if number not in REFUSALS:
        return "allowed"
    return "by seccomp" if profile is not None and not passes(name, profile) else "by the kernel"


def passes(name: str, profile: dict[str, Any]) -> bool:
    """Whether the profile lets the call through to the kernel, for a container with SETUID and SETGID alone."""
    return any(rule["action"] == "SCMP_ACT_ALLOW" for rule in rules_of(name, profile))


def rules_of(name: str, profile: dict[str, Any]) -> Iterator[dict[str, Any]]:
    has = {"CAP_SETUID", "CAP_SETGID"}
    for rule in profile["syscalls"]:
        needs = set((rule.get("includes") or {}).get("caps") or ())
        without = set((rule.get("excludes") or {}).get("caps") or ())
        if name in rule["names"] and needs <= has and not without & has:
            yield rule


def foreign() -> None:
    """``socketcall`` of a 32-bit program, for AF_UNIX: in a child, because the filter kills who tries."""
    if platform.machine() != "x86_64":
        sys.exit("this processor has no such calls: killed by nobody")
    child = os.fork()
    if child == 0:
        os._exit(0 if call_32(102, 1, (1, 1, 0)) >= 0 else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        sys.exit(f"killed by {signal.Signals(os.WTERMSIG(status)).name}")
    sys.exit("refused without a reason" if os.waitstatus_to_exitcode(status) else 0)


def call_32(number: int, first: int, words: tuple[int, int, int]) -> int:
    """int 0x80 with eax, ebx, and ecx pointing to the words; memory below 4 GB that may run."""
    page = libc.mmap(None, ctypes.c_size_t(4096), 7, 0x22 | 0x40, -1, ctypes.c_long(0))
    code = b"\x53\xb8" + struct.pack("<I", number) + b"\xbb" + struct.pack("<I", first)
    code += b"\xb9" + struct.pack("<I", page + WORDS_AT) + b"\xcd\x80\x5b\xc3"
    ctypes.memmove(page, code, len(code))
    ctypes.memmove(page + WORDS_AT, struct.pack("<III", *words), 12)
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(page)())


main()
