"""``appx chat``: a conversation in the terminal."""

from collections.abc import Mapping
from typing import Any

import click
import httpx2

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.cli.questions import ask, is_question
from appx.cli.screen import Screen

RECONNECTS = 5


@click.command()
@url_option
@click.argument("project")
@click.argument("prompt", required=False)
@click.option("--new", is_flag=True, help="Begin a new session instead of going on with the newest.")
def chat(url: str, project: str, prompt: str | None, *, new: bool) -> None:
    """Talk with the agent about PROJECT, which is made when there is none of that name.

    With PROMPT, one turn; without, prompts are read from the terminal until Ctrl-D. Ctrl-C stops the running turn.
    """
    with Client(url, api_token()) as client:
        raise SystemExit(_talk(client, project, prompt, new=new))


def _talk(client: Client, project: str, prompt: str | None, *, new: bool) -> int:
    """Answers the exit code: 0 when the last turn was done."""
    found = client.post("/v1/projects", {"name": project})
    sessions = f"/v1/projects/{found['id']}/sessions"
    rows = [] if new else client.get(sessions)["sessions"]
    session = rows[0] if rows else client.post(sessions)
    talk = Talk(client, f"{sessions}/{session['id']}")
    if prompt is not None:
        return talk.turn(prompt)
    click.echo(f"project {found['id']}, session {session['id']}. Ctrl-D ends, Ctrl-C stops a turn.", err=True)
    talk.answer_open_questions()
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
        self._screen = Screen()
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
                    if is_question(event):
                        self._answer(event)
                    code = self._screen.show(event)
                    if code is not None:
                        return code
            except httpx2.TransportError as error:
                click.echo(f"\nthe connection broke ({error}); connecting again", err=True)
        raise click.ClickException(f"The stream ended before the turn did. The rest is kept: GET {self._path}")

    def answer_open_questions(self) -> None:
        """Ask what a turn that was interrupted had asked; the answer begins a new turn."""
        for question in self._client.get(f"{self._path}/extension-ui")["requests"]:
            if "cancelled" not in self._answer(question):
                self._follow()

    def _answer(self, question: Mapping[str, Any]) -> dict[str, object]:
        answer = ask(question)
        try:
            self._client.post(f"{self._path}/extension-ui/{question['id']}/response", answer)
        except click.ClickException as error:  # somebody else was quicker, or the turn was stopped
            click.echo(error.message, err=True)
        return answer
