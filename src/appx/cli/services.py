"""``appx serve`` and ``appx workbench``: the two services that are written in Python."""

import os

import anyio
import click

from appx.cli import backups
from appx.settings.settings import Settings, read_settings
from appx.wiring import benches
from appx.wiring.logs import log_to_stderr
from appx.wiring.state import only_one

NOTHING_TO_DO = 100
"""The exit code of a workbench that ends for want of work; its service knows it."""


@click.command()
@click.option("--local", is_flag=True, help="Run commands in this very process, with your own rights. For development.")
@click.option("--verbose", is_flag=True, help="Log more: as AGENT_SERVER_LOG_LEVEL=debug does.")
def serve(*, local: bool, verbose: bool) -> None:
    """Run the agent-server. Its settings are environment variables: see `appx settings`."""
    from appx.wiring.server import Server  # noqa: PLC0415  a workbench is smaller without it

    settings = _settings(verbose=verbose)
    with only_one(settings):
        backups.finish_restore(settings)
        hands = benches.local(settings, path=os.environ["PATH"]) if local else benches.hands(settings)
        server = Server(settings, hands.bench, hands.accounts)
        anyio.run(server.run, backend_options={"use_uvloop": True})


@click.command()
@click.option("--verbose", is_flag=True, help="Log more: as AGENT_SERVER_LOG_LEVEL=debug does.")
def workbench(*, verbose: bool) -> None:
    """Run the workbench: files and commands for a server, on a unix socket. It needs no key and must see none."""
    if anyio.run(benches.serve, _settings(verbose=verbose), backend_options={"use_uvloop": True}):
        raise SystemExit(NOTHING_TO_DO)


def _settings(*, verbose: bool) -> Settings:
    """Read them, and log as they say."""
    settings = read_settings(os.environ)
    log_to_stderr("debug" if verbose else settings.log_level)
    return settings
