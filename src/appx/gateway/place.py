"""Where apps find it. One place: the host's name, the address that it stands for, the uids of projects.

``libexec/appx/network`` of the image puts name and address into the ``/etc/hosts`` of each account, podman copies that
into every inner container, and ``egress.nft`` leads port 80 of the address to ``PORT`` of the container's loopback.
"""

HOST = "llm.appx.internal"
ADDRESS = "10.255.255.1"
PORT = 4080
"""That of the image, ``APPX_LLM_PORT``."""

BASE_URL = f"http://{HOST}/v1"

FIRST_UID = 2000
"""The uid of account 0: account n has this and n more."""


def account_of(uid: int) -> int | None:
    """The account that has this uid; None for one that is no project's own."""
    return uid - FIRST_UID if uid >= FIRST_UID else None
