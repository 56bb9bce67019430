"""MCP servers that run: real ones of the SDK, and odd ones; in this process, and behind the workbench's socket."""

import json
import sys
from base64 import b64decode
from functools import partial
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import Unavailable
from appx.workbench.bench import Command
from appx.workbench.mcp import connection
from tests.fakes.mcp_server import png
from tests.unit.workbench.conftest import PROJECT
from tests.unit.workbench.mcp.conftest import SDK, Shop, alive, odd, until, written

pytestmark = pytest.mark.anyio


async def gone(process: int) -> None:
    await until(lambda: not alive(process))


async def test_a_project_without_the_file_has_none_and_does_not_load_the_sdk(shop: Shop) -> None:
    found = await shop.bench.mcp_servers(PROJECT)
    assert (found.servers, found.problems, found.failures) == ((), (), ())


async def test_a_server_of_the_sdk_is_listed_and_called(shop: Shop) -> None:
    server = await shop.one({**SDK, "env": {"TEA": "green", "COUNT": 3}})
    assert (server.state, server.error) == ("ready", "")
    tools = {tool.name: tool for tool in server.tools}
    assert tools["shop__add"].description == "Add two numbers."
    assert tools["shop__add"].schema["required"] == ["a", "b"]
    assert (await shop.call("add", a=2, b=3)).text == "5"
    wrong = await shop.call("add", a="x", b=3)
    assert not wrong.ok
    assert "valid integer" in wrong.text
    failed = await shop.call("fails")
    assert (failed.ok, "no tea left" in failed.text) == (False, True)
    shown = await shop.call("photo")
    assert [b64decode(each) for each in shown.pictures] == [png()]
    assert [(await shop.call("variable", name=each)).text for each in ("TEA", "COUNT", "APPX_PROJECT", "LOGNAME")] == [
        "green", "3", PROJECT, "(unset)"]  # fmt: skip
    assert not (await shop.call("nothing")).ok


async def test_a_tool_that_appears_later_is_listed(shop: Shop) -> None:
    await shop.one(SDK)
    assert (await shop.call("grow")).text == "grown"
    (server,) = await shop.servers()
    assert "shop__grown" in {tool.name for tool in server.tools}


async def test_a_call_that_nobody_waits_for_is_cancelled(shop: Shop) -> None:
    await shop.one(SDK)
    log = shop.directory / "log"
    late = await shop.call("slow", seconds=0.5, log=str(log))
    assert (late.ok, late.text) == (False, "shop did not answer within 0.5 s; the call was cancelled.")
    await written(log, "cancelled")
    log.unlink()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(shop.call, "slow", log=str(log)))
        await written(log, "began")
        tasks.cancel_scope.cancel()
    await written(log, "cancelled")
    assert (await shop.call("add", a=1, b=1)).text == "2", "the server goes on"


async def test_it_is_kept_and_begins_anew_when_the_file_changes_or_it_died(shop: Shop) -> None:
    await shop.one(odd("fine"))
    first = await shop.process()
    await shop.one(odd("fine"))
    assert await shop.process() == first
    await shop.one(odd("unicode"))
    second = await shop.process()
    assert (second != first, alive(first)) == (True, False)
    assert (await shop.call()).text == "naïve ☃ 🦉 \u202e"
    await shop.bench.run(command(f"kill -9 {second}"))
    await gone(second)
    await anyio.sleep(0.2)
    assert (await shop.call()).ok
    assert await shop.process() != second
    await shop.file("{}")
    await gone(await shop.process())


def command(line: str) -> Command:
    return Command(line=line, project=PROJECT, time_limit=10)


@pytest.mark.parametrize("mode", ["deaf", "forks", "daemon"])
async def test_nothing_of_a_server_stays_when_it_is_stopped(shop: Shop, mode: str) -> None:
    assert (await shop.one(odd(mode))).state == "ready"
    leader, child = await shop.process(), await shop.process() if mode == "deaf" else await shop.process("child")
    assert alive(leader)
    assert alive(child)
    with anyio.fail_after(10):
        await shop.bench.remove_project(PROJECT)
    assert not alive(leader)
    assert not alive(child)


@pytest.mark.parametrize("mode", ["deaf", "forks", "daemon"])
async def test_nothing_of_a_server_stays_when_the_workbench_stops(local_shop: Shop, mode: str) -> None:
    async with anyio.create_task_group() as tasks:
        await tasks.start(local_shop.local.keep)
        assert (await local_shop.one(odd(mode))).state == "ready"
        leader, child = (
            await local_shop.process(),
            await local_shop.process() if mode == "deaf" else await local_shop.process("child"),
        )
        tasks.cancel_scope.cancel()
    assert not alive(leader)
    await gone(child)


async def test_what_one_that_was_killed_left_is_ended_at_the_next_start(local_shop: Shop) -> None:
    line = f"APPX_MCP_HOST={local_shop.local.workspace} setsid sleep 577 & echo $!"
    process = int((await local_shop.local.run(command(line))).output)
    assert alive(process)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(local_shop.local.keep)
        await gone(process)
        tasks.cancel_scope.cancel()


