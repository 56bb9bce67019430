"""Logins under way: what a person sees, what ends them, what is stored."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import anyio
import anyio.to_thread
import pytest

from appx.domain.errors import Invalid, NoSpace, NotFound
from appx.kit import clock
from appx.models.credentials import Tokens
from appx.models.flows import LASTS, MOST, Flows
from appx.models.logins import Login
from tests.fakes.oauth_server import Server, visit

pytestmark = pytest.mark.anyio


class Desk:
    """Flows at a server that checks; what they stored; a clock that can be put forward."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stored: list[tuple[str, Tokens]] = []
        self.full = False
        self.late = timedelta()
        self.storing = anyio.Event()
        self.may_store = anyio.Event()
        self.may_store.set()
        self.flows = Flows({"openai": Login.model_validate(server.login)}, store=self.store, now=self.now)

    def now(self) -> datetime:
        return clock.now() + self.late

    async def store(self, provider: str, tokens: Tokens) -> None:
        self.storing.set()
        await self.may_store.wait()
        if self.full:
            raise NoSpace("The disk is full: credentials.json was not saved.")
        self.stored.append((provider, tokens))

    def start(self) -> str:
        return self.flows.start("openai", "OpenAI").id

    def back(self, flow: str) -> str:
        return visit(self.flows.get(flow).auth_url)

    async def asked(self) -> None:
        assert await anyio.to_thread.run_sync(self.server.wait_asked)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with Server() as server:
        yield Desk(server)


async def test_a_login_goes_from_an_address_to_stored_tokens(desk: Desk) -> None:
    begun = desk.flows.start("openai", "OpenAI")
    assert (begun.provider, begun.name, begun.status, begun.error) == ("openai", "OpenAI", "auth", None)
    assert timedelta() < begun.expires_at - clock.now() <= LASTS
    assert desk.flows.get(begun.id) == begun
    done = await desk.flows.go_on(begun.id, desk.back(begun.id))
    assert (done.status, len(done.progress), done.progress[-1]) == ("complete", 3, "You are logged in.")
    assert desk.flows.get(begun.id) == done
    ((provider, tokens),) = desk.stored
    assert (provider, tokens.access.get_secret_value()) == ("openai", desk.server.access[0])


async def test_no_state_of_a_login_holds_a_secret(desk: Desk) -> None:
    flow = desk.start()
    shown = [repr(desk.flows.get(flow)), repr(await desk.flows.go_on(flow, desk.back(flow))), repr(vars(desk.flows))]
    assert desk.server.said
    assert not [secret for secret in desk.server.said for text in shown if secret in text]


async def test_wrong_input_is_refused_and_the_login_still_waits(desk: Desk) -> None:
    flow = desk.start()
    before = desk.flows.get(flow)
    for wrong in ("", "two words", "http://localhost:1/callback?code=abcd&state=another", before.auth_url):
        with pytest.raises(Invalid):
            await desk.flows.go_on(flow, wrong)
        assert desk.flows.get(flow) == before
    assert desk.server.asked == []
    assert (await desk.flows.go_on(flow, desk.back(flow))).status == "complete"


async def test_an_address_of_another_login_is_refused(desk: Desk) -> None:
    mine, other = desk.start(), desk.start()
    with pytest.raises(Invalid, match="another login"):
        await desk.flows.go_on(mine, desk.back(other))


async def test_a_code_that_the_server_refuses_ends_the_login_with_a_sentence(desk: Desk) -> None:
    flow = desk.start()
    ended = await desk.flows.go_on(flow, "no-such-code")
    assert (ended.status, "invalid_grant" in (ended.error or "")) == ("error", True)
    with pytest.raises(Invalid, match="has ended: error"):
        await desk.flows.go_on(flow, desk.back(flow))
    assert (await desk.flows.cancel(flow)).status == "error"
    assert desk.stored == []


async def test_who_says_no_ends_the_login_with_a_sentence(desk: Desk) -> None:
    desk.server.rules.denies = "access_denied"
    flow = desk.start()
    ended = await desk.flows.go_on(flow, desk.back(flow))
    assert (ended.status, ended.error) == ("error", "The login was refused: access_denied: You said no.")
    assert desk.server.asked == []


async def test_tokens_that_cannot_be_stored_end_the_login_with_a_sentence(desk: Desk) -> None:
    desk.full = True
    flow = desk.start()
    ended = await desk.flows.go_on(flow, desk.back(flow))
    assert (ended.status, "disk is full" in (ended.error or "")) == ("error", True)


