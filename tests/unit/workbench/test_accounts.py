"""Each project gets an account that nobody has and that has nothing of anybody."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appx.domain.errors import Conflict, Unavailable
from appx.domain.ids import ProjectId
from appx.workbench.accounts import FIRST_UID, Launcher, ProjectAccounts, account_of, socket_of, uid_of
from tests.fakes.launcher import FakeLauncher

pytestmark = pytest.mark.anyio

TEA, SHOP, BLOG, LATE = map(ProjectId, ("tea", "shop", "blog", "late"))


@pytest.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[FakeLauncher]:
    fake = FakeLauncher()
    async with fake.serving(tmp_path / "launcher"):
        yield fake


def accounts(folder: Path, *, wanted: bool = True) -> ProjectAccounts:
    (folder / "workspace").mkdir(exist_ok=True)
    return ProjectAccounts(Launcher(folder / "launcher"), folder / "workspace", wanted=wanted)


def test_an_account_is_its_uid_and_no_other_uid_is_one() -> None:
    assert [account_of(uid_of(each)) for each in (1, 250, 999)] == [1, 250, 999]
    assert [account_of(uid) for uid in (0, 997, 1_000, FIRST_UID, FIRST_UID + 1_000, 100_000)] == [None] * 6
    assert socket_of(17) == Path("/run/user/2017/workbench.sock")


def test_ids_of_containers_are_of_the_account_that_the_image_gives_them_to() -> None:
    made = (Path(__file__).resolve().parents[3] / "image/tools/make-users").read_text()
    assert "$((2000 + number)) $((100000 + 65536 * number))" in made
    assert [account_of(100_000 + 65_536 * number) for number in (0, 1, 250)] == [None, 1, 250]
    assert [account_of(100_000 + 65_536 * number - 1) for number in (1, 2, 251)] == [None, 1, 250]


async def test_each_project_gets_another_one_until_all_are_used(tmp_path: Path, launcher: FakeLauncher) -> None:
    mine = accounts(tmp_path)
    assert [await mine.take(each) for each in (TEA, SHOP, BLOG)] == [1, 2, 3]
    assert (mine.of(TEA), mine.of(BLOG), launcher.given) == (1, 3, {1, 2, 3})
    with pytest.raises(Conflict, match=r"All 3 accounts are used.*Delete a project"):
        await mine.take(LATE)


async def test_one_that_was_let_go_is_given_again_as_late_as_possible(tmp_path: Path, launcher: FakeLauncher) -> None:
    mine = accounts(tmp_path)
    await mine.take(TEA)
    assert await mine.wipe(TEA)
    mine.give(TEA, None)
    assert [await mine.take(each) for each in (SHOP, BLOG, LATE)] == [2, 3, 1]


async def test_what_nobody_has_but_was_given_is_wiped_before_it_is_given_again(
    tmp_path: Path, launcher: FakeLauncher
) -> None:
    launcher.given = {1}  # by a server whose database is no longer there
    assert await accounts(tmp_path).take(TEA) == 1
    assert launcher.asked == ["status", "status", "given 1", "wipe 1", "give 1"]


async def test_after_a_failed_wipe_the_account_stays_with_the_project(tmp_path: Path, launcher: FakeLauncher) -> None:
    mine = accounts(tmp_path)
    await mine.take(TEA)
    launcher.fails = "not all of p001 could be removed"
    with pytest.raises(Unavailable, match=r"refused `wipe 1`: not all of p001"):
        await mine.wipe(TEA)
    assert (mine.of(TEA), mine.used()) == (1, {1})


async def test_projects_of_the_database_keep_theirs(tmp_path: Path, launcher: FakeLauncher) -> None:
    mine = accounts(tmp_path)
    mine.give(TEA, 2)
    mine.give(SHOP, None)
    assert [await mine.take(each) for each in (BLOG, LATE)] == [3, 1]
    assert (mine.of(TEA), mine.of(SHOP), await mine.wipe(SHOP)) == (2, None, False)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_what_a_restore_put_aside_keeps_its_account_from_new_projects(
    tmp_path: Path, launcher: FakeLauncher
) -> None:
    mine = accounts(tmp_path)
    aside = tmp_path / "workspace/.before-restore-20260101-000000-abcd/tea"
    aside.mkdir(parents=True)
    os.chown(aside, uid_of(1), uid_of(1))
    assert await mine.take(SHOP) == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_what_looks_like_that_and_is_an_agents_is_not_looked_into(tmp_path: Path, launcher: FakeLauncher) -> None:
    """A directory that may be listed and not looked into ended the server, and each one after it."""
    mine = accounts(tmp_path)
    false = tmp_path / "workspace/.before-restore-x"
    (false / "tea").mkdir(parents=True)
    (tmp_path / "workspace/.restore-link").symlink_to(false)
    (tmp_path / "workspace/.restore-file").touch()
    for each in (false, false / "tea"):
        os.chown(each, uid_of(1), uid_of(1))
    assert await mine.take(SHOP) == 1


@pytest.mark.parametrize("wanted", [True, False])
async def test_where_there_are_none_all_share_one_and_it_says_why(
    tmp_path: Path, launcher: FakeLauncher, *, wanted: bool
) -> None:
    launcher.most = "the engine gives 65536 ids" if wanted else 3
    mine = accounts(tmp_path, wanted=wanted)
    (tmp_path / "workspace/tea").mkdir()
    assert await mine.none_because() == ("the engine gives 65536 ids" if wanted else "APPX_PROJECT_UIDS is off")
    assert (await mine.take(TEA), await mine.make_spare(), await mine.foreign("tea")) == (None, None, False)
    assert launcher.given == set()


async def test_what_is_in_the_workspace_becomes_part_of_no_new_project(tmp_path: Path, launcher: FakeLauncher) -> None:
    mine = accounts(tmp_path)
    (tmp_path / "workspace/tea").symlink_to("nowhere")
    assert await mine.foreign("tea")
    assert not await mine.foreign("shop")


async def test_the_spare_one_is_started_at_once_and_given_next(tmp_path: Path, launcher: FakeLauncher) -> None:
    mine = accounts(tmp_path)
    assert await mine.make_spare() == 1
    assert "start 1" in launcher.asked
    assert launcher.given == set()
    taken = mine.taken
    assert await mine.take(TEA) == 1
    assert taken.is_set()
    assert not mine.taken.is_set()
    assert await mine.take(SHOP) == 2


async def test_a_launcher_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await accounts(tmp_path).take(TEA)
