"""``bash``: run a command on the workbench."""

from signal import Signals

from pydantic import BaseModel, Field

from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.tools.arguments import Line
from appx.tools.clip import MAX_BYTES, MAX_LINES, amount, split_lines
from appx.tools.plain import plain
from appx.tools.tool import Show, Tool
from appx.workbench.bench import Command, CommandResult, Workbench

DEFAULT_SECONDS = 120
MAX_SECONDS = 600

_SIGNAL_BASE = 128
_HINTS = {
    126: "found, but it cannot be executed",
    127: "command not found",
    128 + Signals.SIGKILL: "ended by SIGKILL, perhaps because memory ran out",
}


class BashArgs(BaseModel):
    command: Line = Field(description="A bash command line, run in the project's directory.")
    timeout: float | None = Field(
        default=None,
        gt=0,
        le=MAX_SECONDS,
        description=f"Seconds after which it is ended; {DEFAULT_SECONDS} unless given, at most {MAX_SECONDS}.",
    )


def bash(workbench: Workbench, project: ProjectId) -> Tool[BashArgs]:
    async def run(args: BashArgs, show: Show) -> ToolResult:
        command = Command(
            line=args.command,
            project=project,
            time_limit=args.timeout or DEFAULT_SECONDS,
            keep_bytes=MAX_BYTES,
            keep_lines=MAX_LINES,
        )
        done = await workbench.run(command, lambda tail: show(plain(tail)))
        return ToolResult(ok=done.code == 0, text=told(command, done))

    return Tool(
        name="bash",
        description=(
            "Run a bash command; get stdout and stderr in order, and the exit code unless it is 0. There is no input. "
            f"Of long output the last {MAX_LINES:,} lines or {MAX_BYTES // 1024} KiB are shown, "
            "the whole is in a file. What runs on goes in the background: command > log 2>&1 &"
        ),
        args=BashArgs,
        run=run,
    )


def told(command: Command, done: CommandResult) -> str:
    """The output, what was left out of it, how it ended. Pure."""
    output = plain(done.output).rstrip("\n")
    notes = [*_left_out(command, done), *_ending(command, done)]
    if not output.strip():
        notes = ["only white space" if done.output else "no output", *notes]
        output = ""
    return "\n".join([*([output] if output else []), *(f"[{note}]" for note in notes)])


def _left_out(command: Command, done: CommandResult) -> list[str]:
    lines = len(split_lines(done.output))
    if lines < done.total_lines:
        shown = f"{lines:,} of {done.total_lines:,} lines"
    elif done.full_output is not None or done.total_bytes > command.keep_bytes:
        shown = f"{min(command.keep_bytes, done.total_bytes):,} of {amount(done.total_bytes)}"
    else:
        return []
    whole = done.full_output or "could not be kept, perhaps the disk is full"
    return [f"the last {shown}; the whole output: {whole}"]


def _ending(command: Command, done: CommandResult) -> list[str]:
    if done.ended == "time_limit":
        what = f"Give a larger timeout (at most {MAX_SECONDS}), or run it in the background: command > log 2>&1 &"
        return [f"ended after {command.time_limit:g} s, its time limit. {what}"]
    if done.code == 0:
        return []
    hint = _hint(done.code or 0)
    return [f"exit code {done.code}: {hint}" if hint else f"exit code {done.code}"]


def _hint(code: int) -> str:
    if code in _HINTS:
        return _HINTS[code]
    try:
        return f"ended by {Signals(code - _SIGNAL_BASE).name}"
    except ValueError:
        return ""
