"""The tasks for agents: each check tells a solution from none and from a wrong one, by way of a real server."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from bench.agent.attempt import Bench, Result
from bench.agent.builder import Builder
from bench.agent.place import Place
from bench.agent.private import bare, private
from bench.agent.scripted import by_prompt, variables
from bench.agent.task import Step, Task, load

from tests.fakes.openai_server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

TASKS = load()
HERE = [task for task in TASKS if not task.needs]
ELSEWHERE = [task for task in TASKS if task.needs]
FAILING_COMMANDS = {"convert-data", "recover-from-a-failing-build"}
"""The tasks whose solution sees a command fail, and is to."""

JOBS = 4
SECONDS = 60


async def test_there_is_a_dozen_tasks_and_each_has_a_solution_and_a_wrong_one() -> None:
    assert len(HERE) >= 12
    assert [task.name for task in TASKS if not task.solution or not task.wrong] == []


@pytest.mark.parametrize("task", HERE, ids=lambda task: task.name)
async def test_a_check_fails_on_the_untouched_start_and_says_why(task: Task, tmp_path: Path) -> None:
    place = Place()
    await place.put(task.start, str(tmp_path))
    await place.prepare(task, str(tmp_path))
    verdict = await place.check(task, str(tmp_path))
    assert not verdict.ok
    assert verdict.said
    assert "Traceback" not in verdict.said, verdict.said


async def test_each_check_tells_a_solution_that_went_through_a_server_from_wrong_ones(tmp_path: Path) -> None:
    wrong = [(task, name, steps) for task in HERE for name, steps in task.wrong.items()]
    found = await played(tmp_path, [*((task, "solution", task.solution) for task in HERE), *wrong])
    right = {name: found.pop(name) for name in [f"{task.name} solution" for task in HERE]}
    assert {name: each.why for name, each in right.items() if each.status != "solved"} == {}
    assert {name.split()[0] for name, each in right.items() if each.used.tool_errors} == FAILING_COMMANDS
    assert {name: each.why for name, each in found.items() if each.status != "unsolved"} == {}
    assert {name: each.why for name, each in found.items() if "Traceback" in each.why} == {}
    assert len(found) == len(wrong)


@pytest.mark.parametrize("task", ELSEWHERE, ids=lambda task: task.name)
async def test_a_task_that_needs_podman_is_told_right_from_wrong(task: Task, tmp_path: Path) -> None:
    for need in task.needs:
        if why := await Place().lacks(need):
            pytest.skip(why)
    plans = [(task, "solution", task.solution), *((task, name, steps) for name, steps in task.wrong.items())]
    results = await played(tmp_path, plans, podman=True)
    assert results.pop(f"{task.name} solution").status == "solved"
    assert {each.status for each in results.values()} == {"unsolved"}


async def played(
    directory: Path, plans: Sequence[tuple[Task, str, Sequence[Step]]], *, podman: bool = False
) -> dict[str, Result]:
    """The result of each task and plan, by their names. The prompt gets the plan's name, by which it is found."""
    named = [(f"{task.name} {name}", replace(task, prompt=f"{task.prompt}\n\n({name})")) for task, name, _ in plans]
    steps = {task.prompt: steps for (_, task), (_, _, steps) in zip(named, plans, strict=True)}
    results: dict[str, Result] = {}
    slots = anyio.Semaphore(JOBS)

    async def one(bench: Bench, name: str, task: Task) -> None:
        async with slots:
            results[name] = await bench.attempt(task, 1)

    async with playing(directory, steps, podman=podman) as builder, anyio.create_task_group() as tasks:
        for name, task in named:
            tasks.start_soon(one, Bench(builder=builder, place=Place(), time_limit=SECONDS), name, task)
    return results


@asynccontextmanager
async def playing(
    directory: Path, plans: Mapping[str, Sequence[Step]], *, podman: bool = False
) -> AsyncIterator[Builder]:
    with Server(by_prompt(plans)) as provider:
        async with private(directory, bare() | variables(provider), podman=podman) as http:
            yield Builder(http)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "import sys\nsys.stderr.write('Ran 4 tests in 0.0s\\n\\nOK\\n')\ndef discount(*_): return 0\ntotal = discount",
        "raise KeyboardInterrupt",
    ],
)
async def test_code_that_only_says_that_it_is_right_convinces_no_check(code: str, tmp_path: Path) -> None:
    task = task_named("fix-a-test")
    await Place().put(task.start, str(tmp_path))
    (tmp_path / "invoice.py").write_text(code)
    assert not (await Place().check(task, str(tmp_path))).ok


