"""``appx new`` and ``appx templates``: a project, and what it begins with."""

from pathlib import Path
from urllib.parse import quote

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.cli.files import parts_of
from appx.kit.harmless import harmless

PATIENCE = 600.0
"""Seconds that files may take to come in."""


@click.command()
@url_option
@click.argument("name")
@click.option("--template", help="Begin with a template: see `appx templates`.")
@click.option("--git", "address", help="Begin with a git repository: https://… or http://…")
@click.option(
    "--from-zip",
    "archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Begin with a zip archive of this machine.",
)
def new(url: str, name: str, template: str | None, address: str | None, archive: Path | None) -> None:
    """Make the project NAME. When there is one of that name, nothing is changed, and that is said."""
    if sum(each is not None for each in (template, address, archive)) > 1:
        raise click.UsageError("A project begins with one of --template, --git and --from-zip.")
    body: dict[str, object] = {"name": name}
    if template is not None:
        body["template"] = template
    if address is not None:
        body["import"] = {"git": address}
    with Client(url, api_token()) as client:
        there = {each["id"] for each in client.get("/v1/projects")["projects"]}
        made = client.post("/v1/projects", body, patience=PATIENCE)
        if made["id"] in there:
            raise click.ClickException(f"{made['id']} is there already, and stays as it is. Choose another name.")
        if archive is not None:
            _fill(client, made["id"], archive)
    click.echo(f"{made['id']}: {made['projectDir']}")


@click.command()
@url_option
def templates(url: str) -> None:
    """List what a new project can begin with."""
    with Client(url, api_token()) as client:
        for each in client.get("/v1/templates")["templates"]:
            health = f" (health: {each['health']})" if "health" in each else ""
            click.echo(harmless(f"{each['name']:<12} {each['description']}{health}"))


def _fill(client: Client, project: str, archive: Path) -> None:
    """With an archive, which is all or nothing; then the project is, too."""
    place = f"/v1/projects/{quote(project, safe='')}"
    try:
        with (
            archive.open("rb") as source,
            client.stream("POST", f"{place}/upload", {"unwrap": "true"}, parts_of(source)) as answer,
        ):
            answer.read()
    except BaseException:
        client.delete(place)
        raise
