"""The ``appx`` command, and which file has which of its commands."""

from importlib import import_module

import click
from typing_extensions import override

from appx.domain.errors import AppxError
from appx.kit.harmless import harmless

FILES = {
    "app": "apps",
    "audit": "audit",
    "backup": "backups",
    "chat": "chat",
    "deploy": "apps",
    "egress": "egress",
    "egress-policy": "egress",
    "files": "files",
    "health": "health",
    "keys": "keys",
    "login-url": "login",
    "model-access": "model_access",
    "new": "projects",
    "openapi": "openapi",
    "restore": "backups",
    "rollback": "apps",
    "serve": "services",
    "settings": "settings",
    "shell": "shell",
    "templates": "projects",
    "usage": "usage",
    "workbench": "services",
}
"""Of this folder, for each command; its function there has the same name."""


class Commands(click.Group):
    """Imports what the one that was asked for needs: a check of health comes every half minute, and the most of the
    code is for the server. Errors of ours end a command with their sentence instead of a traceback.
    """

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(FILES)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in FILES:
            return None
        command = getattr(import_module(f"appx.cli.{FILES[cmd_name]}"), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="appx")
def main() -> None:
    """appx: describe an app; an agent writes it, builds it and runs it in a container of its own."""
