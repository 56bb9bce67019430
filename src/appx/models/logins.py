"""The logins that the operator configures: at which OAuth server a provider's users log in."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from appx.domain.errors import Misconfigured
from appx.models.catalogue import DEMO
from appx.models.custom import NAME
from appx.models.entry import Wire

VARIABLE = "APPX_LOGINS_PATH"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_logger = logging.getLogger(__name__)


def _is_an_address(value: str) -> str:
    AnyHttpUrl(value)
    return value


def _content(value: object, info: ValidationInfo) -> object:
    """Of the file that ``value`` names: beside the file of the logins unless its path is absolute."""
    if not isinstance(value, str) or info.context is None:
        raise ValueError("is the path of a file")
    path = Path(info.context) / value
    try:
        return path.read_text().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


Address = Annotated[str, Field(pattern=r"^https?://[^\s#]+$"), AfterValidator(_is_an_address)]
Scope = Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]+$")]
"""RFC 6749, appendix A.4."""


class Login(Wire):
    """An OAuth 2.0 server, and what appx is registered as there.

    ``authorize_url`` may carry further parameters in its query. ``client_secret``: None for a public client.
    ``redirect_uri``: where the server sends the browser with the code; nothing of ours has to listen there.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    authorize_url: Address
    token_url: Address
    client_id: str = Field(min_length=1)
    client_secret: Annotated[
        SecretStr | None, Field(alias="clientSecretFile", min_length=1), BeforeValidator(_content)
    ] = None
    scopes: tuple[Scope, ...] = ()
    redirect_uri: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+$")


class _File(RootModel[dict[Annotated[str, StringConstraints(pattern=NAME)], Login]]):
    """``{"my-gateway": {"authorizeUrl": …, "tokenUrl": …, "clientId": …, "redirectUri": …}}``"""


def read_logins(path: Path | None) -> Mapping[str, Login]:
    """By provider. Raises Misconfigured, naming the variable, when the file cannot be used."""
    if path is None:
        return {}
    try:
        logins = _File.model_validate_json(path.read_bytes(), context=path.parent).root
    except OSError as error:
        raise Misconfigured(f"{VARIABLE} cannot be read: {path}: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise Misconfigured(
            f"{VARIABLE} must be a JSON object of logins by provider. {path}: {place}: {first['msg']}."
        ) from None
    if DEMO.provider in logins:
        raise Misconfigured(f"{VARIABLE} has a login for {DEMO.provider}, which needs none. Take it out of {path}.")
    for provider, login in logins.items():
        if login.token_url.startswith("http://") and urlsplit(login.token_url).hostname not in LOOPBACK:
            _logger.warning("%s: the tokens for %s go to %s without TLS.", VARIABLE, provider, login.token_url)
    return logins
