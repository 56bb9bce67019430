"""``appx chat``: a conversation in the terminal."""

import shutil
import sys
from typing import Any

import click
import httpx2

from appx.cli.client import Client

RECONNECTS = 5


def chat(client: Client, project: str, prompt: str | None, *, new: bool) -> int:
    """Answers the exit code: 0 when the last turn was done."""
    found = client.post("/v1/projects", {"name": project})
    sessions = f"/v1/projects/{found['id']}/sessions"
    rows = [] if new else client.get(sessions)["sessions"]
    session = rows[0] if rows else client.post(sessions)
    talk = Talk(client, f"{sessions}/{session['id']}")
    if prompt is not None:
        return talk.turn(prompt)
    click.echo(f"project {found['id']}, session {session['id']}. Ctrl-D ends, Ctrl-C stops a turn.", err=True)
    code = 0
    while True:
        try:
            text = click.prompt("you", prompt_suffix="> ")
        except click.Abort:
            click.echo()
            return code
        if text.strip():
            code = talk.turn(text)


class Talk:
    """One session, a turn at a time."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path
        self._seq: int = client.get(path)["seq"]

    def turn(self, prompt: str) -> int:
        self._client.post(f"{self._path}/prompt", {"text": prompt})
        try:
            return self._follow()
        except KeyboardInterrupt:
            click.echo("\nstopping …", err=True)
            self._client.post(f"{self._path}/abort")
            return self._follow()

    def _follow(self) -> int:
        """Show what happens until the turn ends; a connection that breaks is made again where it was."""
        for _ in range(RECONNECTS):
            try:
                for number, event in self._client.events(f"{self._path}/events", after=self._seq):
                    self._seq = number or self._seq
                    code = show(event)
                    if code is not None:
                        return code
            except httpx2.TransportError as error:
                click.echo(f"\nthe connection broke ({error}); connecting again", err=True)
        raise click.ClickException("The stream ended before the turn did. `appx chat` again shows the rest.")


def show(event: dict[str, Any]) -> int | None:
    """Print one event; the exit code when it was the last of the turn."""
    match event:
        case {"type": "message_update", "assistantMessageEvent": {"type": "text_delta", "delta": delta}}:
            _print(delta)
        case {"type": "message_update", "assistantMessageEvent": {"type": "text_end"}}:
            _print("\n")
        case {"type": "tool_execution_start", "toolName": tool, "args": args}:
            click.secho(_clipped(f"→ {tool} {args.get('path') or args.get('command') or ''}"), fg="cyan")
        case {"type": "tool_execution_end", "isError": True, "result": result}:
            click.secho(_clipped("  " + result["content"][0]["text"].strip().replace("\n", " ")), fg="red")
        case {"type": "auto_retry_start", "errorMessage": error, "delayMs": delay}:
            click.secho(f"{error} Trying again in {delay / 1000:.0f} s.", fg="yellow", err=True)
        case {"type": "agent_end", "outcome": outcome, **rest}:
            if outcome != "done":
                click.secho(f"{outcome}: {rest.get('detail', '')}", fg="red", err=True)
            return 0 if outcome == "done" else 1
        case _:
            pass
    return None


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _clipped(text: str) -> str:
    width = shutil.get_terminal_size().columns
    line = text.splitlines()[0] if text else ""
    return line if len(line) < width else line[: width - 2] + "…"