async def test_a_login_can_be_cancelled_twice_and_then_takes_no_code(desk: Desk) -> None:
    flow = desk.start()
    back = desk.back(flow)
    cancelled = await desk.flows.cancel(flow)
    assert cancelled.status == "cancelled"
    assert await desk.flows.cancel(flow) == cancelled
    with pytest.raises(Invalid, match="cancelled"):
        await desk.flows.go_on(flow, back)
    assert desk.server.asked == []


async def test_cancelling_while_the_server_is_asked_stores_nothing(desk: Desk) -> None:
    desk.server.rules.delay = 30
    flow = desk.start()
    statuses: list[str] = []

    async def go_on() -> None:
        statuses.append((await desk.flows.go_on(flow, desk.back(flow))).status)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(go_on)
        await desk.asked()
        assert desk.flows.get(flow).status == "waiting"
        assert (await desk.flows.cancel(flow)).status == "cancelled"
    assert (statuses, desk.stored) == (["cancelled"], [])


async def test_cancelling_while_the_tokens_are_stored_is_too_late(desk: Desk) -> None:
    flow = desk.start()
    desk.may_store = anyio.Event()
    statuses: list[str] = []

    async def go_on() -> None:
        statuses.append((await desk.flows.go_on(flow, desk.back(flow))).status)

    async def cancel() -> None:
        statuses.append((await desk.flows.cancel(flow)).status)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(go_on)
        await desk.storing.wait()
        tasks.start_soon(cancel)
        await anyio.wait_all_tasks_blocked()
        desk.may_store.set()
    assert (statuses, len(desk.stored)) == (["complete", "complete"], 1)


async def test_of_two_who_enter_the_code_one_is_taken(desk: Desk) -> None:
    flow = desk.start()
    back = desk.back(flow)
    ends: list[str] = []

    async def go_on() -> None:
        try:
            ends.append((await desk.flows.go_on(flow, back)).status)
        except Invalid as refused:
            ends.append(str(refused))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(go_on)
        tasks.start_soon(go_on)
    assert ends[0] == "complete"
    assert ends[1].startswith("This login has ended: complete.")
    assert (len(desk.server.asked), len(desk.stored)) == (1, 1)


async def test_a_login_that_is_not_finished_in_time_ends(desk: Desk) -> None:
    flow, finished = desk.start(), desk.start()
    await desk.flows.go_on(finished, desk.back(finished))
    back = desk.back(flow)
    desk.late = LASTS
    ended = desk.flows.get(flow)
    assert (ended.status, "within 10 minutes" in (ended.error or "")) == ("error", True)
    with pytest.raises(Invalid, match="has ended: error"):
        await desk.flows.go_on(flow, back)
    assert desk.flows.get(finished).status == "complete"


async def test_a_login_that_waits_for_the_server_does_not_run_out(desk: Desk) -> None:
    desk.server.rules.delay = 0.2
    flow = desk.start()

    async def look() -> None:
        await desk.asked()
        desk.late = LASTS
        assert desk.flows.get(flow).status == "waiting"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        assert (await desk.flows.go_on(flow, desk.back(flow))).status == "complete"


async def test_only_so_many_logins_are_remembered_and_those_that_ended_go_first(desk: Desk) -> None:
    flows = [desk.start() for _ in range(MOST)]
    await desk.flows.cancel(flows[7])
    desk.start()
    with pytest.raises(NotFound):
        desk.flows.get(flows[7])
    desk.start()
    with pytest.raises(NotFound):
        desk.flows.get(flows[0])
    assert desk.flows.get(flows[1]).status == "auth"


async def test_an_unknown_login_and_a_provider_without_one_are_told(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.flows.get("none")
    with pytest.raises(NotFound):
        await desk.flows.go_on("none", "code")
    with pytest.raises(NotFound):
        await desk.flows.cancel("none")
    with pytest.raises(Invalid, match=r"Set an API key.*APPX_LOGINS_PATH"):
        desk.flows.start("anthropic", "Anthropic")


async def test_a_login_bears_the_name_that_the_operator_gave(desk: Desk) -> None:
    login = Login.model_validate({**desk.server.login, "name": "The company's gateway"})
    flows = Flows({"openai": login}, store=desk.store)
    assert flows.start("openai", "OpenAI").name == "The company's gateway"
