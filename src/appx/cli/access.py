"""The token by which the commands speak to the server."""

import os
from pathlib import Path

import click

from appx.settings.settings import Settings, read_settings
from appx.wiring.state import known_token


def api_token() -> str:
    """As the environment or the workspace's state gives it."""
    settings: Settings = read_settings({"WORKSPACE_DIR": str(Path.cwd()), **os.environ})
    token = known_token(settings)
    if token is None:
        raise click.ClickException(
            "No token: set AGENT_SERVER_TOKEN, or WORKSPACE_DIR to the workspace of the server, and run as its user."
        )
    return token
