"""Conversations over HTTP: prompt, events, abort, steering, restart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.contract.schema import check
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio

LIVE = {"message_update", "tool_execution_update"}


def settled(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What does not depend on when one reads: all but updates, and how much of a reply there was at its start."""
    return [
        {**event, "message": "begins"} if event["type"] == "message_start" else event
        for event in events
        if event["type"] not in LIVE
    ]


async def test_a_prompt_becomes_a_turn_with_files_and_commands(api: Api) -> None:
    session = await api.session()
    told = await api.turn(session, "run: echo hello > hello.txt && cat hello.txt")

    kinds = [event["type"] for event in told]
    assert kinds[:4] == ["agent_start", "turn_start", "message_start", "message_end"]
    assert kinds[-2:] == ["turn_end", "agent_end"]
    assert told[-1]["outcome"] == "done"
    messages = await api.messages(session)
    assert [message["role"] for message in messages] == ["user", "assistant", "toolResult", "assistant"]
    assert "hello" in messages[2]["content"][0]["text"]
    assert told[-1]["messages"] == messages
    project = await api.ok("GET", "/v1/projects/demo")
    assert (Path(project["projectDir"]) / "hello.txt").read_text() == "hello\n"


async def test_a_row_tells_what_a_session_is_about(api: Api) -> None:
    first = await api.session()
    await api.turn(first, "say: hi")
    second = await api.session()
    listed = await api.ok("GET", "/v1/projects/demo/sessions")
    check(listed, "ListSessionsResponse")
    rows = listed["sessions"]
    assert [row["id"] for row in rows] == [second.rpartition("/")[2], first.rpartition("/")[2]]
    assert [(row["firstMessage"], row["messageCount"]) for row in rows] == [("", 0), ("say: hi", 2)]


async def test_text_streams_while_it_comes(api: Api) -> None:
    session = await api.session()
    told = await api.turn(session, "count: 300")
    deltas = [
        event["assistantMessageEvent"]["delta"]
        for event in told
        if event["type"] == "message_update" and event["assistantMessageEvent"]["type"] == "text_delta"
    ]
    assert len(deltas) > 3
    assert "".join(deltas) == "\n".join(str(number) for number in range(1, 301))


async def test_an_abort_ends_the_turn_and_its_command_and_the_session_goes_on(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "run: echo started; sleep 60; touch late.txt")
        await reader.until("tool_execution_update")
        with anyio.fail_after(5):
            assert await api.ok("POST", f"{session}/abort") == {"ok": True}
        end = (await reader.until("agent_end"))[-1]
    assert end["outcome"] == "stopped"
    assert "Interrupted" in (await api.messages(session))[2]["content"][0]["text"]
    assert (await api.turn(session, "say: still here"))[-1]["outcome"] == "done"
    assert await api.ok("POST", f"{session}/abort") == {"ok": True}, "also when idle"


async def test_an_abort_in_the_middle_of_a_reply_keeps_what_was_seen(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "count: 10000")
        while (await reader.next())["type"] != "message_update":
            pass
        await api.ok("POST", f"{session}/abort")
        told = await reader.until("agent_end")
    last = [event for event in told if event["type"] == "message_end"][-1]["message"]
    assert last["stopReason"] == "aborted"
    assert last["content"][0]["text"].startswith("1\n2\n")
    assert (await api.messages(session))[-1] == last


async def test_a_prompt_during_a_turn_is_delivered_into_it(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "run: echo started; until [ -e go ]; do read -t 0.05 < <(:) || true; done")
        await reader.until("tool_execution_update")
        await api.prompt(session, "say: steered")
        queued = await reader.until("queue_update")
        assert queued[-1]["steering"] == ["say: steered"]
        project = await api.ok("GET", "/v1/projects/demo")
        (Path(project["projectDir"]) / "go").touch()
        told = await reader.until("agent_end")
    assert [event["steering"] for event in told if event["type"] == "queue_update"] == [[]]
    roles = [message["role"] for message in await api.messages(session)]
    assert roles == ["user", "assistant", "toolResult", "user", "assistant"]


