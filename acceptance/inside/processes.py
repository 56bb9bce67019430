"""Prints each process whose rights are not those of its zone; run as root in the container: ``processes.py ASPECT``.

``/proc/*/status`` and ``uid_map`` are open to everybody, so this needs no right. A process in a user namespace of its
own (podman's, an app's) may hold "all" capabilities there; of the container's it has none, which its uid_map shows.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SETUID_SETGID = 0xC0
OF_PASTA = 0x200400
"""SYS_ADMIN and NET_BIND_SERVICE, over the network of the account and nothing else."""

ZONES = {0: "root", 993: "netns", 994: "egress", 997: "appx", 1000: "builder"}
ACCOUNTS = range(2001, 3000)
ROOTS = {"s6-svscan", "s6-supervise", "sleep", "launch", "egress-rules", "workbench", "network"}
RANGES = {uid: (100_000 + 65_536 * max(0, uid - 2_000)) for uid in (1_000, *ACCOUNTS)}
NETWORKS = [[f"{uid} {uid} 1", "993 993 1", f"{first} {first} 65536"] for uid, first in RANGES.items()]
"""Of the namespaces that own the networks of accounts: the same ids as outside, and only a few of them."""
KEEPER: list[str] = []
"""Of the namespace of the process that keeps the mount of cgroups: no id of it is one of the container's."""


@dataclass(frozen=True)
class Process:
    pid: str
    status: dict[str, str]
    nested: bool
    """In podman's namespace, or an app's."""
    id_map: list[str]
    ours: bool
    """Begun by the engine just now: this probe, or a health check."""
    administers: bool
    """For a moment, with all capabilities over the namespaces of an account: root's script for them began it."""

    @property
    def zone(self) -> str:
        uid = int(self.status["Uid"].split()[0])
        return "project" if uid in ACCOUNTS else ZONES.get(uid, "nobody's")

    @property
    def is_keeper(self) -> bool:
        """An account may make a namespace without ids, too, and has capabilities over nothing there."""
        return self.id_map == KEEPER and not is_of_one_account([int(self.status["Uid"].split()[0])])

    @property
    def is_pasta(self) -> bool:
        """The way out. It has joined the namespace of the network, in which it needs two capabilities."""
        return self.status["Name"].startswith("pasta")

    def bits(self, name: str) -> int:
        return int(self.status[name], 16)


def processes() -> Iterator[Process]:
    outside = id_map("1")
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            status = status_of(directory.name)
            mapped = id_map(directory.name)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        ours = status["PPid"].strip() == "0" and directory.name != "1"
        # A health check that is about to become one has the engine's rights until then.
        if status["State"].startswith("Z") or (ours and status["Name"].startswith(("runc:", "crun"))):
            continue
        administers = mapped != outside and is_of_the_script(status["PPid"].strip())
        yield Process(directory.name, status, mapped not in (outside, *NETWORKS), mapped, ours, administers)


def is_of_the_script(pid: str) -> bool:
    """Whether it descends from root's ``network``, which what an account runs never does: it becomes that program."""
    while pid not in {"0", "1"}:
        try:
            status = status_of(pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        if status["Name"] == "network" and status["Uid"].split()[0] == "0":
            return True
        pid = status["PPid"].strip()
    return False


def status_of(pid: str) -> dict[str, str]:
    """The name is its process's to choose: any bytes but the end of a line."""
    lines = Path(f"/proc/{pid}/status").read_bytes().decode(errors="backslashreplace").split("\n")
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def id_map(pid: str) -> list[str]:
    return [" ".join(line.split()) for line in Path(f"/proc/{pid}/uid_map").read_text().splitlines()]


def is_of_one_account(ids: list[int]) -> bool:
    """Whether all are one account's: its own, or of its range."""
    return any(all(each == uid or first <= each < first + 65_536 for each in ids) for uid, first in RANGES.items())


def ids_of(id_map: list[str]) -> list[int]:
    """Of each line the first, the second and the last, by their numbers in the container: the second is another's where
    a line goes from an account's uid on to its range."""
    parts = [[int(word) for word in line.split()] for line in id_map]
    return [each for _, first, count in parts for each in (first, first + min(count, 2) - 1, first + count - 1)]


def capabilities(process: Process) -> str | None:
    """In a user namespace of its own whoever made it has all of them, over what has the namespace's ids and no more.

    An agent may make such at any time (``unshare``): the ids are what is judged, not that it is there.
    """
    if process.administers:
        return None
    if process.nested and not process.is_keeper:
        fits = is_of_one_account(ids_of(process.id_map))
        return None if fits else f"a user namespace with other ids: {process.id_map}"
    most = SETUID_SETGID if process.zone == "root" else OF_PASTA if process.is_pasta else 0
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        allowed = 0 if name in {"CapInh", "CapAmb"} and process.zone != "root" else most
        if process.bits(name) & ~allowed:
            return f"{name} is {process.status[name].strip()}"
    return None


def ambient(process: Process) -> str | None:
    return f"CapAmb is {process.status['CapAmb'].strip()}" if process.bits("CapAmb") and not process.nested else None


def bounding(process: Process) -> str | None:
    if (process.nested and not process.is_keeper) or process.is_pasta or process.administers:
        return None
    if process.bits("CapBnd") & ~SETUID_SETGID == 0:
        return None
    return f"CapBnd is {process.status['CapBnd'].strip()}"


def no_new_privileges(process: Process) -> str | None:
    return None if process.status["NoNewPrivs"].strip() == "1" else "NoNewPrivs is 0"


def filtered(process: Process) -> str | None:
    return None if process.status["Seccomp"].strip() == "2" else f"Seccomp is {process.status['Seccomp'].strip()}"


def owner(process: Process) -> str | None:
    if process.nested or process.ours:
        return None
    if process.zone == "nobody's":
        return f"uid {process.status['Uid'].split()[0]} belongs to no zone"
    name = process.status["Name"].strip()
    if process.zone == "root" and name not in ROOTS and "s6" not in name:
        return "it runs as root and is no part of s6"
    return None


ASPECTS = {
    "capabilities": capabilities,
    "ambient": ambient,
    "bounding": bounding,
    "no_new_privileges": no_new_privileges,
    "filtered": filtered,
    "owner": owner,
}


def main() -> None:
    check = ASPECTS[sys.argv[1]]
    seen, wrong = set(), 0
    for process in processes():
        seen.add("nested" if process.nested else process.zone)
        problem = check(process)
        if problem:
            wrong += 1
            print(f"process {process.pid} ({process.status['Name'].strip()}, {process.zone}): {problem}")
    # A check that saw nobody proves nothing.
    missing = {"root", "appx", "builder", "nested"} - seen
    if missing:
        sys.exit(f"there was no process of: {', '.join(sorted(missing))}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
