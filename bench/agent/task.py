"""The tasks: what is asked, from which files, and who judges it. Read once, before an agent runs."""

import io
import re
import tarfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

FOLDER = Path(__file__).parent / "tasks"
JUDGE = FOLDER / "judge.py"
NEEDS = ("podman",)
PIECE = 1_000
"""Characters that the scripted model sends at once."""

Step: TypeAlias = Mapping[str, Any]
"""As tests/fakes/openai_server.py takes it."""


class BadTask(Exception):
    """A sentence that says what is wrong with a task's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the person says when ``question`` (a regular expression, no case) is found in the agent's question."""

    question: re.Pattern[str]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """``start`` is a tar of the files that the agent finds, ``pristine`` one of the judge and the whole folder.

    They are kept in memory: what an agent does to the disk does not change them. ``solution`` and ``wrong`` (by name)
    are what the scripted model plays.
    """

    name: str
    prompt: str
    start: bytes
    pristine: bytes
    prepares: bool
    needs: Sequence[str]
    answers: Sequence[Answer]
    solution: Sequence[Step]
    wrong: Mapping[str, Sequence[Step]]


def load(names: Iterable[str] = (), *, folder: Path = FOLDER) -> list[Task]:
    """The tasks of those names, or all. Raises BadTask."""
    known = sorted(path.parent.name for path in folder.glob("*/prompt.md"))
    wanted = list(dict.fromkeys(names)) or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BadTask(f"There is no task {', '.join(unknown)}. --list shows all of them.")
    if not wanted:
        raise BadTask(f"There is no task in {folder}: each is a directory with a prompt.md.")
    return [_task(folder / name) for name in wanted]


def _task(folder: Path) -> Task:
    check = folder / "check"
    if not check.is_file() or not check.stat().st_mode & 0o100:
        raise BadTask(f"{check} is missing, or not executable.")
    about = _toml(folder / "task.toml")
    needs = about.get("needs", [])
    if unknown := [need for need in needs if need not in NEEDS]:
        raise BadTask(f"{folder / 'task.toml'}: needs can be {', '.join(NEEDS)}, not {unknown[0]}.")
    return Task(
        name=folder.name,
        prompt=(folder / "prompt.md").read_text(encoding="utf-8").strip(),
        start=_tar({"": folder / "project"} if (folder / "project").is_dir() else {}),
        pristine=_tar({"judge.py": JUDGE, folder.name: folder}),
        prepares=(folder / "prepare").is_file(),
        needs=needs,
        answers=[_answer(each, folder) for each in about.get("answer", [])],
        solution=_steps(folder / "solution.toml"),
        wrong={each.stem: _steps(each) for each in sorted(folder.glob("wrong*.toml"))},
    )


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadTask(f"{path} is not TOML: {error}") from error


def _answer(found: Mapping[str, str], folder: Path) -> Answer:
    try:
        return Answer(question=re.compile(found["question"], re.IGNORECASE), value=found["value"])
    except (KeyError, re.error) as error:
        raise BadTask(
            f"{folder / 'task.toml'}: an answer has a question (an expression) and a value: {error}"
        ) from error


def _steps(path: Path) -> list[Step]:
    """A ``[[step]]`` has a ``text``, and for each tool that it calls a table of its arguments."""
    steps: list[Step] = []
    for found in _toml(path).get("step", []):
        text = found.pop("text", "")
        calls = [{"name": name, "arguments": given} for name, given in found.items()]
        steps.append({"text": text, "calls": calls, "piece": PIECE})
    return steps


def _tar(places: Mapping[str, Path]) -> bytes:
    """Files and directories under other names, with their modes and without their owners."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in places.items():
            tar.add(path, arcname=name or ".", filter=_plain)
    return data.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith(("__pycache__", ".pyc")) else entry
