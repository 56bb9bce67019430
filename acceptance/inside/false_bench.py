"""Takes the place of the account's workbench, as an agent could: ends it, holds its successors, and answers itself.

Arguments: its socket, and what every request gets: ``endless``, ``nonsense``, ``silence``; or another socket, to which
a link is put in its place. Says ``taken`` when it has the place.
"""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"


def workbenches() -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (each / "cmdline").read_bytes().endswith(b"/appx\0workbench\0"):
                found.append(int(each.name))
    return found


def answer(peer: socket.socket, what: str) -> None:
    peer.recv(65536)
    try:
        if what == "endless":
            peer.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
            while True:
                peer.sendall(b"%x\r\n%s\r\n" % (1 << 20, b"a" * (1 << 20)))
        elif what == "nonsense":
            body = b'{"entries": [' + b"0," * 4_000_000 + b"0]}"
            peer.sendall(HEAD + b"content-length: %d\r\n\r\n%s" % (len(body), body))
        elif what == "silence":
            time.sleep(3600)
    except OSError:
        pass
    peer.close()


def send(number: signal.Signals) -> int:
    """To all of them; how many there were."""
    found = workbenches()
    for each in found:
        with suppress(ProcessLookupError):
            os.kill(each, number)
    return len(found)


def hold() -> None:
    """Its service begins the real one again, which is stopped, not ended: else there would be the next."""
    while True:
        send(signal.SIGSTOP)
        time.sleep(0.02)


def take(place: str, what: str) -> socket.socket | None:
    send(signal.SIGKILL)
    until = time.monotonic() + 60
    while not send(signal.SIGSTOP) and time.monotonic() < until:
        time.sleep(0.001)
    threading.Thread(target=hold, daemon=True).start()
    if os.path.lexists(place):
        os.unlink(place)
    if what.startswith("/"):
        os.symlink(what, place)
        return None
    os.umask(0)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(100)
    return listener


def main(place: str, what: str) -> None:
    listener = take(place, what)
    print("taken", flush=True)
    while listener is None:
        time.sleep(3600)
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=answer, args=(peer, what), daemon=True).start()


main(*sys.argv[1:])
