"""A power cut, replayed: what a disk may hold of what a server wrote, when only what was synced is sure to be there.

After ALICE (Pillai et al., OSDI 2014), in small: writes to a file are lost or kept each by itself until the file is
synced; names in a directory come in order, and as many as the disk pleases, until the directory is synced.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

OPTIONS = [
    "-ttt", "-xx", "-s", "4000000", "-e",
    "trace=write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync,ftruncate,unlink,unlinkat,rename,renameat,openat",
]  # fmt: skip

_LINE = re.compile(r"^\d+ +(?P<at>[\d.]+) (?P<resumed><\.\.\. )?(?P<call>\w+)(?P<rest>.*)$")
_SOCKET = re.compile(r"\(\d+<(?:socket|TCP|TCPv6|\\x73\\x6f\\x63|\\x54\\x43\\x50)")
SENDS = frozenset({"write", "writev", "sendto", "sendmsg"})
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE = re.compile(r"\d+<([^>]*)>")
_HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A finished call, ``at`` its time. ``path`` is absolute; ``data`` what was written; ``place`` where, or a size."""

    at: float
    call: str
    path: str = ""
    data: bytes = b""
    place: int = -1
    target: str = ""


def steps(trace: Path) -> Iterator[Step]:
    """What succeeded, in order. A call that others interrupt counts from its end on, but what was sent from its begin:

    it may have arrived before the trace tells its end.
    """
    begun: dict[tuple[str, str], str] = {}
    for line in trace.read_text().splitlines():
        told = _LINE.match(line)
        if told is None:
            continue
        key, rest = (line.partition(" ")[0], told["call"]), told["rest"]
        if rest.endswith("<unfinished ...>"):
            begun[key] = rest.removesuffix("<unfinished ...>").rstrip()
            if _is_send(told["call"], rest):
                yield Step(at=float(told["at"]), call="send")
            continue
        if told["resumed"]:
            rest = begun.pop(key, "") + rest.partition("resumed>")[2]
        arguments, _, result = rest.rpartition(" = ")
        again = told["resumed"] and _is_send(told["call"], rest)
        if arguments and not again and not result.startswith(("-", "?")):
            yield from _step(float(told["at"]), told["call"], arguments)


def _is_send(call: str, rest: str) -> bool:
    return call in SENDS and _SOCKET.match(rest) is not None


def _step(at: float, call: str, arguments: str) -> Iterator[Step]:
    if _is_send(call, arguments):
        yield Step(at=at, call="send")
        return
    texts = [bytes.fromhex(each.replace("\\x", "")) for each in _TEXT.findall(arguments)]
    files = [_plain(each) for each in _FILE.findall(arguments)]
    numbers = [int(each) for each in re.findall(r", (\d+)(?=[,)])", arguments)]
    match call:
        case "openat" if "O_CREAT" in arguments:
            yield Step(at=at, call="create", path=_text(texts[0]))
        case "write" | "pwrite64":
            place = numbers[-1] if call == "pwrite64" else -1
            yield Step(at=at, call="write", path=files[0], data=texts[0], place=place)
        case "fsync" | "fdatasync":
            yield Step(at=at, call="sync", path=files[0])
        case "ftruncate":
            yield Step(at=at, call="truncate", path=files[0], place=numbers[-1])
        case "unlink" | "unlinkat":
            yield Step(at=at, call="unlink", path=_text(texts[-1]))
        case "rename" | "renameat":
            yield Step(at=at, call="rename", path=_text(texts[0]), target=_text(texts[1]))
        case _:
            pass


def _text(name: bytes) -> str:
    """The server names its own files by absolute paths; others are those of projects and commands."""
    return name.decode(errors="replace")


def _plain(text: str) -> str:
    return _HEX.sub(lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode(errors="replace"), text)


@dataclass(slots=True)
class File:
    """``sure`` is on the disk; ``pending`` was written and not synced."""

    sure: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)
    size: int = 0
    """With all that is pending: where a plain write goes."""


class Disk:
    """One directory: the names on the disk, the changes of names that were not synced, the files."""

    def __init__(self, folder: Path, before: dict[str, bytes]) -> None:
        self._folder = str(folder)
        self._files = {name: File(sure=bytearray(data), size=len(data)) for name, data in before.items()}
        self._sure_names = dict(self._files)
        self._pending_names: list[tuple[str, File | None]] = []

    def apply(self, step: Step) -> None:
        folder, _, name = step.path.rpartition("/")
        if step.call == "sync" and step.path == self._folder:
            self._sure_names = self._names(len(self._pending_names))
            self._pending_names.clear()
        elif folder == self._folder:
            self._apply(step, name)

    def _apply(self, step: Step, name: str) -> None:
        match step.call:
            case "create" if name not in self._files:
                self._name(name, File())
            case "write" | "truncate" if name in self._files:
                self._write(self._files[name], step)
            case "sync" if name in self._files:
                file = self._files[name]
                for each in file.pending:
                    _change(file.sure, each)
                file.pending.clear()
            case "unlink":
                self._name(name, None)
            case "rename":
                file = self._files[name]
                self._name(step.target.rpartition("/")[2], file)
                self._name(name, None)
            case _:
                pass

    def after_cut(self, random: Random | None) -> dict[str, bytes]:
        """The files that are found then. Without ``random`` nothing survived that was not synced."""
        kept = random.randint(0, len(self._pending_names)) if random else 0
        found: dict[str, bytes] = {}
        for name, file in self._names(kept).items():
            data = bytearray(file.sure)
            for each in file.pending if random else ():
                if random is not None and random.random() < 0.5:
                    _change(data, each)
            found[name] = bytes(data)
        return found

    def _write(self, file: File, step: Step) -> None:
        place = file.size if step.call == "write" and step.place < 0 else step.place
        file.size = place if step.call == "truncate" else max(file.size, place + len(step.data))
        file.pending.append(Step(at=step.at, call=step.call, data=step.data, place=place))

    def _name(self, name: str, file: File | None) -> None:
        self._pending_names.append((name, file))
        if file is None:
            self._files.pop(name, None)
        else:
            self._files[name] = file

    def _names(self, kept: int) -> dict[str, File]:
        names = dict(self._sure_names)
        for name, file in self._pending_names[:kept]:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        return names


def _change(data: bytearray, step: Step) -> None:
    if len(data) < step.place:
        data.extend(b"\0" * (step.place - len(data)))
    if step.call == "truncate":
        del data[step.place :]
    else:
        data[step.place : step.place + len(step.data)] = step.data
