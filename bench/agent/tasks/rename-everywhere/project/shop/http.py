"""How the shop asks its bank."""


def api_client(base):
    """A function that makes addresses of the bank's API."""
    return lambda path: f"{base}/{path}"
