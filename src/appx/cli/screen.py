"""What a conversation looks like in the terminal."""

import shutil
import sys
from collections.abc import Mapping
from typing import Any

import click

from appx.kit.harmless import harmless


class Screen:
    """Prints events. Text is printed once, told in pieces, as a whole, or again after a broken connection."""

    def __init__(self) -> None:
        self._printed = ""
        """Of the reply that is coming in."""

    def show(self, event: Mapping[str, Any]) -> int | None:
        """Print one event; the exit code when it was the last of the turn."""
        match event:
            case {"type": "message_start" | "message_end" as kind, "message": {"role": "assistant"} as message}:
                self._reply(message, ended=kind == "message_end")
            case {"type": "message_update", "assistantMessageEvent": update}:
                self._update(update)
            case {"type": "tool_execution_start", "toolName": tool, "args": args}:
                _line(f"→ {tool} {args.get('path') or args.get('command') or ''}", "cyan")
            case {"type": "tool_execution_end", "isError": True, "result": result}:
                _line("  " + result["content"][0]["text"].strip().replace("\n", " "), "red")
            case {"type": "auto_retry_start", "errorMessage": error, "delayMs": delay}:
                click.secho(f"{error} Trying again in {delay / 1000:.0f} s.", fg="yellow", err=True)
            case {"type": "extension_ui_request", "method": "notify", "message": message}:
                click.secho(harmless(message), fg="yellow", err=True)
            case {"type": "agent_end", "outcome": outcome, **rest}:
                return _ended(outcome, rest.get("detail", ""))
            case _:
                pass
        return None

    def _update(self, update: Mapping[str, Any]) -> None:
        match update:
            case {"type": "text_delta", "delta": delta}:
                self._add(delta)
            case {"type": "text_start"} if self._printed:
                self._add("\n")
            case _:
                pass

    def _reply(self, message: Mapping[str, Any], *, ended: bool) -> None:
        """The reply as a whole, so far: print what is new in it."""
        whole = "\n".join(block["text"] for block in message["content"] if block["type"] == "text" and block["text"])
        if whole.startswith(self._printed):
            self._add(whole[len(self._printed) :])
        if ended and self._printed:
            self._add("\n")
            self._printed = ""

    def _add(self, text: str) -> None:
        self._printed += text
        sys.stdout.write(harmless(text))
        sys.stdout.flush()


def _ended(outcome: str, detail: str) -> int:
    if outcome == "done":
        return 0
    click.secho(f"{outcome}: {detail}", fg="red", err=True)
    return 1


def _line(text: str, colour: str) -> None:
    click.secho(clipped(text, shutil.get_terminal_size().columns), fg=colour)


def clipped(text: str, width: int) -> str:
    """The first line, shorter than ``width``."""
    line = harmless(next(iter(text.splitlines()), ""))
    return line if len(line) < width else line[: width - 2] + "…"
