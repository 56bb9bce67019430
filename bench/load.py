"""What many sessions and readers cost the server: time against one of them in the same run, memory and CPU for each.

    .venv/bin/python bench/load.py [--sessions 64] [--idle 500] [--stuck 16]

The server is in a process of its own. ``ratio`` is a row's time over that of the row with one session, and would be the
number of sessions if they waited for each other.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fakes.openai_server import Server as Provider
from tests.flows.apart import Apart, apart
from tests.flows.test_load import at_once, running, sessions
from tests.flows.test_readers import REPLY, settled, turn

SLEEP = 0.5


async def main(count: int, idle: int, stuck: int) -> None:
    await at_work(count)
    await at_rest(idle)
    await unread(stuck)


@asynccontextmanager
async def server(**variables: str) -> AsyncIterator[Apart]:
    with tempfile.TemporaryDirectory() as folder:
        async with apart(Path(folder), **variables) as found:
            yield found


async def at_work(count: int) -> None:
    print(f"sessions at work, each with a reader; the command sleeps {SLEEP} s")
    print("sessions  what                      wall s   ratio   CPU s of the server   for each ms")
    async with server() as api:
        some = await sessions(api, count)
        await at_once(partial(one_turn, api), some[:1])
        floors: dict[str, float] = {}
        for found in (some[:1], some):
            for name, work in works(api).items():
                wall, cpu = await timed(api, work, found)
                floor = floors.setdefault(name, wall)
                each = cpu / len(found) * 1_000
                print(f"{len(found):>8}  {name:<22} {wall:>9.2f} {wall / floor:>7.1f} {cpu:>21.2f} {each:>13.1f}")
    print()


def works(api: Apart) -> dict[str, Callable[[Sequence[str]], Awaitable[object]]]:
    async def stop(found: Sequence[str]) -> None:
        await running(api, found)
        await at_once(lambda session: api.ok("POST", f"{session}/abort"), found)

    return {"a command": partial(at_once, partial(one_turn, api)), "begin, then abort all": stop}


async def one_turn(api: Apart, session: str) -> None:
    async with api.events(session, lean=True) as reader:
        await api.prompt(session, f"run: sleep {SLEEP}; echo done")
        await reader.until("agent_end")


async def timed(
    api: Apart, work: Callable[[Sequence[str]], Awaitable[object]], found: Sequence[str]
) -> tuple[float, float]:
    computed, began = api.cpu(), time.monotonic()
    await work(found)
    return time.monotonic() - began, api.cpu() - computed


async def at_rest(count: int) -> None:
    print("sessions at rest")
    async with server() as api:
        found = await sessions(api, count)
        async with api.listening(found[0]):
            before = api.memory()
        for session in found:
            await api.ok("GET", f"{session}/settings")
        live = api.memory()
        async with AsyncExitStack() as stack:
            for session in found:
                await stack.enter_async_context(api.listening(session))
            read, computed = api.memory(), api.cpu()
            await anyio.sleep(20)  # a heartbeat each is in it
            print(f"{count:>8}  in memory: {(live - before) / count:.1f} KiB each")
            print(f"{count:>8}  with a reader: {(read - live) / count:.1f} KiB more each")
            print(f"{count:>8}  CPU: {(api.cpu() - computed) / 20:.2%} of one core, heartbeats included")
    print()


async def unread(count: int) -> None:
    print(f"readers that never read, while replies of {len(REPLY) / 1024:.0f} KiB come in and one reader reads")
    print("readers   wall s   ratio   CPU s   KiB more for each")
    with Provider([{"text": REPLY, "piece": 24}]) as provider:
        async with server(
            LITELLM_BASE_URL=provider.url, LITELLM_DEFAULT_MODEL="openai/gpt-5.5", LITELLM_API_KEY="k" * 20
        ) as api:
            floor, usual = 0.0, 0
            await turn(api, await api.session())
            for readers in (0, count):
                session = await api.session()
                async with AsyncExitStack() as stack:
                    for _ in range(readers):
                        await stack.enter_async_context(api.listening(session, taking=4_096))
                    before, computed, began = await settled(api), api.cpu(), time.monotonic()
                    await turn(api, session)
                    wall, cpu = time.monotonic() - began, api.cpu() - computed
                    grown = await settled(api) - before
                floor, usual = floor or wall, usual or grown
                each = f"{(grown - usual) / readers:.0f}" if readers else ""
                print(f"{readers:>7} {wall:>8.2f} {wall / floor:>7.2f} {cpu:>7.2f} {each:>19}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--stuck", type=int, default=16)
    given = parser.parse_args()
    anyio.run(main, given.sessions, given.idle, given.stuck)
