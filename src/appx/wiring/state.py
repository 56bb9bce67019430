"""The server's own directory: the token, the builder prompt."""

import logging
import os
import secrets
import signal
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from appx.domain.errors import Conflict, Misconfigured
from appx.kit.lock import held, holder
from appx.kit.removal import clear_unfinished
from appx.models.private_file import replace_private
from appx.settings.handed import read_handed
from appx.settings.settings import Settings

logger = logging.getLogger(__name__)

MIN_TOKEN = 16
STOP_SECONDS = 30.0
"""A server ends within 25."""


@contextmanager
def only_one(settings: Settings, *, stop: bool = False) -> Iterator[None]:
    """Hold the workspace: one server, or one restore. Raises Conflict when another process does, Misconfigured.

    ``stop``: ask that process to end, and wait for it. A supervisor that starts it again comes later than this.
    """
    state = settings.state_dir
    lock = state / "lock"
    with ExitStack() as holding:
        try:
            _make_ours(state)
            try:
                holding.enter_context(held(lock))
            except BlockingIOError:
                if not stop:
                    raise
                _ask_to_end(holder(lock))
                holding.enter_context(held(lock, patience=STOP_SECONDS))
        except BlockingIOError:
            raise Conflict(
                f"A server of appx, or a restore, works in {settings.workspace_dir}. Stop it first; "
                "`appx restore --stop` does that by itself."
            ) from None
        except OSError as error:
            raise Misconfigured(f"WORKSPACE_DIR: {state} cannot be used: {error.strerror}.") from error
        yield


def _ask_to_end(process: int | None) -> None:
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def prepare(settings: Settings) -> str:
    """Make the state directory, install the builder prompt, answer the token. Raises Misconfigured."""
    state = settings.state_dir
    try:
        _make_ours(state)
        clear_unfinished(state)
        _install_prompt(settings.builder_prompt, state / "AGENTS.md")
        return token(settings)
    except OSError as error:
        raise Misconfigured(
            f"WORKSPACE_DIR: {error.filename or state} cannot be used: {error.strerror}. "
            "The server needs a directory of its own there, .pi-global."
        ) from error


def _make_ours(state: Path) -> None:
    """Who could put files there could give it a token that they know. Everybody may make names in a workspace."""
    state.mkdir(mode=0o711, parents=True, exist_ok=True)
    told = state.lstat()
    if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.getuid() or told.st_mode & stat.S_IWOTH:
        raise Misconfigured(
            f"WORKSPACE_DIR: {state} must be a directory of the server's own user in which nobody else may write. "
            "Look at what is in it, then move it away or give it back: chown, chmod 0711."
        )


def token_path(settings: Settings) -> Path:
    return settings.state_dir / "token"


def known_token(settings: Settings) -> str | None:
    """The token as the settings, run.sh or the state gives it; None before the first start. Raises Misconfigured."""
    name = "AGENT_SERVER_TOKEN"
    given = settings.token or read_handed(settings.state_dir).get(name)
    if given is not None:
        return strong_token(given.get_secret_value(), name)
    path = token_path(settings)
    if not path.exists():
        return None
    try:
        return strong_token(path.read_text().strip(), "WORKSPACE_DIR")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"WORKSPACE_DIR: {path} cannot be read: {error}") from error


def token(settings: Settings) -> str:
    """The known one, else one that is made and kept. Raises Misconfigured."""
    known = known_token(settings)
    if known is not None:
        return known
    made = secrets.token_urlsafe(32)
    replace_private(token_path(settings), f"{made}\n".encode())
    return made


def strong_token(token: str, name: str) -> str:
    """``token``, of the setting ``name``. Raises Misconfigured when it is easy to guess or fits into no header."""
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise Misconfigured(
            f"{name}: the token needs at least {MIN_TOKEN} characters of ASCII without spaces. "
            "`openssl rand -hex 32` makes a good one."
        )
    return token


def _install_prompt(source: Path | None, target: Path) -> None:
    """A workspace's own prompt is left alone."""
    if source is None or target.exists():
        return
    if not source.is_file():
        raise Misconfigured(f"APPX_BUILDER_PROMPT: there is no file {source}.")
    replace_private(target, source.read_bytes(), mode=0o644)
    logger.info("installed the builder prompt as %s", target)
