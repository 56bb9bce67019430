"""``appx openapi``."""

import click

from appx.http.app import openapi_document


@click.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    click.echo(openapi_document())
