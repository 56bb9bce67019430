"""The ``appx`` command."""

import os

import anyio
import click
from typing_extensions import override

from appx.cli import apps, backups, egress, files, keys, model_access, projects, shell
from appx.cli import audit as audits
from appx.cli import chat as chatting
from appx.cli import usage as tables
from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.domain.errors import AppxError
from appx.kit.harmless import harmless
from appx.settings.settings import Settings, manual, read_settings
from appx.wiring import benches
from appx.wiring.logs import log_to_stderr
from appx.wiring.state import only_one

NOTHING_TO_DO = 100
"""The exit code of a workbench that ends for want of work; its service knows it."""


class Failing(click.Group):
    """Errors of ours end a command with their sentence instead of a traceback."""

    @override
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AppxError as error:
            raise click.ClickException(harmless(str(error))) from error
        except ExceptionGroup as group:  # from a task of the server
            ours, others = group.split(AppxError)
            if ours is None or others is not None:
                raise
            raise click.ClickException(harmless(_sentences(ours))) from group


def _sentences(group: ExceptionGroup[AppxError]) -> str:
    found = (_sentences(each) if isinstance(each, ExceptionGroup) else str(each) for each in group.exceptions)
    return " ".join(dict.fromkeys(found))


@click.group(cls=Failing, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="appx")
def main() -> None:
    """appx: describe an app; an agent writes it, builds it and runs it in a container of its own."""


main.add_command(backups.backup)
main.add_command(backups.restore)
main.add_command(projects.new)
main.add_command(projects.templates)
main.add_command(files.files)
main.add_command(apps.deploy)
main.add_command(apps.rollback)
main.add_command(apps.app)
main.add_command(shell.shell)
main.add_command(keys.keys)
main.add_command(audits.audit)
main.add_command(model_access.model_access)
main.add_command(egress.egress)
main.add_command(egress.egress_policy)


@main.command()
@click.option("--local", is_flag=True, help="Run commands in this very process, with your own rights. For development.")
@click.option("--verbose", is_flag=True, help="Log more: as AGENT_SERVER_LOG_LEVEL=debug does.")
def serve(*, local: bool, verbose: bool) -> None:
    """Run the agent-server. Its settings are environment variables: see `appx settings`."""
    from appx.wiring.server import Server  # noqa: PLC0415  the other commands start faster without it

    settings = _settings(verbose=verbose)
    with only_one(settings):
        backups.finish_restore(settings)
        hands = benches.local(settings, path=os.environ["PATH"]) if local else benches.hands(settings)
        server = Server(settings, hands.bench, hands.accounts)
        anyio.run(server.run, backend_options={"use_uvloop": True})


@main.command()
@click.option("--verbose", is_flag=True, help="Log more: as AGENT_SERVER_LOG_LEVEL=debug does.")
def workbench(*, verbose: bool) -> None:
    """Run the workbench: files and commands for a server, on a unix socket. It needs no key and must see none."""
    if anyio.run(benches.serve, _settings(verbose=verbose), backend_options={"use_uvloop": True}):
        raise SystemExit(NOTHING_TO_DO)


@main.command(name="settings")
def list_settings() -> None:
    """List the settings: variables, defaults, meanings."""
    click.echo(manual(), nl=False)


@main.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    from appx.http.app import openapi_document  # noqa: PLC0415

    click.echo(openapi_document())


@main.command(name="login-url")
@url_option
@click.option("--base", help="How the browser reaches the server, when that differs from --url.")
def login_url(url: str, base: str | None) -> None:
    """Print a link that logs a browser in, once, within ten minutes."""
    with Client(url, api_token()) as client:
        click.echo((base or url).rstrip("/") + client.post("/v1/login-codes")["path"])


@main.command()
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


@main.command()
@url_option
@click.option("--by", type=click.Choice(["day", "project", "session", "model"]), default="day", show_default=True)
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="How many, with today.")
def usage(url: str, by: str, days: int) -> None:
    """Say what the replies of the models took: tokens and US dollars, in deleted sessions, too."""
    with Client(url, api_token()) as client:
        click.echo(tables.table(client, by=by, days=days))


@main.command()
@url_option
@click.argument("project")
@click.argument("prompt", required=False)
@click.option("--new", is_flag=True, help="Begin a new session instead of going on with the newest.")
def chat(url: str, project: str, prompt: str | None, *, new: bool) -> None:
    """Talk with the agent about PROJECT, which is made when there is none of that name.

    With PROMPT, one turn; without, prompts are read from the terminal until Ctrl-D. Ctrl-C stops the running turn.
    """
    with Client(url, api_token()) as client:
        raise SystemExit(chatting.chat(client, project, prompt, new=new))


def _enforced(limits: dict[str, bool]) -> str:
    names = [name for name, enforced in limits.items() if enforced]
    return ", ".join(names) or "none, because podman has no cgroups of its own here"


def _settings(*, verbose: bool) -> Settings:
    """Read them, and log as they say."""
    settings = read_settings(os.environ)
    log_to_stderr("debug" if verbose else settings.log_level)
    return settings
