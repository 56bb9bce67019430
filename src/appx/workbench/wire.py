"""What the server and the workbench say to each other: HTTP over a unix socket, bodies in JSON.

- ``POST /run`` with a ``Command``: lines of JSON, ``{"output"}`` again and again, then ``{"result"}`` or an error
- ``GET /file?project&path&limit``: the bytes
- ``PUT /file?project&path``: 204
- ``PUT /projects/{id}``: ``{"directory"}``
- ``DELETE /projects/{id}``: 204
- ``GET /status``: ``BenchStatus``
- ``GET /alive``: stays open until the workbench ends

Leaving ``POST /run`` ends the command. An error is ``{"error": NAME, "text"}``, with status 400 outside of ``/run``.
"""

from pydantic import TypeAdapter

from appx.domain.errors import AppxError, Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable
from appx.workbench.bench import BenchStatus, Command, CommandResult

COMMAND = TypeAdapter(Command)
RESULT = TypeAdapter(CommandResult)
STATUS = TypeAdapter(BenchStatus)

_ERRORS: dict[str, type[AppxError]] = {
    each.__name__: each for each in (Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable)
}


def error_out(error: AppxError) -> dict[str, str]:
    return {"error": type(error).__name__, "text": str(error)}


def error_in(found: dict[str, str]) -> AppxError:
    """An error of a name that we do not know is the workbench's, not the caller's."""
    return _ERRORS.get(found["error"], Unavailable)(found["text"])