async def test_a_check_sees_no_key_and_leaves_the_project_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-0123456789")
    task = task_named("fix-a-test")
    await Place().put(task.start, str(tmp_path))
    (tmp_path / "invoice.py").write_text("import os\nopen('seen', 'w').close()\nraise ValueError(dict(os.environ))")
    said = (await Place().check(task, str(tmp_path))).said
    assert "'LANG': 'C.UTF-8'" in said
    assert "canary" not in said
    assert not (tmp_path / "seen").exists()


def task_named(name: str) -> Task:
    return next(task for task in TASKS if task.name == name)


def command(*arguments: str, temporary: Path, **more: str) -> "subprocess.Popen[str]":
    environment = {"PATH": os.defpath, "HOME": str(temporary), "TMPDIR": str(temporary), **more}
    return subprocess.Popen(
        [sys.executable, "-m", "bench.agent", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


HANGS: Step = {"text": "I think.", "hang": 1}
REFUSES: Step = {"status": 401, "error": {"error": {"message": "no"}}}


def mixed(**plans: Sequence[Step]) -> Server:
    """A provider that knows tasks by their names, with _ for -."""
    return Server(by_prompt({task_named(name.replace("_", "-")).prompt: steps for name, steps in plans.items()}))


def test_one_command_runs_tasks_tells_what_failed_and_loses_no_result(tmp_path: Path) -> None:
    found, temporary = tmp_path / "found.json", tmp_path / "temporary"
    temporary.mkdir()
    good = task_named("fix-a-test").solution
    with mixed(fix_a_test=good, convert_data=[REFUSES], ask_the_person=[HANGS]) as provider:
        process = command(
            *("--model", "litellm/any", "--time-limit", "15", "--json", str(found), "--task", "fix-a-test"),
            *("--task", "convert-data", "--task", "ask-the-person"),
            temporary=temporary,
            **{**variables(provider), "LITELLM_DEFAULT_MODEL": "any"},
        )
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 2, err
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["fix-a-test"][:3] == ["1/1", "5.0", "0.0"]
    assert rows["convert-data"][:3] == ["0/0", "+1", "errors"]
    assert rows["ask-the-person"][0] == "0/1"
    assert "error: convert-data, attempt 1: The turn ended as failed" in out
    assert "unsolved: ask-the-person, attempt 1: It took more than 15 s." in out
    attempts: list[dict[str, Any]] = json.loads(found.read_text())["attempts"]
    assert {each["task"]: each["status"] for each in attempts} == {
        "fix-a-test": "solved", "convert-data": "error", "ask-the-person": "unsolved",
    }  # fmt: skip
    assert list(temporary.iterdir()) == [], "the workspace is gone"

    compared = command("--compare", str(found), str(found), temporary=temporary)
    assert "p = 1.000" in compared.communicate(timeout=SECONDS)[0]
    assert compared.returncode == 0


def test_ctrl_c_ends_with_the_table_so_far_and_leaves_nothing(tmp_path: Path) -> None:
    good = task_named("fix-a-test").solution
    with mixed(fix_a_test=good, ask_the_person=[HANGS]) as provider:
        process = command(
            *("--model", "litellm/any", "--task", "fix-a-test", "--task", "ask-the-person"),
            temporary=tmp_path,
            **{**variables(provider), "LITELLM_DEFAULT_MODEL": "any"},
        )
        assert process.stderr is not None
        told = ""
        while "solved   fix-a-test" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    assert re.search(r"^fix-a-test +1/1 ", out, re.MULTILINE)
    assert "Ended early: 1 of 2 attempts were made." in out
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


async def test_a_running_server_is_used_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    async with playing(tmp_path / "server", {task.prompt: task.solution for task in HERE}) as builder:
        scheme, token = builder.http.headers["authorization"].split()
        assert scheme == "Bearer"
        given = ["--url", str(builder.http.base_url), "--reach", "env", "--task", "names-in-other-scripts"]
        process = command(*given, temporary=tmp_path, AGENT_SERVER_TOKEN=token)
        out, err = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=SECONDS))
        assert process.returncode == 0, out + err
        assert (await builder.http.get("/v1/projects")).json() == {"projects": []}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--task", "fly"], "There is no task fly."),
        (["--model", "gpt", "--task", "fix-a-test"], "--model is provider/id"),
        (["--model", "openai/gpt-5.5", "--task", "fix-a-test"], "The server has no model openai/gpt-5.5 with a key."),
        (["--repeat", "0"], "0 is not a number from 1 on"),
        (["--url", "http://127.0.0.1:1"], "--url needs --token"),
        (["--url", "http://127.0.0.1:1", "--token", "t", "--task", "fix-a-test"], "does not answer"),
        (["--reach", "docker exec -i x"], "--reach goes with --url"),
        (["--compare", "no", "where"], "no cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_run_gets_a_sentence(arguments: Sequence[str], says: str, tmp_path: Path) -> None:
    process = command(*arguments, temporary=tmp_path)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert says in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
