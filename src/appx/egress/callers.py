"""Which account is at the other end of a connection."""

from anyio.abc import SocketAttribute, SocketStream

from appx.kit.peers import Whose, owner


def caller(stream: SocketStream, port: int, whose: Whose = owner) -> int | None:
    """The uid that connected to our ``port`` on the loopback: pasta's, which is that of the account.

    None when the kernel does not tell, and of a connection that was reset before we took it: it has no other end.
    """
    peer = stream.extra(SocketAttribute.remote_address, None)  # noqa: S610  no Django
    if not isinstance(peer, tuple):
        return None
    return whose("tcp", (str(peer[0]), int(peer[1])), ("127.0.0.1", port))
