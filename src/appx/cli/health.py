"""``appx health``, by which also the engine asks for the health of the container."""

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.kit.harmless import harmless


@click.command()
@url_option
def health(url: str) -> None:
    """Say whether the server, its workbench and podman work; the exit code tells, too."""
    with Client(url, api_token()) as client:
        ready = client.get("/v1/readyz", accept=(200, 503))
    for sentence in (*ready["problems"], *ready["notes"]):
        click.echo(harmless(sentence), err=True)
    if not ready["ready"]:
        raise SystemExit(1)
    click.echo(f"ready, podman {harmless(ready['podman'])}, limits of apps: {_enforced(ready['limits'])}")


def _enforced(limits: dict[str, bool]) -> str:
    names = [name for name, enforced in limits.items() if enforced]
    return ", ".join(names) or "none, because podman has no cgroups of its own here"
