"""``appx usage``: what replies took, as a table."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.domain.limits import dollars
from appx.kit import clock
from appx.kit.harmless import harmless

HEAD = ("replies", "input", "output", "cached", "cost")


@click.command()
@url_option
@click.option("--by", type=click.Choice(["day", "project", "session", "model"]), default="day", show_default=True)
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="How many, with today.")
def usage(url: str, by: str, days: int) -> None:
    """Say what the replies of the models took: tokens and US dollars, in deleted sessions, too."""
    with Client(url, api_token()) as client:
        click.echo(table(client, by=by, days=days))


def table(client: Client, *, by: str, days: int) -> str:
    """The last ``days``, and a line for each limit of a day."""
    first = clock.now().date() - timedelta(days - 1)
    found = client.get(f"/v1/usage?by={by}&from={first}&limit=1000")
    rows: list[tuple[str, ...]] = [(by, *HEAD)]
    rows += [(_name(group), *_numbers(group["usage"])) for group in found["groups"]]
    rows += [("…",) + ("",) * len(HEAD)] if found["more"] else []
    rows.append(("total", *_numbers(found["total"])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(placed))
        for placed in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return "\n".join([*lines, *_today(found["today"], found["limits"])])


def _name(group: Mapping[str, Any]) -> str:
    keys = ("day", "project", "session", "provider", "model")
    return harmless("/".join(str(group[key]) for key in keys if key in group))


def _numbers(usage: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (usage["replies"], usage["input"], usage["output"], usage["cacheRead"] + usage["cacheWrite"])
    return (*(f"{count:,}" for count in counts), dollars(usage["cost"]))


def _today(today: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[str]:
    if "dayCost" in limits:
        yield f"today: {dollars(today['cost'])} of {dollars(limits['dayCost'])}"
    if "dayTokens" in limits:
        yield f"today: {today['totalTokens']:,} of {limits['dayTokens']:,} tokens"
