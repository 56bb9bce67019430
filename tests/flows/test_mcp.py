"""A model calls the tools of MCP servers: through a whole server, with a workbench in it and with one of its own."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appx.domain.ids import ProjectId
from tests.fakes.openai_server import Server as Provider
from tests.fakes.openai_server import Step
from tests.flows.apart import workbench
from tests.flows.api import Api, serving
from tests.unit.workbench.mcp.conftest import SDK, alive, odd, process_in, written

pytestmark = pytest.mark.anyio

SECRET = "sesame-opens-42"
PLAN: list[Step] = [
    {"calls": [{"name": "shop__add", "arguments": {"a": 40, "b": 2}}]},
    {"calls": [{"name": "shop__photo", "arguments": {}}]},
    {"text": "Done."},
]


@pytest.fixture(params=["local", "apart"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mapping[str, str]]:
    if request.param == "local":
        yield {}
        return
    async with workbench(tmp_path) as variables:
        yield variables


@asynccontextmanager
async def shop(tmp_path: Path, bench: Mapping[str, str], provider: Provider) -> AsyncIterator[tuple[Api, str, Path]]:
    """A server with a model that follows the provider's plan; a session, and the directory of its project."""
    variables = {"LITELLM_BASE_URL": provider.url, "LITELLM_DEFAULT_MODEL": "m", "LITELLM_API_KEY": "key-0123456789"}
    async with serving(tmp_path / "workspace", **{**variables, **bench}) as api:
        session = await api.session("Tea")
        (tmp_path / "workspace/tea/.pi").mkdir(exist_ok=True)
        yield api, session, tmp_path / "workspace/tea"


def having(directory: Path, **servers: object) -> None:
    (directory / ".pi/mcp.json").write_text(json.dumps({"mcpServers": servers}))


async def test_a_model_calls_a_tool_and_people_learn_what_does_not_work(
    tmp_path: Path, bench: Mapping[str, str]
) -> None:
    with Provider(PLAN) as provider:
        async with shop(tmp_path, bench, provider) as (api, session, directory):
            having(
                directory, shop=SDK, broken=odd("exits", env={"SECRET": SECRET}), idle={"url": "x", "disabled": True}
            )
            events = await api.turn(session, "What is 40 and 2?")
            results = [message for message in await api.messages(session) if message["role"] == "toolResult"]
            listed = await api.ok("GET", "/v1/projects/tea/mcp")
            async with api.events(session, after=0) as reader:
                again = await reader.until("agent_end")
    why = "It ended with exit code 1. Its last words: no configuration: SECRET is …"

    assert [(each["toolName"], each["isError"]) for each in results] == [("shop__add", False), ("shop__photo", False)]
    assert results[0]["content"] == [{"type": "text", "text": "42"}]
    assert [part["type"] for part in results[1]["content"]] == ["text", "image"]

    told = [event for event in events if event["type"] == "extension_ui_request"]
    assert [(each["method"], each["notifyType"], each["message"]) for each in told] == [
        ("notify", "warning", f"MCP: broken: {why}")
    ]
    assert [event for event in again if event["type"] == "extension_ui_request"] == told, "every reader, the same"

    asked = provider.asked[0].body
    assert {"bash", "shop__add"} <= {tool["function"]["name"] for tool in asked["tools"]}
    assert f"- broken: {why}" in asked["messages"][0]["content"]

    servers = {server["name"]: server for server in listed["servers"]}
    assert {name: server["state"] for name, server in servers.items()} == {
        "shop": "ready", "broken": "failed", "idle": "off"
    }  # fmt: skip
    assert servers["broken"]["error"] == why
    assert {"name": "shop__add", "tool": "add", "description": "Add two numbers."} in servers["shop"]["tools"]
    assert listed["problems"] == []
    everywhere = json.dumps([events, listed, [each.body for each in provider.asked]])
    assert SECRET not in everywhere
    assert SECRET.encode() not in stored(tmp_path / "workspace/.pi-global")


def stored(state: Path) -> bytes:
    found = b"".join(path.read_bytes() for path in state.glob("appx.db*"))
    assert b"shop__add" in found
    return found


async def test_who_stops_a_turn_cancels_its_call(tmp_path: Path, bench: Mapping[str, str]) -> None:
    log = tmp_path / "log"
    with Provider([{"calls": [{"name": "shop__slow", "arguments": {"log": str(log)}}]}]) as provider:
        async with shop(tmp_path, bench, provider) as (api, session, directory):
            having(directory, shop=SDK)
            async with api.events(session) as reader:
                await api.prompt(session, "Wait.")
                await written(log, "began")
                await api.ok("POST", f"{session}/abort")
                assert (await reader.until("agent_end"))[-1]["outcome"] == "stopped"
            await written(log, "cancelled")


async def test_nothing_stays_of_a_server_when_its_project_is_deleted(tmp_path: Path, bench: Mapping[str, str]) -> None:
    with Provider(PLAN) as provider:
        async with shop(tmp_path, bench, provider) as (api, _session, directory):
            having(directory, shop=odd("forks"))
            assert (await api.ok("GET", "/v1/projects/tea/mcp"))["servers"][0]["state"] == "ready"
            leader, child = await process_in(directory / "leader"), await process_in(directory / "child")
            await api.call("DELETE", "/v1/projects/tea")  # without podman 503: what it ran cannot be asked for
            await api.server._workbench.remove_project(ProjectId("tea"))
            assert not alive(leader)
            assert not alive(child)


async def test_nothing_stays_of_a_server_when_the_workbench_stops(tmp_path: Path) -> None:
    with Provider(PLAN) as provider:
        async with workbench(tmp_path) as bench, shop(tmp_path, bench, provider) as (api, _session, directory):
            having(directory, deaf=odd("deaf"))
            assert (await api.ok("GET", "/v1/projects/tea/mcp"))["servers"][0]["state"] == "ready"
            leader = await process_in(directory / "leader")
            assert alive(leader)
        assert not alive(leader)


async def test_a_project_without_servers_has_an_empty_list_and_one_that_is_not_there_none(api: Api) -> None:
    await api.session("Tea")
    assert await api.ok("GET", "/v1/projects/tea/mcp") == {"servers": [], "problems": []}
    assert await api.call("GET", "/v1/projects/none/mcp") == (404, {"error": "project not found"})
