"""The command: ``python -m bench.agent``. README.md beside this file explains it."""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
from bench.agent import report
from bench.agent.attempt import Bench, Result
from bench.agent.builder import Builder, Trouble, client
from bench.agent.compare import comparison
from bench.agent.place import Place, Unreachable
from bench.agent.private import bare, inherited, private
from bench.agent.runner import attempts
from bench.agent.scripted import by_prompt, variables
from bench.agent.task import BadTask, Task, load
from tests.fakes.openai_server import Server

SCRIPTED = "scripted"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    try:
        if given.compare:
            print(comparison(*map(report.read, given.compare)))
            return 0
        tasks = load(given.task)
        if given.list:
            for task in tasks:
                print(" ".join([task.name, *(f"(needs {need})" for need in task.needs)]))
            return 0
        return anyio.run(_run, given, tasks)
    except (BadTask, Trouble, Unreachable, report.BadFile) as error:
        print(error, file=sys.stderr)
        return report.ERROR


async def _run(given: argparse.Namespace, tasks: Sequence[Task]) -> int:
    place = Place(shlex.split(given.reach))
    skipped = {task.name: why for task in tasks if (why := await _lacking(place, task))}
    chosen = [task for task in tasks if task.name not in skipped]
    results: list[Result] = []

    def show(result: Result) -> None:
        results.append(result)
        print(report.line(result), file=sys.stderr)

    complete = True
    if chosen:
        async with _builder(given, chosen) as builder:
            if why := await builder.unusable():
                raise Trouble(why)
            bench = Bench(builder=builder, place=place, time_limit=given.time_limit, keep=given.keep)
            complete = await attempts(bench.attempt, chosen, repeat=given.repeat, jobs=given.jobs, show=show)
    print(report.table(results, skipped))
    if not complete:
        print(f"Ended early: {len(results)} of {len(chosen) * given.repeat} attempts were made.")
    if given.json:
        asked = {"model": given.model, "thinking": given.thinking, "repeat": given.repeat, "complete": complete}
        report.write(given.json, results, asked=asked, skipped=skipped)
    return report.exit_code(results, complete=complete)


async def _lacking(place: Place, task: Task) -> str:
    for need in task.needs:
        if why := await place.lacks(need):
            return why
    return ""


@asynccontextmanager
async def _builder(given: argparse.Namespace, chosen: Sequence[Task]) -> AsyncIterator[Builder]:
    """The one at --url, else a private one."""
    model = None if given.model in {None, SCRIPTED} else _split(given.model)
    if given.url:
        async with client(given.url, given.token) as http:
            yield Builder(http, model, given.thinking)
        return
    async with AsyncExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="appx-eval-"))
        if given.keep:
            print(f"kept: {directory}", file=sys.stderr)
        else:
            stack.push_async_callback(_remove, directory)
        told = inherited()
        if model is not None:
            print("The model's commands run here with your rights. --url takes a builder container.", file=sys.stderr)
        else:
            provider = stack.enter_context(Server(by_prompt({task.prompt: task.solution for task in chosen})))
            told = bare() | variables(provider)
        podman = any("podman" in task.needs for task in chosen)
        http = await stack.enter_async_context(private(directory, told, podman=podman))
        yield Builder(http, model, given.thinking)


async def _remove(directory: Path) -> None:
    """Also directories that a task made unwritable, and what a command that still ends writes meanwhile."""
    with anyio.CancelScope(shield=True):
        await anyio.run_process(["chmod", "-R", "u+rwX", str(directory)], check=False)
        await anyio.run_process(["rm", "-rf", str(directory)], check=False)


def _split(model: str) -> tuple[str, str]:
    provider, slash, name = model.partition("/")
    if not slash or not provider or not name:
        raise Trouble(f"--model is provider/id, for example anthropic/claude-sonnet-5-5, not {model!r}.")
    return provider, name


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.agent", description="Tasks of a builder, for any model.")
    parser.add_argument("--model", help=f"provider/id; without it, {SCRIPTED}, or with --url the server's default")
    parser.add_argument("--thinking", help="a thinking level; without it, the model's default")
    parser.add_argument("--task", action="append", default=[], help="a task's name; may be given again; else all")
    parser.add_argument("--repeat", type=_positive, default=1, help="attempts at each task (1)")
    parser.add_argument("--jobs", type=_positive, default=4, help="attempts at once (4)")
    parser.add_argument("--time-limit", type=float, default=900.0, help="seconds for one attempt's turn (900)")
    parser.add_argument("--keep", action="store_true", help="leave projects and workspace, to look at them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("A", "B"), help="compare two such files")
    parser.add_argument("--list", action="store_true", help="list the tasks")
    parser.add_argument("--url", help="a running builder instead of a private local server")
    parser.add_argument(
        "--token", default=os.environ.get("AGENT_SERVER_TOKEN", ""), help="its token (AGENT_SERVER_TOKEN)"
    )
    parser.add_argument("--reach", default="", help='how to run a command there: "docker exec -i appx as-builder"')
    given = parser.parse_args(arguments)
    if given.url and not given.token:
        parser.error("--url needs --token, or AGENT_SERVER_TOKEN")
    if given.url and given.model == SCRIPTED:
        parser.error("the scripted model plays to a private server; bench.agent.scripted plays to any (README.md)")
    if given.reach and not given.url:
        parser.error("--reach goes with --url")
    return given


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
