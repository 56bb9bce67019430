"""A workbench whose podman is a dictionary. Any command can be made to fail, or to wait."""

import json
import re
import shlex
from dataclasses import dataclass, field, replace
from itertools import pairwise

import anyio
import anyio.lowlevel
from typing_extensions import override

from appx.workbench.bench import Command, CommandResult, OnOutput
from tests.fakes.bench import DONE, FakeBench

IMAGE = "a" * 64


@dataclass(slots=True)
class Box:
    """A container."""

    labels: dict[str, str]
    port: int
    runs: bool = True


@dataclass(slots=True, kw_only=True)
class PodmanBench(FakeBench):
    """``fail_at``: which commands fail, counted from 0. ``sick``: new containers whose health check fails.

    ``held``: commands with this word wait until ``go``. ``unfit``: images of which compose makes no container.
    """

    boxes: dict[str, Box] = field(default_factory=dict)
    fail_at: frozenset[int] = frozenset()
    sick: bool = False
    held: str = ""
    go: anyio.Event = field(default_factory=anyio.Event)
    builds: int = 0
    compose: dict[str, object] = field(default_factory=dict)
    unfit: frozenset[str] = frozenset()

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        await anyio.lowlevel.checkpoint()
        number = len(self.commands)
        self.commands.append(command)
        if self.held and self.held in command.line:
            await self.go.wait()
        if number in self.fail_at:
            return replace(DONE, code=125, output="Error: it was to fail")
        code, output = self._does(command.line, command.given)
        if on_output is not None and output:
            on_output(output)
        return replace(DONE, code=code, output=output)

    @property
    def running(self) -> dict[str, str]:
        """The release of each container that runs."""
        return {name: box.labels.get("appx.release", "") for name, box in self.boxes.items() if box.runs}

    def _does(self, line: str, given: str) -> tuple[int, str]:
        if "podman-compose" in line or "be_healthy" in line:
            return self._composes(line, given)
        words = shlex.split(line.replace("\n", " ; "))
        if "podman build" in line:
            self.builds += 1
            return 0, "STEP 1/1: FROM x\n"
        if words[:3] == ["podman", "image", "inspect"]:
            return 0, json.dumps([{"Id": IMAGE, "Size": 1, "Config": {}}])
        if words[:2] == ["podman", "ps"]:
            return 0, json.dumps([_listed(name, box) for name, box in self.boxes.items()])
        if words[:2] == ["podman", "run"]:
            return self._runs(words)
        if "--globoff" in line:
            return (1, "it ended with exit code 7") if self.sick else (0, "")
        if words[:2] == ["podman", "port"]:
            return 0, "127.0.0.1:40000\n"
        return self._changes(line, words)

    def _runs(self, words: list[str]) -> tuple[int, str]:
        given = dict(word.split("=", 1) for flag, word in pairwise(words) if flag == "--label")
        published = words[words.index("--publish") + 1].split(":")
        port = int(published[-2] or 40_000)
        if any(box.port == port and box.runs for name, box in self.boxes.items() if port != 40_000):
            return 126, "Error: address already in use"
        self.boxes[words[words.index("--name") + 1]] = Box(labels=given, port=port)
        return 0, "id\n"

    def _changes(self, line: str, words: list[str]) -> tuple[int, str]:
        if "podman images" in line or "podman secret" in line or "podman info" in line:
            return 0, "99999" if "podman info" in line else ""
        if line.lstrip().startswith("for each in $(podman ps --all --format '{{.Names}}' --filter 'name=-app-"):
            self._tidy()
        elif "container exists" in line:
            self._put_back(words[words.index("exists") + 1].rstrip(";"))
        elif "podman stop --time" in line:
            self._remove(_web(line))
            self._set_aside(_web(line).removesuffix(".last"))
        elif "podman rm" in line:
            self._remove(_web(line))
        elif words[:2] == ["podman", "start"]:
            self._start(words[-1])
        return 0, ""

    def _of(self, web: str) -> list[str]:
        """The containers of an app, by the name of the one that answers the web; ``.last`` at its end: set aside."""
        name, suffix = web.removesuffix(".last"), ".last" if web.endswith(".last") else ""
        return [each for each in self.boxes if each == web or re.fullmatch(f"{name}_[^.]+{suffix}", each)]

    def _remove(self, web: str) -> None:
        for each in self._of(web):
            del self.boxes[each]

    def _set_aside(self, web: str) -> None:
        for each in self._of(web):
            box = self.boxes[f"{each}.last"] = self.boxes.pop(each)
            box.runs = False

    def _put_back(self, aside: str) -> None:
        web = aside.removesuffix(".last")
        if aside in self.boxes:
            self._remove(web)
        for each in self._of(aside):
            self.boxes[each.removesuffix(".last")] = self.boxes.pop(each)
        self._start(web)

    def _start(self, web: str) -> None:
        for each in self._of(web):
            self.boxes[each].runs = True

    def _composes(self, line: str, given: str) -> tuple[int, str]:
        """``compose`` is what the project's file says."""
        if "config" in line:
            return 0, json.dumps(self.compose)
        if " build " in line:
            self.builds += 1
            return 0, "STEP 1/1: FROM x\n"
        if "be_healthy" in line:
            for name in re.findall("^podman start (.+)$", line, re.MULTILINE):
                self.boxes[name].runs = True
            return 0, ""
        for service in json.loads(given)["services"].values():
            if service["image"] not in self.unfit:
                port = int(service["ports"][0].split(":")[-2] or 40_000) if service["ports"] else 0
                self.boxes[service["container_name"]] = Box(labels=service["labels"], port=port, runs=False)
        return 0, "Error: as unfit as it was to be" if self.unfit else ""

    def _tidy(self) -> None:
        for name in list(self.boxes):
            if name.endswith(".next"):
                del self.boxes[name]
            elif name.endswith(".last"):
                box = self.boxes.pop(name)
                self.boxes.setdefault(name.removesuffix(".last"), box)


def _web(line: str) -> str:
    found = re.search(r'" web=(\S+)', line)
    assert found is not None, line
    return found[1]


def _listed(name: str, box: Box) -> dict[str, object]:
    return {
        "Names": [name],
        "ImageID": IMAGE,
        "State": "running" if box.runs else "exited",
        "Status": "",
        "Labels": box.labels,
        "Ports": [{"host_port": box.port}],
    }
