"""``appx login-url``."""

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option


@click.command(name="login-url")
@url_option
@click.option("--base", help="How the browser reaches the server, when that differs from --url.")
def login_url(url: str, base: str | None) -> None:
    """Print a link that logs a browser in, once, within ten minutes."""
    with Client(url, api_token()) as client:
        click.echo((base or url).rstrip("/") + client.post("/v1/login-codes")["path"])
