"""``appx shell``: a terminal on this side, a shell of a project or of its app on the other."""

import json
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from urllib.parse import quote

import click
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from appx.cli.access import api_token
from appx.cli.client import url_option
from appx.domain.apps import ENVIRONMENTS
from appx.kit.harmless import harmless

CHUNK = 4_096
AGAIN_SECONDS = 1.0
LOST = 255
"""The exit code when the shell did not end by itself."""


@click.command()
@url_option
@click.argument("project")
@click.option("--env", "environment", type=click.Choice(ENVIRONMENTS), help="In the app of this environment.")
def shell(url: str, project: str, environment: str | None) -> None:
    """Open a shell in the directory of PROJECT (its id), as its agent's commands run; or in its app.

    Its exit code is that of the shell.
    """
    inside = "" if environment is None else f"/apps/{environment}"
    place = f"/v1/projects/{quote(project, safe='')}{inside}/shell"
    columns, rows = _size()
    address = f"{url.rstrip('/').replace('http', 'ws', 1)}{place}?columns={columns}&rows={rows}"
    try:
        with connect(
            address, additional_headers={"Authorization": f"Bearer {api_token()}"}, proxy=None, compression=None
        ) as socket:
            code = _sit(socket)
    except InvalidStatus as error:
        raise click.ClickException(_sentence(error)) from error
    except (OSError, InvalidHandshake) as error:
        raise click.ClickException(f"The server at {url} does not answer: {error}") from error
    raise SystemExit(code)


def _sit(socket: ClientConnection) -> int:
    """Until the shell has ended: its exit code."""
    woken, wake = os.pipe()
    shown: list[int | None] = []

    def show() -> None:
        shown.append(_show(socket))
        os.close(wake)

    with _raw(), _resized(socket):
        thread = Thread(target=show, daemon=True)
        thread.start()
        _type(socket, woken)
        thread.join()
    os.close(woken)
    if shown[0] is None:
        click.echo(f"\nThe shell was ended. {harmless(socket.close_reason or '')}".rstrip(), err=True)
        return LOST
    return shown[0]


def _show(socket: ClientConnection) -> int | None:
    """The exit code; None when the connection ended before."""
    code = None
    with suppress(ConnectionClosed):
        while True:
            found = socket.recv()
            if isinstance(found, bytes):
                _write(found)
            else:
                code = json.loads(found).get("exit")
    return code


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def _type(socket: ClientConnection, woken: int) -> None:
    """Until the other side has ended. The end of our input is a Ctrl-D, again and again: a shell that is only starting
    does not hear it.
    """
    sources, patience = [sys.stdin.fileno(), woken], None
    while woken not in (ready := select.select(sources, [], [], patience)[0]):
        data = os.read(ready[0], CHUNK) if ready else b""
        if ready and not data:
            sources.remove(ready[0])
            patience = AGAIN_SECONDS
        with suppress(ConnectionClosed):
            socket.send(data or b"\x04")


@contextmanager
def _raw() -> Iterator[None]:
    """What is typed goes over as it is, Ctrl-C too."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin, termios.TCSADRAIN)  # what was typed already counts, too
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextmanager
def _resized(socket: ClientConnection) -> Iterator[None]:
    """Tell when our window has another size."""

    def tell(_number: int, _frame: object) -> None:
        columns, rows = _size()
        Thread(target=send, args=(json.dumps({"resize": {"columns": columns, "rows": rows}}),), daemon=True).start()

    def send(text: str) -> None:
        with suppress(ConnectionClosed):
            socket.send(text)

    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _size() -> tuple[int, int]:
    try:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return max(1, min(columns, 1_000)), max(1, min(rows, 1_000))


def _sentence(error: InvalidStatus) -> str:
    try:
        return harmless(str(json.loads(error.response.body or b"")["error"]))
    except (ValueError, KeyError, TypeError):
        return f"The server answered {error.response.status_code}."
