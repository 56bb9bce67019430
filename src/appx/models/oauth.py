"""OAuth 2.0 as a client speaks it: the authorization code grant (RFC 6749, 4.1) with PKCE (RFC 7636), and renewal."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qs, parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

import anyio
import httpx2
from pydantic import BaseModel, Field, SecretStr, ValidationError

from appx.domain.errors import AppxError, Invalid
from appx.kit import clock
from appx.models.bounds import UNPACKED, bound
from appx.models.credentials import SECRET, Tokens
from appx.models.logins import Login
from appx.models.model import ModelFailed
from appx.models.redact import scrub

ANSWER_SECONDS = 10.0
HEADERS = {"Accept": "application/json", **UNPACKED}

_HIDDEN = ("code", "code_verifier", "refresh_token")
"""The fields of a request that nobody else may know."""


class LoginFailed(AppxError):
    """The OAuth server gave no token. The text holds no secret. ``again``: asking again may help."""

    def __init__(self, text: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.again = again


class _Granted(BaseModel):
    """RFC 6749, 5.1."""

    access_token: SecretStr
    token_type: Annotated[str | None, Field(pattern="(?i)^bearer$")] = None
    refresh_token: Annotated[SecretStr | None, Field(min_length=1)] = None
    expires_in: Annotated[float | None, Field(ge=0, le=timedelta(days=3650).total_seconds())] = None


class _Refused(BaseModel):
    """RFC 6749, 5.2."""

    error: str
    error_description: str = ""


def new_secret() -> str:
    """256 bits: fit for a state and for a verifier."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """RFC 7636, 4.2: S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize_url(login: Login, *, state: str, verifier: str) -> str:
    """Where a person logs in. The verifier does not follow from it."""
    ours = {
        "response_type": "code",
        "client_id": login.client_id,
        "redirect_uri": login.redirect_uri,
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    if login.scopes:
        ours["scope"] = " ".join(login.scopes)
    parts = urlsplit(login.authorize_url)
    theirs = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in ours]
    return urlunsplit(parts._replace(query=urlencode([*theirs, *ours.items()])))


def code_of(entered: str, state: str) -> str:
    """The code in what a person entered: the code itself, or the URL to which the browser was sent.

    Raises Invalid when it is neither, LoginFailed when the URL says that the login was refused.
    """
    entered = entered.strip()
    if not SECRET.fullmatch(entered):
        raise Invalid("Enter the code, or the whole address of the page on which the login ended.")
    if "://" not in entered:
        return entered
    try:
        query = parse_qs(urlsplit(entered).query)
    except ValueError:
        raise Invalid("This is not an address. Copy it again.") from None
    if len(query.get("state", ())) != 1 or not hmac.compare_digest(query["state"][0].encode(), state.encode()):
        raise Invalid("This address belongs to another login. Copy the one on which this login ended.")
    if "error" in query:
        said = ": ".join([*query["error"][:1], *query.get("error_description", ())[:1]])
        raise LoginFailed(scrub(f"The login was refused: {said.rstrip('.')}.", (state,)))
    if len(query.get("code", ())) != 1 or not SECRET.fullmatch(query["code"][0]):
        raise Invalid("This address has no code. Copy the one on which the login ended.")
    return query["code"][0]


async def tokens_for_code(login: Login, code: str, verifier: str, *, within: float = ANSWER_SECONDS) -> Tokens:
    """Raises LoginFailed."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": login.redirect_uri,
        "code_verifier": verifier,
    }
    return await _request(login, form, within)


async def renewed(login: Login, tokens: Tokens, *, within: float = ANSWER_SECONDS) -> Tokens:
    """New tokens for the refresh token, which stays when the server gives no other. Raises LoginFailed."""
    assert tokens.refresh is not None
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh.get_secret_value()}
    new = await _request(login, form, within)
    return new if new.refresh is not None else new.model_copy(update={"refresh": tokens.refresh})


async def _request(login: Login, form: Mapping[str, str], within: float) -> Tokens:
    """With a client of its own (20 ms, about once an hour), which takes proxies and authorities from where those for
    providers do.

    A redirection is not followed: it would carry the secrets elsewhere.
    """
    host = urlsplit(login.token_url).netloc.rpartition("@")[2]
    data, auth = _identity(login, form)
    asked_at = clock.now()
    try:
        with anyio.fail_after(within):
            async with httpx2.AsyncClient(
                timeout=None, follow_redirects=False, event_hooks={"response": [bound]}
            ) as http:
                answer = await http.post(login.token_url, data=data, auth=auth, headers=HEADERS)
    except TimeoutError:
        raise LoginFailed(f"{host} was silent for too long.", again=True) from None
    except httpx2.HTTPError:
        raise LoginFailed(f"{host} cannot be reached.", again=True) from None
    except ModelFailed as error:
        raise LoginFailed(f"{host} answered with what cannot be read. {error}") from None
    if answer.status_code == httpx2.codes.OK:
        return _granted(answer.content, host, asked_at)
    secrets_sent = [form[name] for name in _HIDDEN if name in form]
    if login.client_secret is not None:
        secrets_sent.append(login.client_secret.get_secret_value())
    raise _refused(answer, host, hide=secrets_sent)


def _identity(login: Login, form: Mapping[str, str]) -> tuple[dict[str, str], httpx2.Auth]:
    """RFC 6749, 2.3.1: a client with a secret shows it as HTTP Basic, one without only says its name."""
    if login.client_secret is None:
        return {**form, "client_id": login.client_id}, httpx2.Auth()
    name, secret = (quote_plus(each) for each in (login.client_id, login.client_secret.get_secret_value()))
    return {**form}, httpx2.BasicAuth(name, secret)


def _granted(body: bytes, host: str, asked_at: datetime) -> Tokens:
    try:
        granted = _Granted.model_validate_json(body)
    except ValidationError:
        raise LoginFailed(f"{host} answered without a bearer token.") from None
    if not SECRET.fullmatch(granted.access_token.get_secret_value()):
        raise LoginFailed(f"{host} answered with what cannot be a token.")
    left = None if granted.expires_in is None else int(granted.expires_in * 1000)
    return Tokens(
        access=granted.access_token,
        refresh=granted.refresh_token,
        expires=None if left is None else clock.millis(asked_at) + left,
    )


def _refused(answer: httpx2.Response, host: str, hide: Sequence[str]) -> LoginFailed:
    """``hide``: what was sent; the server may repeat it, also as it came in the form."""
    try:
        said = _Refused.model_validate_json(answer.content)
        words = ": ".join(each for each in (said.error, said.error_description) if each)
    except ValidationError:
        words = f"status {answer.status_code}"
    variants = tuple({variant for secret in hide for variant in (secret, quote(secret, safe=""), quote_plus(secret))})
    again = answer.status_code == httpx2.codes.TOO_MANY_REQUESTS or answer.is_server_error
    return LoginFailed(scrub(f"{host} refused: {words.rstrip('.')}.", variants), again=again)
