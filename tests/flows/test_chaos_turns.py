"""Whatever a provider does in the middle of a turn, the turn ends in a clear state, and the session goes on."""

import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from appx.agent.circles import MAX_REFUSED, MAX_SAME
from appx.agent.loop import Agent
from appx.agent.window import Window
from appx.domain.conversation import conversation
from appx.domain.events import Event, ModelReplied, RetryStarted, ToolFinished, ToolStarted, TurnEnded, TurnStarted
from appx.domain.ids import ProjectId
from appx.domain.messages import Reply, ToolMessage, UserMessage
from appx.kit import clock
from appx.models.catalogue import Api
from appx.models.connections import Patience
from appx.models.registry import Models
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions.codec import decode_event, encode_event
from appx.sessions.session import Session
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from appx.tools.tool import Toolbox
from tests.fakes.chaos import Act, Chaos, events, head, misbehaving, never_ends, refuses, says, stalls, streams
from tests.fakes.checkpoints import nothing_changed
from tests.fakes.openai_server import Step
from tests.fakes.streams import step
from tests.unit.agent.test_loop import ECHO
from tests.unit.models.requests import MODELS

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")
CHAT: Api = "openai-completions"
ANTHROPIC: Api = "anthropic-messages"


def wants(api: Api, text: str = "x") -> Step:
    return step(api, text="I look.", call=("echo", {"text": text}))


def done(api: Api) -> Act:
    return streams(step(api, text="Done."))


@dataclass(frozen=True, slots=True)
class Talking:
    session: Session
    provider: Chaos

    async def turn(self, text: str = "go") -> list[Event]:
        """The events of the turn that this prompt begins."""
        await self.begin(text)
        return await self.end()

    async def begin(self, text: str = "go") -> None:
        await self.session.prompt(UserMessage(text=text))

    async def end(self) -> list[Event]:
        with anyio.fail_after(30):
            while self.session.log.row.turn is not None:
                await self.session.log.changed()
        log = self.session.log.events
        start = max(place for place, event in enumerate(log) if isinstance(event, TurnStarted))
        check(log)
        return log[start:]


def check(log: Sequence[Event]) -> None:
    """Turns begin and end, calls have results, everything can be stored and sent."""
    assert sum(isinstance(event, TurnStarted) for event in log) == sum(isinstance(event, TurnEnded) for event in log)
    started = [event.call.id for event in log if isinstance(event, ToolStarted)]
    assert started == [event.call_id for event in log if isinstance(event, ToolFinished)]
    assert len(set(started)) == len(started)
    assert [decode_event(encode_event(event)) for event in log] == list(log)
    ended = [event for event in log if isinstance(event, TurnEnded)]
    assert all(event.outcome == "done" or event.detail for event in ended), "what is not done is explained"
    sent = conversation(log)
    calls = [call.id for message in sent if isinstance(message, Reply) for call in message.calls]
    assert calls == [message.call_id for message in sent if isinstance(message, ToolMessage)]


@asynccontextmanager
async def talking(state: Path, api: Api, *acts: Act, silence: float = 30.0) -> AsyncIterator[Talking]:
    """A session with a real store; what it asks is answered by ``acts``."""
    info = MODELS[api]
    async with misbehaving(*acts) as provider:
        models = Models(
            state=state, keys={info.provider: SecretStr("canary-key-0123456789")}, patience=Patience(silence=silence)
        )
        agent = Agent(
            ref=info.ref,
            model=models.open(replace(info, base_url=provider.url(api))),
            thinking="off",
            toolbox=Toolbox((ECHO,)),
            system="Be brief.",
            window=Window(info.context_window),
            max_steps=20,
            retry_seconds=(0.0, 0.0),
        )

        async def open_agent(*_: object) -> Agent:
            await anyio.lowlevel.checkpoint()
            return agent

        database = Database(state / "appx.db")
        shop = Project(id=SHOP, name=SHOP, created_at=clock.now(), directory="/", deployment=None)
        await database.write(lambda db: projects.insert(db, shop))
        sessions = Sessions(database=database, open_agent=open_agent, take_checkpoint=nothing_changed)
        async with anyio.create_task_group() as tasks:
            await tasks.start(sessions.run)
            try:
                yield Talking(await sessions.get(SHOP, (await sessions.create(SHOP)).id), provider)
            finally:
                with anyio.CancelScope(shield=True):
                    await sessions.stop()
                    await models.aclose()
                    tasks.cancel_scope.cancel()
        database.close()


