"""The ``appx`` command."""

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="appx")
def main() -> None:
    """appx: describe an app; an agent writes it, builds it and runs it in a container of its own."""
