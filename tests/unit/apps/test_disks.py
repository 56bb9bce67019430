"""What a project may take of the disk, and how often it is looked."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from appx.apps.containers import Containers
from appx.apps.disks import Disks
from appx.domain.errors import NoSpace, Unavailable
from appx.domain.ids import ProjectId
from appx.podman.disk import MIB
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")


def takes(mebibytes: int) -> FakeBench:
    said = f"directory\t\t{mebibytes * MIB}\nother\t\t0\n"
    return FakeBench(result=replace(DONE, output=said))


async def test_it_is_measured_once_in_a_while() -> None:
    bench = takes(5)
    disks = Disks(bench)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(disks.used, SHOP)
    assert (len(bench.commands), (await disks.used(SHOP)).disk.total) == (1, 5 * MIB)
    await disks.used(SHOP, good_for=timedelta())
    assert len(bench.commands) == 2
    disks.forget(SHOP)
    await disks.used(SHOP)
    assert len(bench.commands) == 3


async def test_who_takes_too_much_builds_nothing_and_is_told_what_takes_how_much() -> None:
    bench = takes(501)
    with pytest.raises(NoSpace, match=r"takes 501 MiB .* 500 \(APPX_PROJECT_DISK\): its directory 501 MiB\. Remove"):
        await Disks(bench, 500 * MIB).check(SHOP)
    assert len(bench.commands) == 2, "before it is refused it is measured anew"
    await Disks(takes(500), 500 * MIB).check(SHOP)
    free = takes(10**6)
    await Disks(free).check(SHOP)
    assert not free.commands, "without a limit it is not measured"


async def test_who_made_room_is_not_refused_for_what_was_known_before() -> None:
    bench = takes(501)
    disks = Disks(bench, 500 * MIB)
    with pytest.raises(NoSpace):
        await disks.check(SHOP)
    bench.result = takes(400).result
    await disks.check(SHOP)


async def test_a_build_asks_first() -> None:
    bench = FakeBench(result=replace(DONE, output="999999"))
    with pytest.raises(NoSpace, match="APPX_PROJECT_DISK"):
        await Containers(bench, disks=Disks(takes(2), MIB)).build(SHOP, 1, "Containerfile", lambda _: None)
    assert not [each for each in bench.commands if "podman build" in each.line]


async def test_what_cannot_be_measured_is_said() -> None:
    slow = FakeBench(result=replace(DONE, code=None, ended="time_limit"))
    with pytest.raises(Unavailable, match="within 60 s"):
        await Disks(slow).used(SHOP)
    with pytest.raises(Unavailable, match="no sizes in"):
        await Disks(FakeBench()).used(SHOP)
