"""``appx settings``."""

import click

from appx.settings.settings import manual


@click.command()
def settings() -> None:
    """List the settings: variables, defaults, meanings."""
    click.echo(manual(), nl=False)
