"""A reader of a log sees one app through all its containers, and is told what it was too slow for."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from typing_extensions import override

from appx.apps import following
from appx.apps.containers import Containers
from appx.apps.following import Changed, Following, LeftOut, Lines, News, Quiet
from appx.domain.apps import App
from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.workbench.bench import Command, CommandResult, OnOutput, TakeOutput
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

APP = App(project=ProjectId("shop"), environment="dev", release=1, wanted="running")


@dataclass(slots=True)
class Podman(FakeBench):
    """One container at a time. ``flood``: whether its log never ends. ``refuses``: whether it answers nothing."""

    life: dict[str, Any] | None = None
    flood: bool = False
    refuses: bool = False
    asked: int = 0
    ended: int = 0
    given: int = 0

    def start(self, identity: str, *, runs: bool = True) -> None:
        state = {"Status": "running" if runs else "exited", "StartedAt": f"at-{identity}", "ExitCode": 7}
        self.life = {"Id": identity, "State": state}

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.refuses:
            raise Unavailable("The workbench refuses.")
        return replace(DONE, output="" if self.life is None else json.dumps([self.life]))

    @override
    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        try:
            while self.flood:
                self.commands = self.commands or [command]
                self.given += 1
                await take("stdout", line(f"flood {self.given}") * 1_000)
            return await FakeBench.stream(self, command, take)
        finally:
            self.ended += 1


def line(text: str, seconds: float = 0) -> bytes:
    stamp = (clock.now() + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return f"{stamp} {text}\n".encode()


@dataclass(slots=True)
class Reader:
    news: list[News] = field(default_factory=list)

    async def tell(self, news: News) -> None:
        self.news.append(news)

    @property
    def texts(self) -> list[str]:
        """Of lines; of all else what it is."""
        found = []
        for each in self.news:
            if isinstance(each, Lines):
                found += [line.text for line in each.lines]
            else:
                found.append(each.to if isinstance(each, Changed) else type(each).__name__)
        return found

    async def sees(self, *texts: str) -> None:
        with anyio.fail_after(20):
            while self.texts[-len(texts) :] != list(texts):  # noqa: ASYNC110
                await anyio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.05)


@asynccontextmanager
async def followed(podman: Podman, quiet: float = 60) -> AsyncIterator[Reader]:
    reader = Reader()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Following(Containers(podman), APP, 50, quiet_seconds=quiet).run, reader.tell)
        yield reader
        tasks.cancel_scope.cancel()


async def test_both_streams_are_shown_in_the_order_of_their_times() -> None:
    podman = Podman(
        streams=[[("stdout", line("1", 0) + line("3", 2)), ("stderr", line("2", 1)), ("stdout", line("4", 3)[:-1])]]
    )
    podman.start("one", runs=False)
    async with followed(podman) as reader:
        await reader.sees("1", "2", "3", "4", "ended")
    assert reader.news[-1] == Changed(to="ended", exit_code=7)
    assert podman.commands[0].line == "exec podman logs --follow --timestamps --tail 50 one"


async def test_a_new_container_is_said_and_its_log_goes_on_where_the_old_one_ended() -> None:
    podman = Podman(streams=[[("stdout", line("old"))], [("stdout", line("new", 1))]])
    podman.start("one", runs=False)
    async with followed(podman) as reader:
        await reader.sees("old", "ended")
        podman.life = None
        await anyio.sleep(0.2)
        podman.start("two", runs=False)
        await reader.sees("old", "ended", "started", "new", "ended")
    assert "--since 20" in podman.commands[1].line
    assert podman.commands[1].line.endswith(" two")


async def test_who_leaves_ends_the_command() -> None:
    podman = Podman()
    podman.start("one")
    async with followed(podman):
        with anyio.fail_after(5):
            while not podman.commands:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        assert podman.ended == 0
    assert podman.ended == 1


@pytest.mark.parametrize("refuses", [False, True], ids=["no container", "no answer"])
async def test_where_there_is_nothing_to_read_it_is_looked_now_and_then(
    monkeypatch: pytest.MonkeyPatch, *, refuses: bool
) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 3_600)
    podman = Podman(refuses=refuses)
    async with followed(podman):
        for _ in range(500):
            await anyio.lowlevel.checkpoint()
    assert podman.asked == 1


async def test_when_nothing_happens_that_is_told_too() -> None:
    podman = Podman()
    podman.start("one")
    async with followed(podman, quiet=0.1) as reader:
        await reader.sees("Quiet", "Quiet")
    assert set(map(type, reader.news)) == {Quiet}


async def test_a_flood_is_held_back_and_who_is_behind_sees_the_end_and_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "BEHIND", timedelta(seconds=1))
    monkeypatch.setattr(following, "LOOK_SECONDS", 3_600)
    podman = Podman(flood=True)
    podman.start("one")
    reader = Reader()
    stop = anyio.Event()

    async def slowly(news: News) -> None:
        await reader.tell(news)
        await anyio.sleep(0.6)
        if isinstance(news, LeftOut):
            stop.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Following(Containers(podman), APP, 50, quiet_seconds=60).run, slowly)
        with anyio.fail_after(20):
            await stop.wait()
        tasks.cancel_scope.cancel()
    shown = sum(len(each.lines) for each in reader.news if isinstance(each, Lines))
    assert podman.given * 1_000 - shown < 4_000, "what nobody read was not taken"
    gap = next(each for each in reader.news if isinstance(each, LeftOut))
    assert gap.after < gap.before
    assert podman.ended >= 2, "the command is begun anew at the end"


async def test_times_that_cannot_be_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "BEHIND", timedelta(seconds=-1))
    stamps = ("9999-99-99T99:99:99.0Z", "9999-12-31T23:59:59.0Z", "0001-01-01T00:00:00.0+23:59")
    podman = Podman(streams=[[("stdout", f"{each} x 9999-12-31T23:59:59.5Z y\n".encode())] for each in stamps])
    podman.start("one")
    async with followed(podman) as reader:
        with anyio.fail_after(20):
            while len(reader.texts) < len(stamps):  # noqa: ASYNC110
                await anyio.sleep(0.02)
        await anyio.sleep(0.3)
    assert all("x" in each for each in reader.texts)
