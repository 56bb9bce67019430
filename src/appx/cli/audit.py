"""``appx audit``: who changed what, a line for each entry."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.kit import clock
from appx.kit.harmless import harmless

PAGE = 1_000
LOOK_SECONDS = 2.0


@click.command()
@url_option
@click.option("--days", type=click.IntRange(1, 36_500), default=1, show_default=True, help="How far back.")
@click.option("--action", help="Only this action, or its first words: 'delete project', 'set', 'log in'.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
def audit(url: str, days: int, action: str | None, *, follow: bool) -> None:
    """Say who changed what, who logged in, and who was refused: the newest last."""
    with Client(url, api_token()) as client:
        entries = list(_since(client, clock.iso(clock.now() - timedelta(days)), action))
        for entry in reversed(entries):
            click.echo(line(entry))
        newest = entries[0]["id"] if entries else 0
        while follow:
            time.sleep(LOOK_SECONDS)
            news = list(_behind(client, newest, action))
            for entry in reversed(news):
                click.echo(line(entry))
            newest = news[0]["id"] if news else newest


def line(entry: Mapping[str, Any]) -> str:
    """Time, outcome, address, who, action and where."""
    times = f" ({entry['count']} times)" if entry["count"] > 1 else ""
    cells = (
        entry["time"], str(entry.get("status", "…")), entry["address"] or "-", entry["who"],
        f"{entry['action']}{times}", entry["path"],
    )  # fmt: skip
    return harmless("  ".join(cell for cell in cells if cell))


def _since(client: Client, first: str, action: str | None) -> Iterator[Mapping[str, Any]]:
    for entry in _newest_first(client, action):
        if entry["time"] < first:
            return
        yield entry


def _behind(client: Client, newest: int, action: str | None) -> Iterator[Mapping[str, Any]]:
    for entry in _newest_first(client, action):
        if entry["id"] <= newest:
            return
        yield entry


def _newest_first(client: Client, action: str | None) -> Iterator[Mapping[str, Any]]:
    only = "" if action is None else f"&action={quote(action, safe='')}"
    before = ""
    while True:
        found = client.get(f"/v1/audit?limit={PAGE}{only}{before}")
        entries: Sequence[Mapping[str, Any]] = found["entries"]
        yield from entries
        if "next" not in found:
            return
        before = f"&before={found['next']}"
