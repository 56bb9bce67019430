"""An access token is renewed before it expires: once, stored before it is used, and never lost."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from appx.kit import clock
from appx.models.access import Access
from appx.models.credentials import AccessToken, Credentials, Tokens
from appx.models.logins import Login
from appx.models.model import ModelFailed
from tests.fakes.oauth_server import Rules, Server

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


class Desk:
    """A stored login whose tokens are those of ``server``, and a clock that can be put forward."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server = server
        self.path = path
        self.late = timedelta()
        self.credentials = Credentials(path, {"openai": SecretStr("key-of-the-environment")})
        self.access = Access(self.credentials, {"openai": Login.model_validate(server.login)}, now=self.now)

    def now(self) -> datetime:
        return clock.now() + self.late

    async def log_in(self, *, left: timedelta | None = HOUR, refresh: bool = True) -> Tokens:
        server = self.server.state
        tokens = Tokens(
            access=SecretStr("access-at-first"),
            refresh=SecretStr(server.new("refresh")) if refresh else None,
            expires=None if left is None else clock.millis(clock.now() + left),
        )
        if tokens.refresh is not None:
            server.refresh.add(tokens.refresh.get_secret_value())
        await self.credentials.put("openai", tokens)
        return tokens

    async def secret(self) -> str | None:
        found = await self.access.secret("openai")
        return None if found is None else found.get_secret_value()

    async def asked(self) -> None:
        assert await anyio.to_thread.run_sync(self.server.wait_asked)

    def on_disk(self) -> dict[str, object]:
        found: dict[str, dict[str, object]] = json.loads(self.path.read_bytes())
        return found["openai"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Server() as server:
        yield Desk(server, tmp_path / "credentials.json")


async def test_a_key_is_given_as_it_is(desk: Desk) -> None:
    assert await desk.secret() == "key-of-the-environment"
    assert await desk.access.secret("unheard-of") is None
    assert desk.server.asked == []


async def test_a_token_is_used_until_shortly_before_it_expires(desk: Desk) -> None:
    desk.server.rules.lifetime = 7_200
    await desk.log_in()
    assert await desk.secret() == "access-at-first"
    assert isinstance(await desk.access.secret("openai"), AccessToken)
    desk.late = HOUR - timedelta(seconds=70)
    assert await desk.secret() == "access-at-first"
    desk.late = HOUR - timedelta(seconds=50)
    assert await desk.secret() == desk.server.access[0]
    desk.late = HOUR
    assert await desk.secret() == desk.server.access[0]
    assert len(desk.server.asked) == 1


async def test_a_token_without_an_end_is_used_as_it_is(desk: Desk) -> None:
    await desk.log_in(left=None)
    desk.late = 1_000 * HOUR
    assert await desk.secret() == "access-at-first"


async def test_new_tokens_are_stored_and_the_old_ones_are_still_hidden(desk: Desk) -> None:
    old = await desk.log_in(left=timedelta())
    assert old.refresh is not None
    found = await desk.secret()
    kept = desk.on_disk()
    assert kept["access"] == found == desk.server.access[0]
    assert kept["refresh"] in desk.server.state.refresh
    assert {*desk.server.said, "access-at-first", old.refresh.get_secret_value()} <= {*desk.credentials.secrets()}
    again = Desk(desk.server, desk.path)
    assert await again.secret() == found


async def test_all_who_ask_at_once_share_one_renewal(desk: Desk) -> None:
    desk.server.rules.delay = 0.1
    await desk.log_in(left=timedelta())
    found: list[str | None] = []

    async def ask() -> None:
        found.append(await desk.secret())

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert found == [desk.server.access[0]] * 20
    assert len(desk.server.asked) == 1


async def test_all_who_ask_at_once_share_a_failure_and_the_next_one_tries_again(desk: Desk) -> None:
    desk.server.rules.answer = (503, {"error": "overloaded"})
    desk.server.rules.delay = 0.1
    await desk.log_in(left=timedelta())
    failures: list[ModelFailed] = []

    async def ask() -> None:
        with pytest.raises(ModelFailed) as raised:
            await desk.secret()
        failures.append(raised.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert {(failure.again, "Try again later" in str(failure)) for failure in failures} == {(True, True)}
    assert (len(failures), len(desk.server.asked)) == (20, 1)
    desk.server.rules.answer = None
    assert await desk.secret() == desk.server.access[0]


async def test_a_refused_renewal_says_to_log_in_again_without_a_secret(desk: Desk) -> None:
    old = await desk.log_in(left=timedelta())
    desk.server.rules.answer = (400, {"error": "invalid_grant", "error_description": "{refresh_token} is spent"})
    with pytest.raises(ModelFailed, match=r"login for openai .*invalid_grant.* Log in again\.$") as raised:
        await desk.secret()
    assert old.refresh is not None
    assert old.refresh.get_secret_value() not in str(raised.value)
    assert not raised.value.again
    assert desk.credentials.tokens("openai") == old, "a person may still look at it"


@pytest.mark.parametrize("renewable", [True, False])
async def test_a_login_that_cannot_be_renewed_is_used_to_its_end(*, desk: Desk, renewable: bool) -> None:
    """There is no refresh token, or the operator has taken the login out of the file."""
    await desk.log_in(refresh=renewable)
    access = Access(desk.credentials, {} if renewable else {"openai": Login.model_validate(desk.server.login)})
    late = Access(desk.credentials, {}, now=lambda: clock.now() + HOUR)
    found = await access.secret("openai")
    assert found is not None
    assert found.get_secret_value() == "access-at-first"
    with pytest.raises(ModelFailed, match=r"has expired\. Log in again\."):
        await late.secret("openai")


async def test_a_stopped_turn_does_not_lose_the_tokens_that_were_on_the_way(desk: Desk) -> None:
    desk.server.rules.delay = 0.2
    await desk.log_in(left=timedelta())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.secret)
        await desk.asked()
        tasks.cancel_scope.cancel()
    assert desk.on_disk()["refresh"] in desk.server.state.refresh
    assert await desk.secret() == desk.server.access[0]
    assert len(desk.server.asked) == 1


@pytest.mark.parametrize("change", ["removed", "replaced"])
async def test_what_people_do_during_a_renewal_is_not_undone_by_it(desk: Desk, change: str) -> None:
    desk.server.rules.delay = 0.2
    await desk.log_in(left=timedelta())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.secret)
        await desk.asked()
        if change == "removed":
            await desk.credentials.remove("openai")
        else:
            await desk.credentials.set("openai", "a-key")
    assert await desk.secret() == ("key-of-the-environment" if change == "removed" else "a-key")


async def test_a_disk_that_is_full_for_a_while_does_not_cost_the_login(desk: Desk) -> None:
    await desk.log_in(left=timedelta())
    stored = desk.path.read_bytes()
    desk.path.unlink()
    desk.path.mkdir()
    for _ in range(2):
        with pytest.raises(ModelFailed, match=r"cannot be written") as raised:
            await desk.secret()
        assert not raised.value.again
    desk.path.rmdir()
    desk.path.write_bytes(stored)
    assert await desk.secret() == desk.server.access[0] == desk.on_disk()["access"]
    assert len(desk.server.asked) == 1, "a refresh token is good only once"


async def test_a_token_that_is_always_about_to_expire_is_renewed_for_each_request(tmp_path: Path) -> None:
    with Server(Rules(lifetime=1)) as server:
        desk = Desk(server, tmp_path / "credentials.json")
        await desk.log_in(left=timedelta())
        found = [await desk.secret() for _ in range(3)]
    assert found == server.access
    assert len({*found}) == 3