def outcome(turn: Sequence[Event]) -> tuple[str, str]:
    (ended,) = (event for event in turn if isinstance(event, TurnEnded))
    return ended.outcome, ended.detail


PASSING: dict[str, Act] = {
    "busy": refuses(429, "{}", Retry_After="0"),
    "broken": refuses(500, "{}"),
    "overloaded": refuses(529, "{}"),
    "page": refuses(502, "<h1>Bad gateway</h1>", kind="text/html"),
    "wrong type": refuses(200, "<h1>Welcome</h1>", kind="text/html"),
    "wrong JSON": says(head() + b'data: {"choices": [\n\n'),
    "wrong shape": says(head() + b"data: [1]\n\n"),
    "nothing": says(b""),
}


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
@pytest.mark.parametrize("name", PASSING)
async def test_what_may_pass_is_tried_again_then_fails_and_the_next_prompt_works(
    tmp_path: Path, api: Api, name: str
) -> None:
    act = PASSING[name]
    async with talking(tmp_path, api, act, done(api), act, act, act, done(api)) as talk:
        turn = await talk.turn()
        assert outcome(turn) == ("done", "")
        assert len([event for event in turn if isinstance(event, RetryStarted)]) == 1
        turn = await talk.turn()
        assert outcome(turn)[0] == "failed"
        assert len(outcome(turn)[1]) > 10
        assert outcome(await talk.turn()) == ("done", "")


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
async def test_a_stream_that_was_cut_is_asked_again_and_its_call_runs_once(tmp_path: Path, api: Api) -> None:
    data = head() + events(wants(api))
    for place in range(1, data.index(b'"tool_calls"}' if api == CHAT else b'"stop_reason": "tool_use"'), 83):
        state = tmp_path / str(place)
        state.mkdir()
        async with talking(state, api, says(data[:place]), streams(wants(api)), done(api)) as talk:
            turn = await talk.turn()
            assert outcome(turn) == ("done", ""), place
            assert len([event for event in turn if isinstance(event, ToolFinished)]) == 1
            failed, *_ = (event.reply for event in turn if isinstance(event, ModelReplied))
            assert failed.stop == "error"
            assert failed.text in "I look."


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
async def test_to_abort_in_the_middle_of_a_stream_closes_the_connection(tmp_path: Path, api: Api) -> None:
    data = head() + events(wants(api))
    async with talking(tmp_path, api, stalls(data[: data.index(b"I look.") + 40]), done(api)) as talk:
        await talk.begin()
        with anyio.fail_after(30):
            while talk.session.log.draft is None or not talk.session.log.draft.version:
                await talk.session.log.changed()
        assert not talk.provider.left.is_set()
        await talk.session.abort()
        with anyio.fail_after(30):
            await talk.provider.left.wait()
        turn = await talk.end()
        assert outcome(turn) == ("stopped", "Stopped.")
        assert [event.reply.stop for event in turn if isinstance(event, ModelReplied)] == ["aborted"]
        assert outcome(await talk.turn()) == ("done", "")


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
async def test_a_stream_that_stalls_is_asked_again(tmp_path: Path, api: Api) -> None:
    data = head() + events(wants(api))
    async with talking(tmp_path, api, stalls(), stalls(data[: len(data) // 2]), done(api), silence=1.0) as talk:
        turn = await talk.turn()
        assert outcome(turn) == ("done", "")
        assert ["silent" in event.error for event in turn if isinstance(event, RetryStarted)] == [True, True]


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
@pytest.mark.parametrize(
    ("call", "says_"),
    [
        (("fly", {"to": "the moon"}), "There is no tool 'fly'. There are: echo."),
        (("x" * 900, {}), "There is no tool 'xxx"),
        (("", {}), "There is no tool ''."),
        (("echo", {}), "text: Field required"),
        (("echo", {"text": ["no"]}), "text: Input should be a valid string"),
        (("echo", {"text": "fail"}), "The workbench does not answer."),
        (("echo", {"text": "y" * 1_000_000}), "yyy"),
    ],
)
async def test_a_call_that_cannot_run_gets_a_result_and_the_model_goes_on(
    tmp_path: Path, api: Api, call: tuple[str, dict[str, object]], says_: str
) -> None:
    planned = {**step(api, text="So.", call=call), "piece": 10_000}
    async with talking(tmp_path, api, streams(planned), done(api)) as talk:
        turn = await talk.turn()
        assert outcome(turn) == ("done", "")
        (finished,) = (event for event in turn if isinstance(event, ToolFinished))
        assert says_ in finished.result.text
        assert len(finished.result.text) < 1_000 or finished.result.ok
        assert len(talk.provider.asked) == 2


@pytest.mark.parametrize("arguments", ['{"text": "x', "[1]", "null", '{"text": "\\ud83d"}', "[" * 50_000])
async def test_arguments_that_cannot_be_read_get_a_result_and_the_model_goes_on(tmp_path: Path, arguments: str) -> None:
    broken: Step = {"calls": [{"id": "c", "name": "echo", "arguments": arguments}], "piece": 10_000}
    async with talking(tmp_path, CHAT, streams(broken), done(CHAT)) as talk:
        turn = await talk.turn()
        assert outcome(turn) == ("done", "")
        (finished,) = (event for event in turn if isinstance(event, ToolFinished))
        assert "The arguments cannot be read" in finished.result.text


async def test_calls_with_the_same_id_all_run(tmp_path: Path) -> None:
    twice: Step = {"calls": [{"id": "c", "name": "echo", "arguments": {"text": each}} for each in ("a", "b")]}
    async with talking(tmp_path, CHAT, streams(twice), streams(twice), done(CHAT)) as talk:
        turn = await talk.turn()
        assert outcome(turn) == ("done", "")
        assert [event.result.text for event in turn if isinstance(event, ToolFinished)] == ["a", "b"] * 2
    sent = [message for message in talk.provider.asked[-1]["messages"] if message["role"] == "tool"]
    assert len({message["tool_call_id"] for message in sent}) == 4


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
async def test_an_empty_reply_gets_second_chances_then_the_turn_fails(tmp_path: Path, api: Api) -> None:
    empty = streams(step(api, text=""))
    async with talking(tmp_path, api, empty, done(api), empty, empty, empty, done(api)) as talk:
        assert outcome(await talk.turn()) == ("done", "")
        assert "empty" in json.dumps(talk.provider.asked[1]["messages"][-1])
        told, detail = outcome(await talk.turn())
        assert (told, "3 empty replies" in detail) == ("failed", True)
        assert outcome(await talk.turn()) == ("done", "")


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC])
async def test_the_same_call_again_and_again_ends_at_a_limit(tmp_path: Path, api: Api) -> None:
    async with talking(tmp_path, api, *[streams(wants(api))] * (MAX_SAME + MAX_REFUSED), done(api)) as talk:
        turn = await talk.turn()
        told, detail = outcome(turn)
        assert (told, "again and again (echo)" in detail) == ("limit", True)
        results = [event.result.ok for event in turn if isinstance(event, ToolFinished)]
        assert results == [True] * MAX_SAME + [False] * MAX_REFUSED
        assert outcome(await talk.turn()) == ("done", "")


def misdeeds(api: Api) -> dict[str, Act]:
    data = head() + events(wants(api))
    return PASSING | {
        "refused": refuses(400, "{}"),
        "no key": refuses(401, "{}"),
        "too long": refuses(400, '{"error": {"message": "prompt is too long"}}'),
        "cut": says(data[: len(data) // 2]),
        "stall": stalls(data[: len(data) // 3]),
        "endless": never_ends(head(), b": ping\n\n", pause=0.01),
        "empty": streams(step(api, text="")),
        "unknown tool": streams(step(api, call=("fly", {}))),
        "bad arguments": streams(step(api, call=("echo", {"text": 1}))),
        "call": streams(wants(api)),
        "text": done(api),
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_after_any_series_of_misdeeds_the_session_goes_on(data: st.DataObject) -> None:
    api = data.draw(st.sampled_from([CHAT, ANTHROPIC]))
    known = misdeeds(api)
    names = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=8))

    async def play() -> None:
        with tempfile.TemporaryDirectory() as state:
            acts = [known[name] for name in names]
            async with talking(Path(state), api, *acts, done(api), silence=0.4) as talk:
                while len(talk.provider.asked) <= len(names):
                    await talk.turn()
                assert outcome(await talk.turn()) == ("done", "")

    anyio.run(play)
