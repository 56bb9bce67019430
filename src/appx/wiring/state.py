"""The server's own directory: the token, the builder prompt."""

import logging
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from appx.domain.errors import Conflict, Misconfigured
from appx.kit.lock import held, holder
from appx.kit.unfinished import clear_unfinished
from appx.models.private_file import replace_private
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
            state.mkdir(mode=0o711, parents=True, exist_ok=True)
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
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
        clear_unfinished(state)
        _install_prompt(settings.builder_prompt, state / "AGENTS.md")
        return _token(settings)
    except OSError as error:
        raise Misconfigured(
            f"WORKSPACE_DIR: {error.filename or state} cannot be used: {error.strerror}. "
            "The server needs a directory of its own there, .pi-global."
        ) from error


def token_path(settings: Settings) -> Path:
    return settings.state_dir / "token"


def known_token(settings: Settings) -> str | None:
    """The token as the settings or the state give it; None before the first start. Raises Misconfigured."""
    if settings.token is not None:
        return _strong(settings.token.get_secret_value(), "AGENT_SERVER_TOKEN")
    source, name = settings.token_file, "AGENT_SERVER_TOKEN_FILE"
    if source is None:
        source, name = token_path(settings), "WORKSPACE_DIR"
        if not source.exists():
            return None
    try:
        return _strong(source.read_text().strip(), name)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{name}: {source} cannot be read: {error}") from error


def _token(settings: Settings) -> str:
    known = known_token(settings)
    if known is not None:
        return known
    token = secrets.token_urlsafe(32)
    replace_private(token_path(settings), f"{token}\n".encode())
    return token


def _strong(token: str, name: str) -> str:
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
