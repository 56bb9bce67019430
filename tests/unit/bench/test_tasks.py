"""How a task is read from its folder, and what its person answers."""

import re
from pathlib import Path
from typing import Any

import pytest
from bench.agent.builder import reply
from bench.agent.task import Answer, BadTask, load


def folder(place: Path, **files: str) -> Path:
    task = place / "tea"
    task.mkdir()
    for name, text in {"prompt.md": "Make tea.\n", "check": "#!/bin/sh\nexit 1\n", **files}.items():
        (task / name).write_text(text)
    (task / "check").chmod(0o755)
    return place


def test_a_task_is_a_prompt_and_a_check_and_what_it_says_of_itself(tmp_path: Path) -> None:
    steps = '[[step]]\ntext = "I look."\nbash.command = "ls"\n[[step]]\ntext = "Done."\n'
    about = 'needs = ["podman"]\n[[answer]]\nquestion = "sort"\nvalue = "Assam"\n'
    (task,) = load(folder=folder(tmp_path, **{"solution.toml": steps, "task.toml": about}))
    assert (task.name, task.prompt, task.needs) == ("tea", "Make tea.", ["podman"])
    assert [(step["text"], step["calls"]) for step in task.solution] == [
        ("I look.", [{"name": "bash", "arguments": {"command": "ls"}}]),
        ("Done.", []),
    ]
    assert task.answers[0].value == "Assam"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"task.toml": 'needs = ["docker"]'}, "needs can be podman, not docker"),
        ({"task.toml": "needs = "}, "is not TOML"),
        ({"task.toml": '[[answer]]\nquestion = "("\nvalue = "x"'}, "an answer has a question"),
        ({"task.toml": '[[answer]]\nquestion = "x"'}, "an answer has a question"),
        ({"solution.toml": "[[step"}, "is not TOML"),
    ],
)
def test_a_folder_that_is_wrong_gets_a_sentence(files: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(BadTask, match=re.escape(says)):
        load(folder=folder(tmp_path, **files))


def test_a_check_that_cannot_be_run_is_no_check(tmp_path: Path) -> None:
    (folder(tmp_path) / "tea/check").chmod(0o644)
    with pytest.raises(BadTask, match="not executable"):
        load(folder=tmp_path)


def test_names_choose_tasks(tmp_path: Path) -> None:
    folder(tmp_path)
    assert [task.name for task in load(["tea", "tea"], folder=tmp_path)] == ["tea"]
    with pytest.raises(BadTask, match="There is no task milk"):
        load(["tea", "milk"], folder=tmp_path)
    with pytest.raises(BadTask, match="There is no task in"):
        load(folder=tmp_path / "tea")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"method": "input", "title": "Which SORT of tea?"}, {"value": "Assam"}),
        ({"method": "editor", "title": "Sorts?", "prefill": ""}, {"value": "Assam"}),
        ({"method": "select", "title": "Sort?", "options": ["Sencha", "An assam"]}, {"value": "An assam"}),
        ({"method": "select", "title": "Sort?", "options": ["Sencha"]}, {"cancelled": True}),
        ({"method": "confirm", "title": "Go on?", "message": "It takes long."}, {"confirmed": True}),
        ({"method": "confirm", "title": "This sort?", "message": ""}, {"confirmed": False}),
        ({"method": "input", "title": "Which colour?"}, {"cancelled": True}),
    ],
)
def test_the_person_answers_what_the_task_says_and_nothing_else(
    question: dict[str, Any], answer: dict[str, object]
) -> None:
    known = [
        Answer(question=re.compile("sort", re.IGNORECASE), value="Assam"),
        Answer(question=re.compile("takes long"), value="yes"),
    ]
    assert reply(question, known) == answer
