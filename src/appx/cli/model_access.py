"""``appx model-access``: whether the apps of a project may ask models, and for how much."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.domain.limits import dollars
from appx.kit.harmless import harmless

ALL = "all"


@click.command(name="model-access")
@url_option
@click.argument("project")
@click.option("--on/--off", "enabled", default=None, help="Let the apps ask models, or no more.")
@click.option("--day-cost", type=click.FloatRange(0), help="US dollars of a day; 0: no limit in dollars.")
@click.option("--day-tokens", type=click.IntRange(0), help="Tokens of a day; 0: no limit in tokens.")
@click.option("--models", help="Which, as provider/model with commas between them, or all.")
@click.option("--new-token", is_flag=True, help="Print a new token for the apps; the one before is worthless then.")
def model_access(  # noqa: PLR0913, PLR0917  one for each option
    url: str,
    project: str,
    enabled: bool | None,  # noqa: FBT001  click gives it by name
    day_cost: float | None,
    day_tokens: int | None,
    models: str | None,
    new_token: bool,  # noqa: FBT001
) -> None:
    """Say whether the apps of PROJECT (its id) may ask models, or change that. What is not given stays as it is."""
    place = f"/v1/projects/{quote(project, safe='')}/model-access"
    with Client(url, api_token()) as client:
        found = client.get(place)
        given = {"enabled": enabled, "dayCost": day_cost, "dayTokens": day_tokens, "models": models}
        if any(value is not None for value in given.values()):
            found = client.put(place, changed(found, given))
        for line in described(found):
            click.echo(harmless(line))
        if new_token:
            click.echo(f"token: {client.post(f'{place}/token')['token']}")


def changed(found: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The body that sets what was ``found`` with what is ``given``. 0 takes a limit away."""
    budget = dict(found["budget"])
    for name in ("dayCost", "dayTokens"):
        if given[name] is not None:
            budget[name] = given[name]
    body = {
        "enabled": found["enabled"] if given["enabled"] is None else given["enabled"],
        "budget": {name: limit for name, limit in budget.items() if limit},
    }
    models = found.get("models") if given["models"] is None else _names(given["models"])
    return body if models is None else {**body, "models": models}


def _names(text: str) -> list[str] | None:
    return None if text.strip() == ALL else [name.strip() for name in text.split(",") if name.strip()]


def described(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"model access is {'on' if found['enabled'] else 'off'}"
    if found["enabled"]:
        yield f"apps ask at {found['baseUrl']}"
        yield f"models: {', '.join(found['models']) if 'models' in found else 'all that can be used'}"
    today, budget = found["today"], found["budget"]
    if "dayCost" in budget:
        yield f"today: {dollars(today['cost'])} of {dollars(budget['dayCost'])}"
    if "dayTokens" in budget:
        yield f"today: {today['totalTokens']:,} of {budget['dayTokens']:,} tokens"
    total = found["total"]
    yield f"in all: {total['replies']:,} replies, {total['totalTokens']:,} tokens, {dollars(total['cost'])}"
