"""Prompts that come while a turn runs: for the next step, or for afterwards; seen, kept, and taken back."""

import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.flows.apart import apart
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio


async def waiting(api: Api, session: str) -> None:
    """A turn that waits for a person, and four prompts that wait for it."""
    async with api.events(session) as reader:
        await api.prompt(session, "ask: ready?")
        await reader.until("extension_ui_request")
        await api.prompt(session, "say: steered one")
        await later(api, session, "say: later one")
        await api.prompt(session, "say: steered two")
        await later(api, session, "say: later two")
        updates = [(await reader.until("queue_update"))[-1] for _ in range(4)]
    assert [(len(each["steering"]), len(each["followUp"])) for each in updates] == [(1, 0), (1, 1), (2, 1), (2, 2)]
    assert updates[-1]["steering"] == ["say: steered one", "say: steered two"]
    assert updates[-1]["followUp"] == ["say: later one", "say: later two"]


async def later(api: Any, session: str, text: str) -> None:  # noqa: ANN401  of this process or another
    body = {"text": text, "behavior": "followUp"}
    assert await api.ok("POST", f"{session}/prompt", body) == {"ok": True}


async def answer(api: Api, session: str) -> None:
    (question,) = (await api.ok("GET", f"{session}/extension-ui"))["requests"]
    await api.ok("POST", f"{session}/extension-ui/{question['id']}/response", {"value": "yes"})


def prompts(messages: list[dict[str, Any]]) -> list[str]:
    return [message["content"][0]["text"] for message in messages if message["role"] == "user"]


IN_ORDER = ["ask: ready?", "say: steered one", "say: steered two", "say: later one", "say: later two"]


async def test_steering_comes_after_the_step_and_each_follow_up_in_a_turn_of_its_own(api: Api) -> None:
    session = await api.session()
    await waiting(api, session)
    async with api.events(session) as reader:
        await answer(api, session)
        turns = [await reader.until("agent_end") for _ in range(3)]
    assert [turn[-1]["outcome"] for turn in turns] == ["done"] * 3
    assert [turn[0]["type"] for turn in turns[1:]] == ["queue_update", "queue_update"]
    assert [turn[0]["followUp"] for turn in turns[1:]] == [["say: later two"], []]
    assert [turn[1]["type"] for turn in turns[1:]] == ["agent_start", "agent_start"]
    assert prompts(turns[1][-1]["messages"]) == ["say: later one"]
    assert prompts(await api.messages(session)) == IN_ORDER
    assert await api.ok("GET", f"{session}/queue") == {"steering": [], "followUp": []}


async def test_who_has_no_turn_to_wait_for_does_not_wait(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await later(api, session, "say: at once")
        assert (await reader.until("agent_end"))[0]["type"] == "agent_start"


async def test_after_an_abort_the_queue_waits_for_the_next_prompt_and_keeps_its_order(api: Api) -> None:
    session = await api.session()
    await waiting(api, session)
    await api.ok("POST", f"{session}/abort")
    assert prompts(await api.messages(session)) == IN_ORDER[:1]
    assert len((await api.ok("GET", f"{session}/queue"))["followUp"]) == 2
    async with api.events(session) as reader:
        await later(api, session, "say: last")
        for _ in range(3):
            assert (await reader.until("agent_end"))[-1]["outcome"] == "done"
    asked = prompts(await api.messages(session))
    assert asked == [
        "ask: ready?",
        "say: later one",
        "say: steered one",
        "say: steered two",
        "say: later two",
        "say: last",
    ]


async def test_a_person_takes_back_what_waits(api: Api) -> None:
    session = await api.session()
    await waiting(api, session)
    async with api.events(session) as reader:
        taken = await api.ok("DELETE", f"{session}/queue")
        assert taken == {
            "steering": ["say: steered one", "say: steered two"],
            "followUp": ["say: later one", "say: later two"],
        }
        assert (await reader.until("queue_update"))[-1] == {"type": "queue_update", "steering": [], "followUp": []}
        assert await api.ok("DELETE", f"{session}/queue") == {"steering": [], "followUp": []}
        await answer(api, session)
        assert (await reader.until("agent_end"))[-1]["outcome"] == "done"
    async with api.events(session, after=0) as reader:
        assert (await reader.until("agent_end"))[-1]["outcome"] == "done"
    assert prompts(await api.messages(session)) == IN_ORDER[:1]


async def test_another_word_than_these_two_is_refused(api: Api) -> None:
    session = await api.session()
    assert (await api.call("POST", f"{session}/prompt", {"text": "say: x", "behavior": "shout"}))[0] == 400


async def test_what_waits_survives_a_restart_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = await api.session()
        await waiting(api, session)
    async with serving(tmp_path) as api:
        queue = await api.ok("GET", f"{session}/queue")
        assert (queue["steering"], queue["followUp"]) == (IN_ORDER[1:3], IN_ORDER[3:])
        async with api.events(session) as reader:
            await answer(api, session)
            for _ in range(3):
                await reader.until("agent_end")
        assert prompts(await api.messages(session))[1:] == [
            'My answer to your question "ready?": yes', *IN_ORDER[1:],
        ]  # fmt: skip


async def test_a_follow_up_that_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    async with apart(tmp_path) as server:
        session = await server.session()
        await server.prompt(session, "run: sleep 60")
        await later(server, session, "say: later")
        await server.prompt(session, "say: steered")
        os.kill(server.pid, signal.SIGKILL)
    async with apart(tmp_path) as server:
        queue = await server.ok("GET", f"{session}/queue")
        assert queue == {"steering": ["say: steered"], "followUp": ["say: later"]}
        async with server.events(session) as reader:
            await server.prompt(session, "say: again")
            with anyio.fail_after(20):
                for _ in range(2):
                    assert (await reader.until("agent_end"))[-1]["outcome"] == "done"
        assert prompts(await server.messages(session)) == ["run: sleep 60", "say: again", "say: steered", "say: later"]
