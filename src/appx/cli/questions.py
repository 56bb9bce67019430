"""The agent's questions, asked in the terminal."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from appx.kit.harmless import harmless


def is_question(event: Mapping[str, Any]) -> bool:
    """Whether somebody waits for an answer: other events of the kind only tell, such as that of a checkpoint."""
    return event["type"] == "extension_ui_request" and event["method"] not in {"notify", "setStatus"}


def ask(question: Mapping[str, Any]) -> dict[str, object]:
    """The body of the answer: ``{"value"}``, ``{"confirmed"}``, or ``{"cancelled"}`` when nobody wants to or can."""
    if not sys.stdin.isatty():
        click.echo(f"\n{harmless(question['title'])}\n(nobody can answer here: there is no terminal)", err=True)
        return {"cancelled": True}
    click.echo()
    try:
        return _asked(question)
    except click.Abort:
        click.echo("\nno answer", err=True)
        return {"cancelled": True}


def _asked(question: Mapping[str, Any]) -> dict[str, object]:
    title = harmless(question["title"])
    match question["method"]:
        case "select":
            for number, option in enumerate(question["options"], start=1):
                click.echo(f"  {number}. {harmless(option)}")
            number = click.prompt(title, type=click.IntRange(1, len(question["options"])))
            return {"value": question["options"][number - 1]}
        case "confirm":
            return {"confirmed": click.confirm(harmless(f"{title} {question['message']}".strip()))}
        case _:
            prefill = question.get("prefill", "")
            if prefill:
                click.echo(f"{harmless(prefill)}\n(Enter alone answers with these words.)")
            return {"value": click.prompt(title, default=prefill, show_default=False)}
