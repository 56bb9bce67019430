"""``appx deploy``, ``appx rollback`` and ``appx app``: what a project runs."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.domain.apps import ENVIRONMENTS
from appx.kit.harmless import harmless

MOST = 65_536
MIB = 1 << 20

environment_option = click.option(
    "--env", "environment", type=click.Choice(ENVIRONMENTS), default="dev", show_default=True, help="Which environment."
)


@click.command()
@url_option
@click.argument("project")
@environment_option
@click.option("--health", help="The path that has to answer with 200 to 399, from now on.")
def deploy(url: str, project: str, environment: str, health: str | None) -> None:
    """Bring PROJECT (its id) into an environment: dev is built anew, prod gets the very image that dev has.

    The new one is tried beside the old; when it fails, the old one goes on. Ctrl-C does not stop it.
    """
    _roll_out(url, project, {"environment": environment} | ({} if health is None else {"health": health}))


@click.command()
@url_option
@click.argument("project")
@environment_option
@click.option("--to", "release", type=click.IntRange(1), help="The number of a release; else the one before.")
def rollback(url: str, project: str, environment: str, release: int | None) -> None:
    """Go back to a release of PROJECT (its id) that is kept: see `appx app releases`."""
    _roll_out(url, project, {"environment": environment, "release": release or "previous"})


@click.group(name="app")
def app() -> None:
    """What a project runs."""


@app.command()
@url_option
@click.argument("project")
def status(url: str, project: str) -> None:
    """Say what PROJECT runs, and where."""
    with Client(url, api_token()) as client:
        for line in described(client.get(f"{_place(project)}/apps")):
            click.echo(harmless(line))


@app.command()
@url_option
@click.argument("project")
@environment_option
@click.option("--lines", type=click.IntRange(1, 5_000), default=200, show_default=True, help="The last so many.")
@click.option("--follow", is_flag=True, help="Go on with what it writes, until Ctrl-C.")
@click.option("--service", default="", help="Another than that which answers the web, of an app of several.")
def logs(url: str, project: str, environment: str, lines: int, service: str, *, follow: bool) -> None:
    """Print what the app of PROJECT wrote."""
    place = f"{_place(project)}/apps/{environment}/logs?lines={lines}&service={quote(service)}"
    with Client(url, api_token()) as client:
        if follow:
            for _, event in client.events(f"{place}&follow=true"):
                for line in told(event):
                    click.echo(harmless(line))
            return
        found = client.get(place)
    click.echo(harmless(found["log"]), nl=False)


@app.command()
@url_option
@click.argument("project")
@click.option("--known", is_flag=True, help="First what is still known: since the builder started.")
def events(url: str, project: str, *, known: bool) -> None:
    """Print what happens to the apps of PROJECT, until Ctrl-C."""
    with Client(url, api_token()) as client:
        for _, event in client.events(f"{_place(project)}/apps/events{'?after=0' if known else ''}"):
            click.echo(harmless(happened(event)))


@app.command()
@url_option
@click.argument("project")
def releases(url: str, project: str) -> None:
    """List the images of PROJECT that are kept, newest first."""
    with Client(url, api_token()) as client:
        for each in client.get(f"{_place(project)}/releases")["releases"]:
            sources = each.get("checkpoint", "")[:12] or "-"
            click.echo(f"{each['number']:>4}  {each['createdAt']}  {each['size'] / 1e6:>7.1f} MB  sources {sources}")


def _changing(name: str, sentence: str, done: str) -> None:
    @app.command(name=name, help=sentence)
    @url_option
    @click.argument("project")
    @environment_option
    def change(url: str, project: str, environment: str) -> None:
        with Client(url, api_token()) as client:
            client.post(f"{_place(project)}/apps/{environment}/{name}")
        click.echo(f"{environment} of {project} {done}.")


_changing("stop", "Stop the app of PROJECT. It stays away, also after a restart, until it is started.", "is stopped")
_changing("start", "Start the app of PROJECT with the release that it had.", "runs")
_changing("restart", "Restart the app of PROJECT, with its variables as they are now.", "runs again")


@app.command()
@url_option
@click.argument("project")
@environment_option
def variables(url: str, project: str, environment: str) -> None:
    """List the names of the variables of PROJECT's app. What they hold is told nobody but the app."""
    with Client(url, api_token()) as client:
        for name in client.get(f"{_place(project)}/apps/{environment}/variables")["names"]:
            click.echo(name)


@app.command(name="set")
@url_option
@click.argument("project")
@click.argument("name")
@environment_option
def set_variable(url: str, project: str, name: str, environment: str) -> None:
    """Give the app of PROJECT the variable NAME: typed without being shown, or from standard input."""
    typed = sys.stdin.isatty()
    value = click.prompt(name, hide_input=True) if typed else sys.stdin.read(MOST + 1)
    if not typed:
        value = value.removesuffix("\n")
    with Client(url, api_token()) as client:
        client.put(f"{_place(project)}/apps/{environment}/variables/{quote(name, safe='')}", {"value": value})
    click.echo(f"{name} counts from the next start on: appx app restart {project} --env {environment}")


