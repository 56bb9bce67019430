"""A conversation is summarised, on request and by itself, and the session goes on."""

from pathlib import Path
from typing import Any

import pytest

from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio


async def long_session(api: Api) -> str:
    """More than stays word for word: about 12,000 tokens in each of three results."""
    session = await api.session()
    for word in ("first", "second", "third"):
        await api.turn(session, f"run: yes {word} | tr '\\n' ' ' | head -c 50000")
    return session


async def compacted(api: Api, session: str) -> list[dict[str, Any]]:
    async with api.events(session) as reader:
        assert await api.ok("POST", f"{session}/compact") == {"ok": True}
        return await reader.until("compaction_end")


async def test_a_person_has_a_conversation_summarised_and_goes_on(api: Api, tmp_path: Path) -> None:
    session = await long_session(api)
    before = await api.messages(session)

    told = await compacted(api, session)

    assert [event["type"] for event in told] == ["compaction_start", "compaction_end"]
    assert (told[1]["reason"], told[1]["willRetry"], told[1]["aborted"]) == ("manual", False, False)
    assert told[1]["result"]["tokensBefore"] > 30_000
    assert "run: yes first" in told[1]["result"]["summary"]
    assert await api.messages(session) == before, "the log keeps everything"
    assert (await api.turn(session, "say: third"))[-1]["outcome"] == "done"


async def test_a_short_conversation_is_left_as_it_is(api: Api) -> None:
    session = await api.session()
    told = await compacted(api, session)
    assert "nothing to summarise" in told[-1]["errorMessage"]
    assert (await api.turn(session, "say: hi"))[-1]["outcome"] == "done"


async def test_while_a_turn_runs_nothing_is_summarised(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "ask: wait?")
        await reader.until("extension_ui_request")
        assert (await api.call("POST", f"{session}/compact"))[0] == 409
        await api.ok("POST", f"{session}/abort")


async def test_a_summary_survives_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = await long_session(api)
        told = await compacted(api, session)
    async with serving(tmp_path) as api, api.events(session, after=0) as reader:
        replayed = await reader.until("compaction_end")
        assert replayed[-1] == told[-1]
