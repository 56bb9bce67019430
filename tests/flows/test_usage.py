"""What replies take is booked, told, and bounded; and a turn that may not go on says why."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest

from appx.kit import clock
from tests.fakes.openai_server import Step
from tests.flows.api import Api, serving
from tests.flows.test_turns import asking

pytestmark = pytest.mark.anyio

RUN: Step = {"calls": [{"name": "bash", "arguments": {"command": "true"}}]}
PRICES = json.dumps([{"id": "openai/gpt-5.5", "cost": {"input": 10_000, "output": 50_000}}])
"""Dollars for a million tokens. A reply of the fake takes 100 and 20 tokens: 2 dollars."""


async def usage(api: Api, query: str = "") -> Any:  # noqa: ANN401  JSON
    return await api.ok("GET", f"/v1/usage{query}")


def prices(directory: Path) -> dict[str, str]:
    path = directory / "models.json"
    path.write_text(PRICES)
    return {"LITELLM_MODELS_PATH": str(path)}


async def test_usage_is_told_by_day_project_session_and_model(tmp_path: Path) -> None:
    async with asking(tmp_path / "workspace", [RUN, {"text": "Done."}], **prices(tmp_path)) as (api, _):
        first, second = await api.session("shop"), await api.session("blog")
        await api.turn(first, "go")
        await api.turn(second, "go")
        told = await usage(api)
        assert (told["total"]["input"], told["total"]["output"], told["total"]["totalTokens"]) == (400, 80, 480)
        assert (told["total"]["cost"], told["total"]["replies"], told["more"]) == (pytest.approx(8.0), 4, False)
        day = clock.now().date().isoformat()
        assert told["groups"] == [{"day": day, "usage": told["total"]}]
        assert told["today"] == told["total"]
        assert told["limits"] == {"turnSteps": 200, "turnMinutes": 60}

        by_model = (await usage(api, "?by=model"))["groups"]
        assert by_model == [{"provider": "litellm", "model": "openai/gpt-5.5", "usage": told["total"]}]
        by_project = (await usage(api, "?by=project"))["groups"]
        assert {group["project"]: group["usage"]["replies"] for group in by_project} == {"shop": 2, "blog": 2}
        page = await usage(api, "?by=session&limit=1")
        assert (len(page["groups"]), page["more"], page["total"]) == (1, True, told["total"])
        one = first.rpartition("/")[2]
        assert (await usage(api, f"?session={one}&by=session"))["groups"][0]["session"] == one
        assert (await usage(api, "?project=blog"))["total"]["replies"] == 2
        assert (await usage(api, "?to=2020-01-01"))["total"]["replies"] == 0
        assert (await usage(api, "?from=2020-01-01"))["total"] == told["total"]

        await api.ok("DELETE", "/v1/projects/shop")
        assert (await usage(api))["total"] == told["total"], "the money was spent"


async def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(api: Api) -> None:
    status, told = await api.call("GET", "/v1/usage?from=2026-11-02&to=2026-11-01")
    assert (status, "2026-11-02 is after 2026-11-01" in told["error"]) == (400, True)
    assert (await api.call("GET", "/v1/usage?from=yesterday"))[0] == 400
    assert (await api.call("GET", "/v1/usage?by=hour"))[0] == 400
    assert (await usage(api, "?to=0001-01-31"))["total"]["replies"] == 0


async def test_what_a_reply_took_that_was_cut_off_counts_too(tmp_path: Path) -> None:
    """The provider of this test says how many tokens it read before it says a word, as some do."""
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    begin = {**frame, "choices": [], "usage": {"prompt_tokens": 70, "completion_tokens": 0, "total_tokens": 70}}
    word = {**frame, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "tea"}}]}
    plan: list[Step] = [{"chunks": [json.dumps(begin), json.dumps(word), "[DONE]"], "hang": 2}]
    async with asking(tmp_path, plan) as (api, _):
        session = await api.session()
        async with api.events(session) as reader:
            await api.prompt(session, "tell")
            await reader.until("message_update")
            await api.ok("POST", f"{session}/abort")
            end = await reader.until("agent_end")
        assert end[-1]["messages"][-1]["usage"]["input"] == 70
        assert (await usage(api))["total"]["input"] == 70


async def test_a_session_that_cost_what_it_may_ends_with_a_sentence_and_goes_on_when_it_may_cost_more(
    tmp_path: Path,
) -> None:
    given = prices(tmp_path)
    async with asking(tmp_path / "w", [RUN], **given, APPX_MAX_SESSION_COST="3.5") as (api, provider):
        session = await api.session()
        end = (await api.turn(session, "go"))[-1]
        sentence = (
            "This session cost $4.00 of the $3.50 that one may cost (APPX_MAX_SESSION_COST). "
            "Begin a new session, or raise the limit and prompt again."
        )
        assert (end["outcome"], end["detail"]) == ("limit", sentence)
        assert (end["messages"][-1]["stopReason"], end["messages"][-1]["errorMessage"]) == ("aborted", sentence)
        assert len(provider.asked) == 2
        again = await api.turn(session, "go on")
        assert [event["type"] for event in again if event.get("statusKey") != "checkpoint"] == [
            "agent_start", "turn_start", "message_start", "message_end",
            "message_start", "message_end", "turn_end", "agent_end",
        ]  # fmt: skip
        assert (again[-1]["outcome"], len(provider.asked)) == ("limit", 2)
        assert (await usage(api))["limits"]["sessionCost"] == 3.5
        other = await api.session()
        await api.turn(other, "go")
        assert len(provider.asked) == 4, "another session has its own"
    async with asking(tmp_path / "w", [{"text": "On I go."}], **given, APPX_MAX_SESSION_COST="5") as (api, provider):
        assert (await api.turn(session, "go on"))[-1]["outcome"] == "done"
        said = [each["role"] for each in provider.asked[0].body["messages"]]
        assert said == ["system", "user", "assistant", "tool", "assistant", "tool", "user", "user"]


async def test_sessions_at_once_share_the_tokens_of_a_day_and_overshoot_by_what_is_in_flight(tmp_path: Path) -> None:
    """Each reply is 120 tokens; four sessions ask side by side, as long as there are fewer than 600."""
    count = 4
    async with AsyncExitStack() as stack:
        api, provider = await stack.enter_async_context(asking(tmp_path, [RUN], APPX_MAX_DAY_TOKENS="600"))
        ends: list[dict[str, Any]] = []

        async def one(session: str) -> None:
            ends.append((await api.turn(session, "go"))[-1])

        sessions = [await api.session(f"p{number}") for number in range(count)]
        async with anyio.create_task_group() as tasks:
            for session in sessions:
                tasks.start_soon(one, session)
        assert [end["outcome"] for end in ends] == ["limit"] * count
        assert all("APPX_MAX_DAY_TOKENS" in end["detail"] for end in ends)
        told = await usage(api)
        assert 600 <= told["today"]["totalTokens"] < 600 + count * 120
        assert len(provider.asked) == told["today"]["replies"]


@pytest.mark.parametrize("what", ["a tool", "a model"])
async def test_minutes_end_a_turn_wherever_it_is(tmp_path: Path, what: str) -> None:
    slow: Step = {"calls": [{"name": "bash", "arguments": {"command": "sleep 30"}}]}
    if what == "a model":
        slow = {"text": "a long story", "piece": 1, "hang": 5}
    async with asking(tmp_path, [slow, {"text": "On."}], APPX_MAX_TURN_MINUTES="0.02") as (api, _):
        session = await api.session()
        with anyio.fail_after(10):
            told = await api.turn(session, "go")
        sentence = "The turn took 0.02 minutes, its limit (APPX_MAX_TURN_MINUTES). Prompt again to go on."
        assert (told[-1]["outcome"], told[-1]["detail"]) == ("limit", sentence)
        assert told[-2]["type"] == "turn_end"
        last = told[-1]["messages"][-1]
        if what == "a tool":
            assert (last["role"], last["isError"]) == ("toolResult", True)
            assert "Interrupted" in last["content"][0]["text"]
        else:
            assert last["content"] == [{"type": "text", "text": "a lo"}], "what was seen stays"
            assert last["errorMessage"] == sentence
        assert (await api.turn(session, "go on"))[-1]["outcome"] == "done"


async def test_the_minutes_do_not_go_by_while_a_person_thinks(tmp_path: Path) -> None:
    async with serving(tmp_path, APPX_MAX_TURN_MINUTES="0.02") as api:
        session = await api.session()
        async with api.events(session) as reader:
            await api.prompt(session, "ask: red?")
            asked = (await reader.until("extension_ui_request"))[-1]
            await anyio.sleep(1.5)
            await api.ok("POST", f"{session}/extension-ui/{asked['id']}/response", {"value": "red"})
            assert (await reader.until("agent_end"))[-1]["outcome"] == "done"


async def test_a_summary_is_booked_and_is_not_asked_for_without_money(tmp_path: Path) -> None:
    words = "tea " * 30_000
    long: Step = {"text": words, "piece": 2_000}
    plan: list[Step] = [long, long, long, {"text": "All about tea."}]
    async with asking(tmp_path, plan, APPX_MAX_SESSION_TOKENS="480") as (api, provider):
        session = await api.session()
        for _ in range(3):
            assert (await api.turn(session, "go"))[-1]["outcome"] == "done"
        async with api.events(session) as reader:
            await api.ok("POST", f"{session}/compact")
            end = (await reader.until("compaction_end"))[-1]
            assert "errorMessage" not in end
            booked = await usage(api)
            assert (booked["total"]["replies"], booked["total"]["totalTokens"]) == (4, 480)
            assert booked["groups"][0]["usage"] == booked["total"]
            refused = (await api.turn(session, "go"))[-1]
            assert refused["outcome"] == "limit"
        assert len(provider.asked) == 4
        assert (await usage(api, "?by=model"))["groups"][0]["model"] == "openai/gpt-5.5"


async def test_what_was_said_elsewhere_was_paid_elsewhere(tmp_path: Path) -> None:
    async with asking(tmp_path, [{"text": "Hi."}]) as (api, _):
        session = await api.session()
        await api.turn(session, "hello")
        exported = (await api.http.get(f"{session}/export")).content
        answer = await api.http.post(
            f"{session.rpartition('/')[0]}/import", content=exported, headers={"Content-Type": "application/x-ndjson"}
        )
        assert answer.status_code == 200
        assert (await usage(api))["total"]["replies"] == 1
