"""A socket that listens, or a sentence that says why not."""

import socket

from appx.domain.errors import Misconfigured


def listen(host: str, port: int, *, variables: str) -> socket.socket:
    """``variables``: those that gave host and port. Raises Misconfigured."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"{variables}: cannot listen on {host} port {port}: {error.strerror}. "
            "Choose another port, or stop the program that has it."
        ) from error
