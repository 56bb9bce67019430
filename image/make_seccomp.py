#!/usr/bin/env python3
"""Makes image/seccomp.json: podman's own profile, with the three calls that nested rootless podman needs, and less.

The input, ``seccomp.stock.json``, is /usr/share/containers/seccomp.json of Debian's package
golang-github-containers-common (containers/common, Apache-2.0), unchanged.
That profile already lets an unprivileged process make namespaces and mount inside them. Only the calls of NEEDED are
tied to a capability that this container does not have; the kernel itself still checks the capability, but in
the *inner* user namespace, where podman has it.

What the stock profile allows and neither the server, nor podman, nor an ordinary build uses is taken out: the calls
of ABSENT and FORBIDDEN, all kinds of sockets but those of KINDS, pairs of them but AF_UNIX, and programs for other
machines (32 bits, x32).
docs/security.md says more.

    make_seccomp.py            writes seccomp.json
    make_seccomp.py --check    exits 1 when seccomp.json is not what this script makes
"""

import errno
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STOCK = HERE / "seccomp.stock.json"
PROFILE = HERE / "seccomp.json"

NEEDED = {
    "chroot": "buildah and podman unpack layers in a chroot",
    "sethostname": "crun names the host of a new UTS namespace",
    "setns": "every podman command joins the prepared user namespace",
}

ABSENT = {
    "add_key": "the kernel's key rings do not belong to a container; crun is told keyring = false",
    "epoll_ctl_old": "obsolete; the kernel itself says ENOSYS",
    "epoll_wait_old": "obsolete; the kernel itself says ENOSYS",
    "fanotify_mark": "useless without fanotify_init, which is for administrators",
    "fsconfig": "the new way to make a file system; mount(8) and crun fall back to mount",
    "fsmount": "as fsconfig",
    "fsopen": "as fsconfig",
    "fspick": "as fsconfig",
    "get_mempolicy": "placing memory on NUMA nodes; libnuma takes ENOSYS for a machine without nodes",
    "io_uring_enter": "as io_uring_setup",
    "io_uring_register": "as io_uring_setup",
    "io_uring_setup": "a second way to every call, past this filter; libuv and databases go back to epoll and threads",
    "keyctl": "as add_key",
    "mbind": "as get_mempolicy",
    "memfd_secret": "hidden memory; off in most kernels",
    "modify_ldt": "segments for 16-bit programs; many kernels are built without it",
    "name_to_handle_at": "makes handles for open_by_handle_at, which is for administrators",
    "remap_file_pages": "obsolete; the kernel only imitates it",
    "request_key": "as add_key",
    "set_mempolicy": "as get_mempolicy",
}
"""Answered as by a kernel that was built without them: ENOSYS makes programs take another way. The stock profile's
own default is ENOSYS, too, but Docker 20.10 does not read it and answers EPERM."""

FORBIDDEN = {
    "adjtimex": "the clock belongs to the host",
    "clock_adjtime": "the clock belongs to the host",
    "clock_adjtime64": "the clock belongs to the host",
    "pidfd_getfd": "takes an open file out of another process; no debugger needs it",
    "reboot": "nobody here stops a machine",
    "syslog": "the kernel's log tells addresses and devices of the host",
}
"""Answered with EPERM, as without the right: there is no other way that a program should try."""

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
KINDS = (UNIX, INET, INET6, NETLINK)
"""Address families of sockets. Among the others are those that reach the hypervisor (AF_VSOCK), the kernel's cipher
code (AF_ALG) and raw frames (AF_PACKET), and the old protocols that the kernel loads when somebody asks."""

ROUTE, DIAGNOSIS, FILTER, UEVENT, GENERIC = 0, 4, 12, 15, 16
LINKS = (ROUTE, DIAGNOSIS, FILTER, UEVENT, GENERIC)
"""Protocols of netlink: pasta and netavark make networks by the first, netavark its firewall by the third; ss and
udev's library use the others."""

