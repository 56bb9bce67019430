"""Each turn that changed files can be looked at, undone, and left another way."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio


async def turn(api: Api, session: str, text: str) -> str:
    """The checkpoint of the turn."""
    async with api.events(session) as reader:
        await api.prompt(session, text)
        told = await reader.until("agent_end")
        assert told[-1]["outcome"] == "done"
        status = (await reader.until("extension_ui_request"))[-1]
        assert status["statusKey"] == "checkpoint", status
        found: str = status["checkpoint"]
        return found


def of(session: str, rest: str = "") -> str:
    return f"{session.partition('/sessions/')[0]}/checkpoints{rest}"


async def listed(api: Api, session: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.ok("GET", of(session)))["checkpoints"]
    return found


async def test_a_turn_is_a_checkpoint_with_its_diff_and_is_undone(api: Api, tmp_path: Path) -> None:
    page = tmp_path / "workspace" / "demo" / "a.txt"
    session = await api.session()
    assert await listed(api, session) == []
    first = await turn(api, session, "run: echo one >a.txt")
    second = await turn(api, session, "run: echo two >a.txt; printf '\\0' >b.bin")

    found = await listed(api, session)
    assert [each["id"] for each in found][:2] == [second, first]
    assert found[1]["message"] == "run: echo one >a.txt"
    assert found[1]["session"] == session.rpartition("/")[2]
    assert [each["id"] for each in (await api.ok("GET", of(session, f"?limit=1&before={second}")))["checkpoints"]] == [
        first
    ]
    changed = await api.ok("GET", of(session, f"/{second}/diff"))
    assert changed["files"] == [{"path": "a.txt", "added": 1, "removed": 1}, {"path": "b.bin"}]
    assert "-one\n+two\n" in changed["diff"]
    assert not changed["cut"]
    backwards = await api.ok("GET", of(session, f"/{first}/diff?from={second}"))
    assert "-two\n+one\n" in backwards["diff"]

    page.write_text("mine\n")
    back = await api.ok("POST", of(session, f"/{first}/restore"))
    assert back["changed"]
    assert page.read_text() == "one\n"
    before = (await listed(api, session))[1]
    assert before["message"] == f"Before going back to {first[:12]}"
    await api.ok("POST", of(session, f"/{before['id']}/restore"))
    assert page.read_text() == "mine\n", "what nobody had kept is there again"


async def test_a_turn_that_changed_nothing_is_none_and_a_person_takes_one(api: Api) -> None:
    session = await api.session()
    first = await turn(api, session, "run: echo one >a.txt")
    await api.turn(session, "run: cat a.txt")
    await api.turn(session, "say: hi")
    taken = await api.ok("POST", of(session), {"message": "Now"})
    assert taken == {"id": first, "changed": False}
    assert (await listed(api, session))[0]["id"] == first


async def test_what_is_wrong_is_told(api: Api) -> None:
    session = await api.session()
    unknown = "0" * 40
    assert (await api.call("GET", of(session, f"/{unknown}/diff")))[0] == 404
    assert (await api.call("POST", of(session, f"/{unknown}/restore")))[0] == 404
    assert (await api.call("GET", of(session, "/HEAD/diff")))[0] == 400
    assert (await api.call("POST", f"{session}/fork", {"seq": 9}))[0] == 400
    assert (await api.call("POST", f"{session}/fork", {"checkpoint": unknown}))[0] == 404
    assert (await api.call("POST", f"{session}/fork", {"checkpoint": unknown, "seq": 1}))[0] == 400
    async with api.events(session) as reader:
        await api.prompt(session, "ask: wait?")
        await reader.until("extension_ui_request")
        status, found = await api.call("POST", of(session, f"/{unknown}/restore"))
        assert (status, found["error"]) == (409, "A turn is running in this project. Wait for its end, or abort it.")
        await api.ok("POST", f"{session}/abort")


async def test_a_session_is_forked_from_a_point(api: Api) -> None:
    session = await api.session()
    first = await turn(api, session, "run: echo one >a.txt")
    said = await api.messages(session)
    await turn(api, session, "run: echo two >a.txt")

    fork = await api.ok("POST", f"{session}/fork", {"checkpoint": first})
    other = f"{session.rpartition('/')[0]}/{fork['id']}"
    assert await api.messages(other) == said
    assert (await api.turn(other, "say: further"))[-1]["outcome"] == "done"
    assert len(await api.messages(session)) == 2 * len(said), "the older one is as it was"

    in_the_middle = await api.ok("POST", f"{session}/fork", {"seq": 3})
    cut = f"{session.rpartition('/')[0]}/{in_the_middle['id']}"
    assert [each["role"] for each in await api.messages(cut)] == ["user", "assistant", "toolResult"]
    assert (await api.turn(cut, "say: further"))[-1]["outcome"] == "done"


async def test_when_git_cannot_the_person_is_told_and_the_session_goes_on(api: Api) -> None:
    session = await api.session()
    await turn(api, session, "run: echo one >a.txt")
    async with api.events(session) as reader:
        await api.prompt(session, "run: rm -r .git/objects; mkdir .git/objects; echo two >a.txt")
        await reader.until("agent_end")
        notice = (await reader.until("extension_ui_request"))[-1]
    assert notice["method"] == "notify"
    assert "not kept as a checkpoint. git could not do this" in notice["message"]
    assert (await api.turn(session, "say: on"))[-1]["outcome"] == "done"


async def test_what_a_turn_did_before_the_server_ended_is_kept_when_the_session_is_opened(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        session = await api.session()
        async with api.events(session) as reader:
            await api.prompt(session, "run: echo one >a.txt; sleep 30")
            await reader.until("tool_execution_start")
            with anyio.fail_after(5):
                while not (tmp_path / "demo" / "a.txt").exists():  # noqa: ASYNC110
                    await anyio.sleep(0.01)
    async with serving(tmp_path) as api:
        async with api.events(session, after=0) as reader:
            told = await reader.until("agent_end")
            assert told[-1]["outcome"] == "interrupted"
            status = (await reader.until("extension_ui_request"))[-1]
        assert [each["id"] for each in await listed(api, session)] == [status["checkpoint"]]
