"""What a model may say as the arguments of a call harms its turn at most; a log that is damaged harms nobody else."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from appx.domain.events import ToolFinished
from appx.models.catalogue import Api as Dialect
from appx.models.incoming import MAX_LEVELS
from tests.contract.schema import check
from tests.fakes.chaos import streams
from tests.fakes.openai_server import Step
from tests.fakes.streams import step
from tests.flows.api import Api, serving
from tests.flows.test_backup import backup
from tests.flows.test_chaos_turns import done, outcome, talking
from tests.flows.test_transfer import send
from tests.flows.test_turns import asking

pytestmark = pytest.mark.anyio

TOO_DEEP = f"more than {MAX_LEVELS} levels"
DIALECTS: list[Dialect] = ["openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai"]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [150, 198, 220, 251, 500])
async def test_a_model_is_told_that_it_nests_too_deep_and_its_session_stays_whole(tmp_path: Path, levels: int) -> None:
    arguments = {"command": "echo ran", "more": nested(levels - 1)}
    plan: list[Step] = [{"calls": [{"name": "bash", "arguments": arguments}]}, {"text": "I see."}]
    async with asking(tmp_path, plan) as (api, provider):
        session = await api.session()
        assert (await api.turn(session, "go"))[-1]["outcome"] == "done"
        messages = await api.messages(session)
        assert TOO_DEEP in messages[2]["content"][0]["text"]
        assert TOO_DEEP in provider.asked[-1].body["messages"][-1]["content"]
    async with serving(tmp_path) as api:
        assert await api.messages(session) == messages
        assert (await api.turn(session, "say: on"))[-1]["outcome"] == "done"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("levels", [MAX_LEVELS, MAX_LEVELS + 1, 199, 251])
async def test_it_is_told_so_in_each_dialect(tmp_path: Path, dialect: Dialect, levels: int) -> None:
    call = ("echo", {"text": "x", "more": nested(levels - 1)})
    async with talking(tmp_path, dialect, streams(step(dialect, call=call)), done(dialect)) as chat:
        turn = await chat.turn()
    assert outcome(turn)[0] == "done"
    (result,) = [event.result for event in turn if isinstance(event, ToolFinished)]
    assert result.ok is (levels <= MAX_LEVELS)
    assert result.ok or TOO_DEEP in result.text


# --- files of pi ------------------------------------------------------------------------------------------------------


def with_call(exported: bytes, arguments: str, cost: str = "0") -> bytes:
    """The file, with other arguments of its call and another cost."""
    lines = exported.decode().splitlines()
    place = next(number for number, line in enumerate(lines) if "toolCall" in line)
    entry = json.loads(lines[place])
    (call,) = [each for each in entry["message"]["content"] if each["type"] == "toolCall"]
    call["arguments"] = {"here": 0}
    entry["message"]["usage"]["cost"] = {"input": 77}
    line = json.dumps(entry, separators=(",", ":"))
    lines[place] = line.replace('{"here":0}', arguments).replace('"input":77', f'"input":{cost}')
    return "\n".join(lines).encode()


ODD = {
    **{f"{levels} levels": (json.dumps(nested(levels)), "0") for levels in (150, 195, 196, 197, 198, 251, 900)},
    "digits": ('{"a":' + "9" * 4_301 + "}", "0"),
    "infinite": ("{}", "1e999"),
    "no number": ("{}", "NaN"),
    "half": ('{"a":"\\ud800"}', "0"),
}


async def test_a_session_that_comes_in_can_be_opened_again_or_does_not_come_in(tmp_path: Path) -> None:
    taken: dict[str, list[dict[str, Any]]] = {}
    async with serving(tmp_path) as api:
        session = await api.session()
        await api.turn(session, "run: true")
        exported = (await api.http.get(f"{session}/export")).content
        for name, (arguments, cost) in ODD.items():
            status, answer = await send(api, with_call(exported, arguments, cost))
            assert status in {200, 400}, (name, answer)
            if status == 200:
                copy = f"{session.rpartition('/')[0]}/{answer['id']}"
                taken[copy] = await api.messages(copy)
    assert 0 < len(taken) < len(ODD)
    async with serving(tmp_path) as api:
        for copy, messages in taken.items():
            assert await api.messages(copy) == messages


# --- a damaged log ----------------------------------------------------------------------------------------------------


def damage(workspace: Path, session: str) -> None:
    """As if the server had ended while a turn ran, whose newest record cannot be read."""
    deep = json.dumps(
        {"turn": "t", "call": {"id": "c", "name": "bash", "arguments": nested(220)}, "type": "tool_started"}
    )
    with closing(sqlite3.connect(workspace / ".pi-global/appx.db")) as db, db:
        name = session.rpartition("/")[2]
        db.execute("UPDATE sessions SET turn = 't' WHERE id = ?", (name,))
        db.execute(
            "UPDATE records SET event = ? WHERE session_id = ? AND seq = "
            "(SELECT max(seq) FROM records WHERE session_id = ?)",
            (deep, name, name),
        )


async def two(workspace: Path) -> tuple[str, str]:
    """A session that works, and one of another project that is damaged."""
    async with serving(workspace) as api:
        whole, damaged = await api.session("whole"), await api.session("damaged")
        for session in (whole, damaged):
            await api.turn(session, "run: echo hello > hello.txt")
    damage(workspace, damaged)
    return whole, damaged


async def refused(api: Api, session: str) -> str:
    status, answer = await api.call("GET", session)
    assert status == 503, answer
    check(answer, "ErrorResponse")
    said: str = answer["error"]
    return said


async def test_a_damaged_log_stops_no_start_and_nobody_else(tmp_path: Path) -> None:
    whole, damaged = await two(tmp_path)
    for _ in range(2):
        async with serving(tmp_path) as api:
            assert (await api.turn(whole, "say: on"))[-1]["outcome"] == "done"
            said = await refused(api, damaged)
            assert "cannot be read" in said
            assert "Delete it and begin another; the files of its project are whole." in said
            for path in ("/events", "/queue", "/export", "/extension-ui"):
                assert (await api.call("GET", f"{damaged}{path}"))[0] == 503
            assert (await api.call("POST", f"{damaged}/prompt", {"text": "hi"}))[0] == 503
            (row,) = (await api.ok("GET", "/v1/projects/damaged/sessions"))["sessions"]
            assert (row["running"], row["firstMessage"]) == (False, "run: echo hello > hello.txt")
    async with serving(tmp_path) as api:
        assert (await api.turn(await api.session("damaged"), "run: cat hello.txt"))[-1]["outcome"] == "done"


async def test_a_damaged_session_can_be_deleted(tmp_path: Path) -> None:
    whole, damaged = await two(tmp_path)
    async with serving(tmp_path) as api:
        await refused(api, damaged)
        assert await api.ok("DELETE", damaged) == {"ok": True}
        assert (await api.call("DELETE", damaged))[0] == 404
        assert (await api.call("GET", damaged))[0] == 404
        assert await api.messages(whole)


async def test_a_project_with_a_damaged_session_can_be_deleted(tmp_path: Path) -> None:
    _, damaged = await two(tmp_path)
    async with serving(tmp_path) as api:
        await refused(api, damaged)
        assert await api.ok("DELETE", "/v1/projects/damaged") == {"ok": True}
        assert [each["id"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["whole"]


async def test_a_backup_is_made_beside_a_damaged_session(tmp_path: Path) -> None:
    _, damaged = await two(tmp_path)
    async with serving(tmp_path) as api:
        await refused(api, damaged)
        assert await backup(tmp_path)