async def test_a_provider_that_fails_for_good_ends_the_turn_with_its_sentence(api: Api) -> None:
    session = await api.session()
    told = await api.turn(session, "fail: the key is not valid")
    assert told[-1]["outcome"] == "failed"
    last = told[-1]["messages"][-1]
    assert (last["stopReason"], last["errorMessage"]) == ("error", "the key is not valid")
    assert (await api.turn(session, "say: on"))[-1]["outcome"] == "done"


async def test_a_reader_that_comes_back_misses_nothing(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "run: echo one")
        facts = settled(await reader.until("agent_end"))

    for after in range(reader.seq):
        async with api.events(session, headers={"Last-Event-ID": str(after)}) as again:
            replayed = settled(await again.until("agent_end"))
        assert replayed == facts[len(facts) - len(replayed) :]
        assert after or replayed == facts
    async with api.events(session, after=0) as again:
        assert settled(await again.until("agent_end")) == facts


async def test_a_reader_that_joins_in_the_middle_gets_the_reply_so_far(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as early:
        await api.prompt(session, "count: 2000")
        while (await early.next())["type"] != "message_update":
            pass
        async with api.events(session) as late:
            joined = await late.next()
            assert joined["type"] == "message_start"
            text = joined["message"]["content"][0]["text"]
            assert text.startswith("1\n2\n")
            rest = await late.until("agent_end")
    deltas = [
        event["assistantMessageEvent"]["delta"]
        for event in rest
        if event["type"] == "message_update" and event["assistantMessageEvent"]["type"] == "text_delta"
    ]
    assert text + "".join(deltas) == "\n".join(str(number) for number in range(1, 2001))


async def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = await api.session()
        await api.turn(session, "say: before")
        before = await api.messages(session)
    async with serving(tmp_path) as api:
        assert await api.messages(session) == before
        assert (await api.turn(session, "say: after"))[-1]["outcome"] == "done"


async def test_a_server_that_stops_ends_its_turns_and_streams(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = await api.session()
        reading = api.events(session)
        reader = await reading.__aenter__()
        await api.prompt(session, "run: echo started; sleep 60")
        await reader.until("tool_execution_update")
        with anyio.fail_after(8):
            api.server.stop()
            await reader.rest()
    async with serving(tmp_path) as api:
        (row,) = (await api.ok("GET", "/v1/projects/demo/sessions"))["sessions"]
        assert not row["running"]
        async with api.events(session, after=0) as reader:
            assert (await reader.until("agent_end"))[-1]["outcome"] == "interrupted"


async def test_many_sessions_work_at_once(api: Api) -> None:
    sessions = [await api.session() for _ in range(16)]
    ends: list[str] = []

    async def work(session: str, number: int) -> None:
        told = await api.turn(session, f"run: echo {number}")
        assert str(number) in told[-1]["messages"][2]["content"][0]["text"]
        ends.append(told[-1]["outcome"])

    async with anyio.create_task_group() as tasks:
        for number, session in enumerate(sessions):
            tasks.start_soon(work, session, number)
    assert ends == ["done"] * 16


async def test_a_deleted_session_lets_its_readers_go(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "run: echo started; sleep 60")
        await reader.until("tool_execution_update")
        assert await api.ok("DELETE", session) == {"ok": True}
        await reader.rest()
    assert (await api.call("GET", session))[0] == 404
    assert (await api.call("DELETE", session))[0] == 404


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": 5}, {"text": "x" * 1_000_001}])
async def test_a_bad_prompt_is_refused_and_starts_nothing(api: Api, body: object) -> None:
    session = await api.session()
    assert (await api.call("POST", f"{session}/prompt", body))[0] == 400
    assert await api.messages(session) == []
