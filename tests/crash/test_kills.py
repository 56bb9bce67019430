"""Kills at random moments: what was acknowledged is there, and everything goes on."""

import os
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.crash.book import Book
from tests.crash.checks import check_all
from tests.crash.conftest import Count
from tests.crash.life import Life, Nursery, client, listening, tools, variables
from tests.crash.people import People

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

EARLY = 0.15
"""How often the server is killed while it still starts."""


class World:
    """A workspace, the servers that follow each other on it, and what people were told."""

    def __init__(self, folder: Path, nursery: Nursery, random: Random) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.book = Book()
        self.kills = 0
        self._log = folder / "server.log"
        self._variables = variables(self.workspace, tools(folder / "bin"))
        self._nursery = nursery
        self._random = random
        self._killed_at = float("inf")

    async def live(self, *, kill: bool = True) -> None:
        """Start, check what the last one left, let people work, kill."""
        start = self._log.stat().st_size if self._log.exists() else 0
        pid = self._nursery.start(self._variables, self._log)
        ended = False
        try:
            if kill and self._random.random() < EARLY:
                await anyio.sleep(self._random.random() * 0.1)
                os.kill(pid, 9)
            else:
                async with client(await listening(self._log, start, pid)) as http:
                    life = Life(pid=pid, http=http, log=self._log)
                    await check_all(life, self.book, self.workspace, killed_at=self._killed_at)
                    if kill:
                        await self._work(life)
                        self._killed_at = life.ended_at
            ended = kill
        finally:
            status = self._nursery.ended(pid)
        assert not ended or status.signal == 9, (status, self._log.read_text()[start:])
        self.kills += ended

    async def _work(self, life: Life) -> None:
        seconds = self._random.choice((0.05, 0.2, 0.4, 1.0)) * self._random.random()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(People(life, self.book, self._random).work)
            await anyio.sleep(seconds)
            life.kill()
            await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()


async def test_what_was_acknowledged_survives_every_kill(
    world_seed: int, world_kills: int, tmp_path: Path, nursery: Nursery, count: Count
) -> None:
    world = World(tmp_path, nursery, Random(world_seed))
    while world.kills < world_kills:
        await world.live()
    await world.live(kill=False)
    assert world.book.acknowledged > world_kills, "people did nothing"
    count("kills", world.kills)
    count("acknowledged changes", world.book.acknowledged)