Profile = dict[str, Any]
Rule = dict[str, Any]


def main(arguments: list[str]) -> int:
    made = render(tailored(json.loads(STOCK.read_text())))
    if "--check" not in arguments:
        PROFILE.write_text(made)
        return 0
    if PROFILE.read_text() == made:
        return 0
    sys.stderr.write(f"{PROFILE.name} differs from what {Path(__file__).name} makes: run it and commit the result.\n")
    return 1


def tailored(stock: Profile) -> Profile:
    """The stock profile, minus every rule about a call that is ours to rule, plus our rules.

    A call may stand in several rules ("allow with this capability", "refuse without it"), and the engine adds
    up what applies. So its name leaves all of them first.
    """
    ours = {"socket", "socketpair", *NEEDED, *ABSENT, *FORBIDDEN}
    rules = []
    for rule in stock["syscalls"]:
        names = [name for name in rule["names"] if name not in ours]
        if names:
            rules.append(rule | {"names": names})
    rules.append(allowed(NEEDED, "nested rootless podman"))
    rules.append(refused(ABSENT, errno.ENOSYS, "not needed"))
    rules.append(refused(FORBIDDEN, errno.EPERM, "not needed"))
    rules.extend(sockets())
    rules.extend(pairs())
    machines = [machine | {"subArchitectures": []} for machine in stock["archMap"]]
    return stock | {"archMap": machines, "syscalls": rules}


def sockets() -> Iterator[Rule]:
    """A rule compares an argument with one number, and rules of one call must not overlap: one for each number."""
    for kind in KINDS:
        if kind != NETLINK:
            yield allowed(["socket"], "a kind of socket", equal(0, kind))
    for protocol in LINKS:
        yield allowed(["socket"], "a netlink protocol", equal(0, NETLINK), equal(2, protocol))
    for kind in range(NETLINK):
        if kind not in KINDS:
            yield refused(["socket"], errno.EAFNOSUPPORT, "another kind of socket", equal(0, kind))
    yield refused(["socket"], errno.EAFNOSUPPORT, "another kind of socket", above(0, NETLINK))
    for protocol in range(GENERIC):
        if protocol not in LINKS:
            yield refused(
                ["socket"], errno.EPROTONOSUPPORT, "another netlink protocol", equal(0, NETLINK), equal(2, protocol)
            )
    yield refused(["socket"], errno.EPROTONOSUPPORT, "another netlink protocol", equal(0, NETLINK), above(2, GENERIC))


def pairs() -> Iterator[Rule]:
    """The kernel makes both sockets, and loads the code of their family, before it asks if the family has pairs."""
    yield allowed(["socketpair"], "a pair of sockets", equal(0, UNIX))
    for kind in range(UNIX):
        yield refused(["socketpair"], errno.EAFNOSUPPORT, "another kind of pair", equal(0, kind))
    yield refused(["socketpair"], errno.EAFNOSUPPORT, "another kind of pair", above(0, UNIX))


def allowed(names: Iterable[str], why: str, *arguments: Rule) -> Rule:
    return {"names": sorted(names), "action": "SCMP_ACT_ALLOW", "args": list(arguments), "comment": f"appx: {why}"}


def refused(names: Iterable[str], number: int, why: str, *arguments: Rule) -> Rule:
    """Engines read ``errnoRet``; podman's newer ones also want the name, and take it before the number."""
    return {
        "names": sorted(names),
        "action": "SCMP_ACT_ERRNO",
        "args": list(arguments),
        "comment": f"appx: {why}",
        "errnoRet": number,
        "errno": errno.errorcode[number],
    }


def equal(index: int, value: int) -> Rule:
    return {"index": index, "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"}


def above(index: int, value: int) -> Rule:
    return {"index": index, "value": value, "valueTwo": 0, "op": "SCMP_CMP_GT"}


def render(profile: Profile) -> str:
    return json.dumps(profile, indent="\t") + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
