"""The server's own directory: the token, the builder prompt."""

import logging
import secrets
from pathlib import Path

from appx.domain.errors import Misconfigured
from appx.models.private_file import replace_private
from appx.settings.settings import Settings

logger = logging.getLogger(__name__)

MIN_TOKEN = 16


def prepare(settings: Settings) -> str:
    """Make the state directory, install the builder prompt, answer the token. Raises Misconfigured."""
    state = settings.state_dir
    try:
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
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
    target.write_bytes(source.read_bytes())
    target.chmod(0o644)
    logger.info("installed the builder prompt as %s", target)