async def test_an_idle_server_ends(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.one(odd("fine"))
    first = await shop.process()
    shop.local._mcp._end_idle()
    assert alive(first)
    monkeypatch.setattr("appx.workbench.mcp.host.IDLE_SECONDS", 0)
    shop.local._mcp._end_idle()
    await gone(first)
    assert (await shop.call()).text == "told"


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("garbage", "Its stdout is not MCP. It wrote what is no message: Hello, I am a banner and no message"),
        ("exits", "It ended with exit code 1. Its last words: no configuration: SECRET is …"),
        ("silent", "It was not ready within 2 s."),
    ],
)
async def test_a_server_that_cannot_be_used_says_why_and_stops_no_other(
    shop: Shop, mode: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "START_SECONDS", 2.0)
    broken, fine = await shop.having(broken=odd(mode, env={"SECRET": "hunter2222"}), fine=odd("fine"))
    assert (broken.state, broken.error, broken.tools) == ("failed", error, ())
    assert [tool.name for tool in fine.tools] == ["fine__tell"]
    began = anyio.current_time()
    await shop.servers()
    assert anyio.current_time() - began < 2, "a slow failure is not tried again at once"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"command": "no-such-thing"}, "There is no command 'no-such-thing' on the workbench."),
        ({"command": "./missing"}, "There is no command './missing' on the workbench."),
        ({"command": "cat", "cwd": "nowhere"}, "There is no directory"),
        ({"url": "http://127.0.0.1:9/mcp?key=topsecret"}, "All connection attempts failed"),
    ],
)
async def test_a_server_that_is_not_there_is_said_to_be_so(shop: Shop, given: object, error: str) -> None:
    server = await shop.one(given)
    assert server.state == "failed"
    assert server.error.startswith(error)
    assert "topsecret" not in server.error


async def test_a_server_that_dies_in_a_call_says_its_last_words(shop: Shop) -> None:
    await shop.one(odd("dies"))
    for _ in range(2):
        died = await shop.call()
        assert not died.ok
        assert died.text == (
            "The MCP server shop ended during the call: It ended with exit code 3. Its last words: out of cheese"
        )


async def test_text_that_is_no_unicode_is_shown_as_far_as_it_is(shop: Shop) -> None:
    await shop.one(odd("surrogate"))
    assert (await shop.call()).text == "half \ufffd of it"
    await shop.one(odd("bytes"))
    assert (await shop.call()).text == "\ufffd\ufffd ok"


async def test_a_long_result_is_cut_and_says_so(shop: Shop) -> None:
    await shop.one(odd("long"))
    text = (await shop.call(keep=1_001)).text
    assert text == "é" * 500 + "\n[cut: the first 1,001 of 400,000 bytes. Ask for less at once to see the rest.]"


async def test_a_message_without_end_ends_the_server(shop: Shop) -> None:
    await shop.one(odd("endless"))
    result = await shop.call()
    assert not result.ok
    assert "It sent a message of more than 8,388,608 bytes." in result.text


async def test_a_server_that_floods_its_stderr_works(shop: Shop) -> None:
    await shop.one(odd("stderr"))
    assert (await shop.call()).text == "told"


async def test_a_banner_on_stdout_is_forgiven(shop: Shop) -> None:
    await shop.one(odd("banner"))
    assert (await shop.call()).text == "told"


async def test_other_content_is_described(shop: Shop) -> None:
    await shop.one(odd("mixed"))
    result = await shop.call()
    assert result.text == ("one\n[audio/wav, which cannot be shown]\n[link to menu: file:///menu]\n[file:///a]\ninside")
    assert result.pictures == ("not base64!", "AAAA")


async def test_too_many_and_too_large_tools_are_left_out_and_said(shop: Shop) -> None:
    many, large, fine = await shop.having(many=odd("many"), large=odd("large"), fine=odd("fine"))
    assert len(many.tools) == 100
    assert many.error.startswith("Only the first 100 of its 1,000 tools can be used")
    assert (large.tools, fine.tools) == ((), ())
    (large,) = await shop.having(large=odd("large"))
    assert [len(tool.description) for tool in large.tools] == [2_001]
    assert "'fat': the schema of its arguments has" in large.error


async def test_many_at_once_start_one_server(shop: Shop) -> None:
    await shop.bench.write(PROJECT, ".pi/mcp.json", json.dumps({"mcpServers": {"shop": odd("fine")}}).encode())
    texts = []

    async def one() -> None:
        texts.append((await shop.call()).text)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)
    assert texts == ["told"] * 20
    done = await shop.bench.run(command('grep -lz "^APPX_MCP_HOST=${PWD%/*}$" /proc/*/environ 2>/dev/null | wc -l'))
    assert done.output.strip() == "1"


async def test_a_file_that_leads_out_of_the_project_is_a_problem(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (shop.directory / ".pi").mkdir()
    (shop.directory / ".pi/mcp.json").symlink_to(tmp_path / "elsewhere")
    (problem,) = (await shop.bench.mcp_servers(PROJECT)).problems
    assert problem.startswith(".pi/mcp.json cannot be read: ")


async def test_without_anybody_to_keep_them_no_server_is_started(local_shop: Shop) -> None:
    with pytest.raises(Unavailable, match="MCP servers are not run here"):
        await local_shop.one(odd("fine"))


async def test_the_sdk_is_loaded_only_when_it_is_needed() -> None:
    program = (
        "import sys; import appx.workbench.local, appx.workbench.service, appx.http.app, appx.projects.agents; "
        "sys.exit(' '.join(each for each in ('mcp', 'mcp_types', 'jsonschema') if each in sys.modules) or 0)"
    )
    done = await anyio.run_process([sys.executable, "-c", program], check=False)
    assert done.returncode == 0, done.stderr
