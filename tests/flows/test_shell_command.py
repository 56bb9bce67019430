"""``appx shell`` against a real server."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from appx.wiring.benches import PATH
from appx.workbench.bench import Size, Typed
from appx.workbench.terminals import Start, at_terminal
from tests.flows.api import TOKEN, Api

pytestmark = pytest.mark.anyio


async def run(api: Api, *arguments: str, typed: str = "", token: str = TOKEN) -> tuple[int, str]:
    found = await anyio.run_process(
        [sys.executable, "-m", "appx", "shell", "--url", str(api.http.base_url), *arguments],
        input=typed.encode(),
        env={"PATH": PATH, "AGENT_SERVER_TOKEN": token},
        check=False,
    )
    return found.returncode, (found.stdout + found.stderr).decode()


async def test_what_is_piped_in_is_typed_and_the_exit_code_comes_out(api: Api) -> None:
    await api.ok("POST", "/v1/projects", {"name": "shop"})
    code, shown = await run(api, "shop", typed="echo in $APPX_PROJECT''.; exit 5\n")
    assert (code, "in shop." in shown) == (5, True)
    code, shown = await run(api, "shop", typed="echo the e''nd\n")
    assert (code, "the end" in shown) == (0, True), "the end of what is typed is a Ctrl-D"


async def test_what_goes_wrong_is_a_sentence(api: Api) -> None:
    assert await run(api, "none") == (1, "Error: project not registered: none\n")
    assert "AGENT_SERVER_TOKEN" not in (await run(api, "none", token="x" * 20))[1]
    code, shown = await run(api, "none", "--url", "http://127.0.0.1:1")
    assert (code, "does not answer" in shown) == (1, True)


async def test_a_terminal_is_passed_on_with_its_size(api: Api, tmp_path: Path) -> None:
    await api.ok("POST", "/v1/projects", {"name": "shop"})
    shown = b""
    sends, typed = anyio.create_memory_object_stream[Typed](10)

    async def take(data: bytes) -> None:
        nonlocal shown
        shown += data

    async def sees(text: bytes) -> None:
        with anyio.fail_after(30):
            while text not in shown:  # noqa: ASYNC110
                await anyio.sleep(0.05)

    async def sit(given: AsyncIterator[Typed]) -> None:
        start = Start(
            argv=[sys.executable, "-m", "appx", "shell", "--url", str(api.http.base_url), "shop"],
            cwd=Path.cwd(),
            environment={"PATH": PATH, "AGENT_SERVER_TOKEN": TOKEN},
            time_limit=60,
        )
        assert await at_terminal(start, Size(columns=77, rows=22), given, take) == 6

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sit, typed)
        await sends.send(b"stty size\r")
        await sees(b"22 77")
        await sends.send(b"echo sl''eeps; sleep 74.5\r")
        await sees(b"sleeps\r\n")
        await sends.send(b"\x03")
        await sees(b"^C")
        await anyio.sleep(0.5)
        await sends.send(Size(columns=88, rows=33))
        await anyio.sleep(0.5)
        await sends.send(b"stty size; exit 6\r")
        await sees(b"33 88")
    sends.close()
    typed.close()
