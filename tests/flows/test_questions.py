"""The agent asks, the person answers: over the contract's extension UI."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.schema import check
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio


async def asked(api: Api, session: str, prompt: str) -> dict[str, Any]:
    """The question that a prompt leads to."""
    async with api.events(session) as reader:
        await api.prompt(session, prompt)
        return (await reader.until("extension_ui_request"))[-1]


async def pending(api: Api, session: str) -> list[dict[str, Any]]:
    found = await api.ok("GET", f"{session}/extension-ui")
    check(found, "PendingExtensionUiRequestsResponse")
    requests: list[dict[str, Any]] = found["requests"]
    return requests


async def last_words(api: Api, session: str) -> str:
    text: str = (await api.messages(session))[-1]["content"][-1]["text"]
    return text


async def test_a_question_is_shown_listed_and_answered_and_the_turn_goes_on(api: Api) -> None:
    session = await api.session()
    question = await asked(api, session, "ask: Which colour? | red | blue")
    assert question == await asked_as(question, "select", title="Which colour?", options=["red", "blue"])
    assert await pending(api, session) == [question]

    async with api.events(session, after=0) as reader:
        answer = f"{session}/extension-ui/{question['id']}/response"
        assert await api.ok("POST", answer, {"value": "blue"}) == {"ok": True}
        assert (await reader.until("agent_end"))[-1]["outcome"] == "done"

    assert await last_words(api, session) == "The person answered: blue"
    assert await pending(api, session) == []
    assert (await api.call("POST", answer, {"value": "blue"}))[0] == 404


async def asked_as(question: dict[str, Any], method: str, **fields: object) -> dict[str, object]:
    return {"type": "extension_ui_request", "id": question["id"], "method": method, **fields}


async def test_a_question_without_options_takes_any_text(api: Api) -> None:
    session = await api.session()
    question = await asked(api, session, "ask: What is it called?")
    assert question == await asked_as(question, "input", title="What is it called?")
    async with api.events(session) as reader:
        await api.ok("POST", f"{session}/extension-ui/{question['id']}/response", {"value": "Tea ☕"})
        await reader.until("agent_end")
    assert await last_words(api, session) == "The person answered: Tea ☕"


async def test_a_question_can_be_cancelled(api: Api) -> None:
    session = await api.session()
    question = await asked(api, session, "ask: Now? | yes | no")
    async with api.events(session) as reader:
        await api.ok("POST", f"{session}/extension-ui/{question['id']}/response", {"cancelled": True})
        await reader.until("agent_end")
    assert (await last_words(api, session)).startswith("The person did not answer.")


@pytest.mark.parametrize(
    "body", [{}, {"value": "green"}, {"value": 7}, {"confirmed": True}, {"cancelled": False}, [], "red", None]
)
async def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(api: Api, body: object) -> None:
    session = await api.session()
    question = await asked(api, session, "ask: Which colour? | red | blue")
    status, answer = await api.call("POST", f"{session}/extension-ui/{question['id']}/response", body)
    assert status == 400
    check(answer, "ErrorResponse")
    assert await pending(api, session) == [question]


async def test_stopping_the_turn_cancels_its_question(api: Api) -> None:
    session = await api.session()
    question = await asked(api, session, "ask: Which? | a | b")
    await api.ok("POST", f"{session}/abort")
    assert await pending(api, session) == []
    assert (await api.call("POST", f"{session}/extension-ui/{question['id']}/response", {"value": "a"}))[0] == 404


async def test_a_question_survives_a_restart_and_its_answer_is_then_a_prompt(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = await api.session()
        question = await asked(api, session, "ask: Which? | a | b")
    async with serving(tmp_path) as api:
        assert await pending(api, session) == [question]
        async with api.events(session) as reader:
            await api.ok("POST", f"{session}/extension-ui/{question['id']}/response", {"value": "b"})
            said = await reader.until("message_end")
        assert said[-1]["message"]["content"][0]["text"] == 'My answer to your question "Which?": b'
        assert await pending(api, session) == []


async def test_what_was_never_asked_is_not_found(api: Api) -> None:
    session = await api.session()
    assert await pending(api, session) == []
    status, answer = await api.call("POST", f"{session}/extension-ui/none/response", {"value": "x"})
    assert (status, "question not found" in answer["error"]) == (404, True)
    status, answer = await api.call("POST", f"{session}x/extension-ui/none/response", {"value": "x"})
    assert (status, answer) == (404, {"error": "session not found"})
