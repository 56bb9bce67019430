"""Sessions as files of pi, over HTTP."""

import json
from typing import Any

import pytest

from tests.flows.api import Api

pytestmark = pytest.mark.anyio


async def send(api: Api, data: bytes, project: str = "demo") -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await api.http.post(f"/v1/projects/{project}/sessions/import", content=data, headers=headers)
    return answer.status_code, answer.json()


async def test_a_session_leaves_comes_in_and_goes_on(api: Api) -> None:
    session = await api.session()
    await api.turn(session, "run: echo one > one.txt")
    await api.turn(session, "say: done")
    exported = await api.http.get(f"{session}/export")
    assert exported.status_code == 200
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert exported.headers["content-disposition"].endswith('.jsonl"')
    header = json.loads(exported.text.splitlines()[0])
    assert (header["version"], header["id"]) == (3, session.rpartition("/")[2])

    status, made = await send(api, exported.content)
    assert status == 200
    copy = f"/v1/projects/demo/sessions/{made['id']}"
    assert await api.messages(copy) == await api.messages(session)
    rows = (await api.ok("GET", "/v1/projects/demo/sessions"))["sessions"]
    assert [(row["firstMessage"], row["messageCount"]) for row in rows] == [("run: echo one > one.txt", 6)] * 2
    assert (await api.turn(copy, "say: and on"))[-1]["outcome"] == "done"
    assert len(await api.messages(copy)) == 8
    async with api.events(copy, after=0) as reader:
        told = [event["type"] for event in await reader.until("agent_end")]
    assert told[:2] == ["agent_start", "turn_start"]


async def test_a_file_with_a_wrong_line_makes_no_session(api: Api) -> None:
    session = await api.session()
    await api.turn(session, "say: done")
    data = (await api.http.get(f"{session}/export")).content + b"{\n"
    status, answer = await send(api, data)
    assert (status, answer["error"].startswith("line 4: ")) == (400, True)
    assert len((await api.ok("GET", "/v1/projects/demo/sessions"))["sessions"]) == 1
    assert (await send(api, data, "none"))[0] == 404
    assert (await api.call("GET", f"{session[:-1]}x/export"))[0] == 404


async def test_a_file_that_is_too_large_is_refused(api: Api) -> None:
    await api.session()
    assert (await send(api, b" " * (17 << 20)))[0] == 413
