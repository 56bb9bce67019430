"""What a run says in the end."""

from dataclasses import replace
from pathlib import Path

import pytest
from bench.agent.attempt import Result, Used, usage
from bench.agent.report import BadFile, exit_code, line, read, table, write

SOLVED = Result(task="x", number=1, status="solved", seconds=2, used=Used(model="a/b", steps=4, tokens=3_000, cost=0.5))
UNSOLVED = Result(task="x", number=2, status="unsolved", why="no page", seconds=4, used=Used(steps=8, tool_errors=1))
ERROR = Result(task="y", number=1, status="error", why="no answer")


@pytest.mark.parametrize(
    ("results", "complete", "code"),
    [
        ([SOLVED], True, 0),
        ([SOLVED, UNSOLVED], True, 1),
        ([SOLVED, UNSOLVED, ERROR], True, 2),
        ([], True, 2),
        ([SOLVED], False, 130),
    ],
)
def test_the_exit_code_tells(results: list[Result], complete: bool, code: int) -> None:  # noqa: FBT001
    assert exit_code(results, complete=complete) == code


def test_the_table_has_means_of_attempts_and_an_error_is_none() -> None:
    lines = table([UNSOLVED, ERROR, SOLVED], {"z": "no podman"}).splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["x", "1/2", "6.0", "0.5", "1,500", "0.2500", "3.0"],
        ["y", "0/0", "+1", "errors", "-", "-", "-", "-", "-"],
        ["all", "1/2", "+1", "errors", "6.0", "0.5", "1,500", "0.2500", "3.0"],
    ]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[4:] == [
        "skipped: z: no podman", "unsolved: x, attempt 2: no page", "error: y, attempt 1: no answer",
    ]  # fmt: skip


def test_words_of_what_the_agent_wrote_command_no_terminal() -> None:
    told = replace(UNSOLVED, why="\x1b]0;x\a\x9b2Jno page")
    for said in (line(told), table([told], {"z": "\x1b[2J"})):
        assert said.endswith("no page")
        assert not {"\x1b", "\a", "\x9b"} & set(said)


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    write(tmp_path / "a", [SOLVED, ERROR], asked={"model": "a/b"}, skipped={})
    assert read(tmp_path / "a") == [SOLVED, ERROR]


OTHERS = ("", "[]", "{}", '{"version": 1}', '{"version": 9, "attempts": []}', '{"version": 1, "attempts": [1]}')


@pytest.mark.parametrize("text", OTHERS)
def test_another_file_gets_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(BadFile, match=r"is no file of --json|is of version 9"):
        read(tmp_path / "a")


def test_what_a_conversation_took_is_the_sum_of_its_replies() -> None:
    told = {"role": "assistant", "provider": "p", "model": "m", "usage": {"totalTokens": 7, "cost": {"total": 0.25}}}
    failed = {"role": "toolResult", "isError": True}
    found = usage([{"role": "user"}, told, failed, told, {"role": "toolResult", "isError": False}])
    assert found == Used(model="p/m", steps=2, tool_errors=1, tokens=14, cost=0.5)
    assert usage([]) == Used()
