"""What files that are being written are called."""

import secrets

PREFIX = ".appx-unfinished-"


def unfinished_name() -> str:
    """The name of a file or directory until it is whole and takes the place of another."""
    return f"{PREFIX}{secrets.token_hex(8)}"
