"""``appx egress`` and ``appx egress-policy``: the service of names and lists, and what a project may reach."""

import os

import anyio
import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.domain.egress import STRICT
from appx.kit.harmless import harmless
from appx.settings.settings import read_settings
from appx.wiring.logs import log_to_stderr


@click.command()
def egress() -> None:
    """Run the resolver and the proxy of the builder container. It needs no key and must see none."""
    from appx.wiring.egress import serve  # noqa: PLC0415  the other commands start faster without it

    settings = read_settings({"WORKSPACE_DIR": "/", **os.environ})
    log_to_stderr(settings.log_level)
    anyio.run(serve, settings.egress_private or "", backend_options={"use_uvloop": True})


@click.command(name="egress-policy")
@url_option
@click.argument("project")
@click.argument("policy", required=False, type=click.Choice([*STRICT, "default"]))
@click.option(
    "--host", "hosts", multiple=True, help="A host of the list; may be given again. Else those of the settings."
)
def egress_policy(url: str, project: str, policy: str | None, hosts: tuple[str, ...]) -> None:
    """Say what PROJECT (its id) may reach, and what was refused. With POLICY, change it."""
    if hosts and policy != "list":
        raise click.UsageError("--host belongs to the policy list.")
    path = f"/v1/projects/{project}/egress"
    with Client(url, api_token()) as client:
        if policy is not None:
            client.put(path, {"policy": None if policy == "default" else policy, "hosts": list(hosts) or None})
        found = client.get(path)
    click.echo(f"policy: {found['policy']}" + (" (of the settings)" if found["default"] else ""))
    if found["policy"] == "list":
        click.echo("hosts:  " + " ".join(found["hosts"]))
    if found.get("inForce", found["policy"]) != found["policy"]:
        click.echo(f"in force: {found['inForce']}, because another project that shares the account asks for it")
    if not found["enforced"]:
        click.echo("Nothing is refused here: this server runs without the builder container.")
    for each in found["refused"]:
        port = f" port {each['port']}" if "port" in each else ""
        click.echo(harmless(f"refused {each['count']:>6}  {each['last']}  {each['protocol']:<4}  {each['to']}{port}"))
