"""``appx keys``: the keys of providers. None is shown, and none stands on a command line."""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.domain.errors import Invalid
from appx.settings.handed import NAME, Taken, take
from appx.settings.settings import read_settings
from appx.wiring.state import strong_token

PROVIDERS = "/v1/auth/providers"
MOST = 65_536
"""Bytes of standard input: more than all secrets that there can be."""

PATIENCE = 15.0
"""Seconds for a server that restarts just now."""

SOURCES = {"stored": "stored", "environment": "given by run.sh or the environment"}


@click.group()
def keys() -> None:
    """The keys of model providers."""


@keys.command(name="list")
@url_option
def list_keys(url: str) -> None:
    """Say which providers have a key, and where it comes from."""
    with Client(url, api_token()) as client:
        for row in client.get(PROVIDERS)["providers"]:
            click.echo(f"{row['provider']:<12} {_state(row)}")


@keys.command(name="set")
@url_option
@click.argument("provider")
def set_key(url: str, provider: str) -> None:
    """Store the key of PROVIDER: typed without being shown, or from standard input. It counts at once."""
    typed = sys.stdin.isatty()
    key = click.prompt(f"Key for {provider}", hide_input=True) if typed else sys.stdin.read(MOST)
    if not key.strip():
        raise click.ClickException("No key was given; nothing was changed.")
    with Client(url, api_token()) as client:
        client.put(f"{PROVIDERS}/{quote(provider, safe='')}/api-key", {"key": key.strip()})
    click.echo(f"The key for {provider} is stored.")


@keys.command(name="remove")
@url_option
@click.argument("provider")
def remove_key(url: str, provider: str) -> None:
    """Forget the stored key, or login, of PROVIDER."""
    with Client(url, api_token()) as client:
        client.delete(f"{PROVIDERS}/{quote(provider, safe='')}")
        rows = client.get(PROVIDERS)["providers"]
    state = next((_state(row) for row in rows if row["provider"] == provider), "no key")
    click.echo(f"{provider} has now: {state}")


@keys.command(name="take")
@url_option
@click.option("--only", is_flag=True, help="Forget what was handed over before and is not there now.")
def take_keys(url: str, *, only: bool) -> None:
    """Take the secrets that run.sh hands over: lines NAME=VALUE on standard input.

    They are kept in the workspace, for the server alone, until they are replaced. It takes them without a restart.
    """
    if sys.stdin.isatty():
        raise click.ClickException("This is for run.sh. `appx keys set PROVIDER` asks for a key.")
    given = _parsed(sys.stdin.read(MOST + 1))
    settings = read_settings(os.environ)
    before = api_token()
    if "AGENT_SERVER_TOKEN" in given:
        strong_token(given["AGENT_SERVER_TOKEN"], "AGENT_SERVER_TOKEN")
    taken = take(settings.state_dir, given, only=only)
    for line in _told(taken):
        click.echo(line)
    _tell_server(url, (before, api_token()))


def _state(row: dict[str, Any]) -> str:
    if not row["supportsApiKey"]:
        return "needs no key"
    if not row["configured"]:
        return "no key"
    what = "login" if row.get("credentialType") == "oauth" else "key"
    return f"{what}, {SOURCES.get(row.get('source', ''), 'configured')}"


def _parsed(text: str) -> dict[str, str]:
    """Raises Invalid. No message repeats a line, for it may hold a secret."""
    if len(text) > MOST:
        raise Invalid("That is too much for secrets.")
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not equals or not name.isidentifier() or name in found:
            raise Invalid("Standard input must have lines NAME=VALUE, each NAME once.")
        found[name] = value
    return found


def _told(taken: Taken) -> Iterable[str]:
    for names, what in (
        (taken.new, "is new"),
        (taken.changed, "has changed"),
        (taken.removed, "is removed"),
        (taken.kept, "is still there from before"),
    ):
        for name in names:
            yield f"{name} {what}"


def _tell_server(url: str, tokens: Iterable[str]) -> None:
    """Between two lives of the server nobody listens, and its next life may have either token."""
    deadline = time.monotonic() + PATIENCE
    while (failure := _failure(url, tokens)) is not None:
        if time.monotonic() > deadline:
            raise click.ClickException(f"They are kept in {NAME}, but the server has not taken them: {failure}")
        time.sleep(0.3)


def _failure(url: str, tokens: Iterable[str]) -> str | None:
    failure = None
    for token in tokens:
        try:
            with Client(url, token) as client:
                client.post("/v1/auth/handed")
        except click.ClickException as error:
            failure = error.message
        else:
            return None
    return failure