@app.command(name="unset")
@url_option
@click.argument("project")
@click.argument("name")
@environment_option
def unset_variable(url: str, project: str, name: str, environment: str) -> None:
    """Take the variable NAME from the app of PROJECT, from its next start on."""
    with Client(url, api_token()) as client:
        client.delete(f"{_place(project)}/apps/{environment}/variables/{quote(name, safe='')}")


@app.command(name="stats")
@url_option
@click.argument("project")
@environment_option
def stats_of(url: str, project: str, environment: str) -> None:
    """Say what the app of PROJECT takes now."""
    with Client(url, api_token()) as client:
        click.echo(harmless(", ".join(taken(client.get(f"{_place(project)}/apps/{environment}/stats")))))


@app.command(name="disk")
@url_option
@click.argument("project")
def disk_of(url: str, project: str) -> None:
    """Say what PROJECT takes of the disk, and what of it takes how much."""
    with Client(url, api_token()) as client:
        for line in weighed(client.get(f"{_place(project)}/disk")):
            click.echo(harmless(line))


def weighed(found: Mapping[str, Any]) -> Iterator[str]:
    """What ``getDisk`` answered."""
    of = f" of {found['limit'] / MIB:,.0f}" if "limit" in found else ""
    yield f"{found['used'] / MIB:>10,.1f}{of} MiB"
    if not found["whole"]:
        yield "the directory alone: this project shares an account with others"
        return
    for name in ("directory", "images", "other"):
        yield f"{found[name] / MIB:>10,.1f} {name}"
    for kind in ("containers", "volumes"):
        for each in found[kind]:
            yield f"{each['size'] / MIB:>10,.1f} {kind[:-1]} {each['name']}"


def taken(found: Mapping[str, Any]) -> Iterator[str]:
    """What ``getAppStats`` answered, as far as it is known."""
    if not found["running"]:
        yield "It does not run."
    if "memory" in found:
        yield f"memory {found['memory']['used']:,} of {found['memory'].get('limit', 0):,} bytes"
    if "cpuSeconds" in found:
        yield f"processor {found['cpuSeconds']:.1f} s"
    if "processes" in found:
        yield f"{found['processes']} processes"
    if "network" in found:
        yield f"network {found['network'].get('received', 0):,} bytes in, {found['network'].get('sent', 0):,} out"
    if "note" in found:
        yield found["note"]


def happened(event: Mapping[str, Any]) -> str:
    """An event of ``followApps``, as a line."""
    match event:
        case {"deployment": {"number": number, "kind": kind, "environment": environment, "status": status, **more}}:
            said = f"deployment {number} ({kind} of {environment}) {status}" + _after(": ", more.get("reason"))
        case {"app": state, "container": container}:
            said = f"{container} {state}" + _after(", exit code ", event.get("exitCode"))
            said += ", out of memory" if event.get("outOfMemory") else ""
        case _:
            said = ""
    return f"{event.get('time', '')}  {said}"


def _after(words: str, value: object) -> str:
    return "" if value is None else f"{words}{value}"


def told(event: Mapping[str, Any]) -> Iterator[str]:
    """The lines of an event of a log that is followed."""
    match event:
        case {"lines": lines}:
            yield from (each["text"] + ("[…]" if each.get("cut") else "") for each in lines)
        case {"app": "ended", "exitCode": code}:
            yield f"--- it ended with exit code {code}"
        case {"app": state}:
            yield f"--- it {state}"
        case {"leftOut": {"after": after, "before": before}}:
            yield f"--- too much: what came after {after} and before {before} is left out"
        case _:
            pass


def described(found: Mapping[str, Any]) -> Iterator[str]:
    """What ``listApps`` answered."""
    for each in found["apps"]:
        container = each.get("container")
        state = "no container" if container is None else f"{container['state']}, {container['status']}"
        where = f"http://localhost:{each['port']}" if "port" in each else "no published port"
        yield f"{each['environment']:<5} release {each['release']}  wanted {each['wanted']}  {state}  {where}"
        for other in each.get("services", ()):
            name = other["name"].partition("_")[2]
            yield f"      service {name}  {other['state']}, {other['status']}"
        if "note" in each:
            yield f"      {each['note']}"
    for each in found["unmanaged"]:
        yield f"      {each['name']}  {each['state']}, {each['status']}  (not deployed by the server)"
    if not found["apps"] and not found["unmanaged"]:
        yield "Nothing runs. `appx deploy` builds and runs it."


def _roll_out(url: str, project: str, body: dict[str, Any]) -> None:
    with Client(url, api_token()) as client:
        begun = client.post(f"{_place(project)}/deployments", {**body, "wait": False})
        place = f"{_place(project)}/deployments/{begun['number']}/events"
        ended = begun
        for _, event in client.events(place):
            if "step" in event:
                click.echo(harmless(event["step"]))
            ended = event.get("deployment", ended)
    if ended["status"] == "done":
        if "note" in ended:
            click.echo(harmless(ended["note"]))
        return
    if "log" in ended:
        click.echo(harmless(ended["log"]), err=True)
    raise click.ClickException(harmless(ended.get("reason", f"It is {ended['status']}.")))


def _place(project: str) -> str:
    return f"/v1/projects/{quote(project, safe='')}"
