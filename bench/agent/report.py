"""What a run found: a table for people, a file to compare."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.agent.attempt import Result, Used

from appx.kit.harmless import harmless

VERSION = 1
HEAD = ("task", "solved", "steps", "tool errors", "tokens", "cost $", "seconds")
SOLVED, UNSOLVED, ERROR, INTERRUPTED = 0, 1, 2, 130


class BadFile(Exception):
    """A sentence: why a file of results cannot be used."""


def exit_code(results: Sequence[Result], *, complete: bool) -> int:
    """0: all solved; 1: some not; 2: an attempt could not be made, or none was; 130: ended early."""
    if not complete:
        return INTERRUPTED
    found = {result.status for result in results}
    if "error" in found or not found:
        return ERROR
    return UNSOLVED if "unsolved" in found else SOLVED


def table(results: Sequence[Result], skipped: Mapping[str, str]) -> str:
    """A row for each task, with the means of its attempts; then each attempt that failed, and why. Pure.

    Why may be in words of what the agent wrote.
    """
    names = list(dict.fromkeys(result.task for result in sorted(results, key=lambda each: each.task)))
    rows = [HEAD, *(_row(name, [each for each in results if each.task == name]) for name in names)]
    rows += [_row("all", results)] if results else []
    lines = aligned(rows)
    lines += [f"skipped: {name}: {why}" for name, why in sorted(skipped.items())]
    for each in sorted(results, key=lambda each: (each.task, each.number)):
        if each.status != "solved":
            lines.append(f"{each.status}: {each.task}, attempt {each.number}: {each.why}")
    return harmless("\n".join(lines))


def line(result: Result) -> str:
    """What is said when an attempt ends."""
    why = f": {first}" if (first := next(iter(result.why.splitlines()), "")) else ""
    return harmless(f"{result.status:<8} {result.task} ({result.number}), {result.seconds:.1f} s{why}")


def _row(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    """An error is no attempt: it is named beside the others."""
    made = [result for result in results if result.status != "error"]
    errors = len(results) - len(made)
    solved = f"{sum(each.status == 'solved' for each in made)}/{len(made)}" + (f" +{errors} errors" if errors else "")
    if not made:
        return (name, solved, *["-"] * 5)
    return (
        name,
        solved,
        f"{fmean(each.used.steps for each in made):.1f}",
        f"{fmean(each.used.tool_errors for each in made):.1f}",
        f"{fmean(each.used.tokens for each in made):,.0f}",
        f"{fmean(each.used.cost for each in made):.4f}",
        f"{fmean(each.seconds for each in made):.1f}",
    )


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def write(path: Path, results: Iterable[Result], *, asked: Mapping[str, object], skipped: Mapping[str, str]) -> None:
    found = {
        "version": VERSION,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **asked,
        "skipped": dict(skipped),
        "attempts": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> list[Result]:
    """Raises BadFile."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            raise BadFile(f"{path} is of version {found['version']}; this bench reads {VERSION}. Run it again.")
        return [Result(**{**each, "used": Used(**each["used"])}) for each in found["attempts"]]
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadFile(f"{path} is no file of --json: {error!r}") from error
