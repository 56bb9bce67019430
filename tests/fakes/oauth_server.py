"""A stand-in for an OAuth 2.0 server: authorization code grant with PKCE (S256 only), refresh tokens that rotate.

Only the standard library, so that it runs on any machine with Python 3.11:

    python3 oauth_server.py --port 8098 --client-id appx --redirect-uri http://localhost:1/callback

``GET /authorize`` logs everybody in and sends them on with a code. ``POST /token`` checks for real: the client and its
secret, that a code is used once, by whom and with which redirect URI, the verifier against the challenge, and that a
refresh token is the newest one. Rules can be changed while it runs: see ``Rules``.
"""

import argparse
import base64
import hashlib
import json
import secrets
import ssl
import sys
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit


@dataclass
class Rules:
    """``lifetime``: seconds of an access token; None: it is not told. ``rotates``: a refresh token is good only once.

    ``renews``: whether refresh tokens are given at all. ``denies``: the error with which people are sent back.
    ``answer``: status and body of every answer of ``/token``, in place of the real one; in a string, ``{code}`` and so
    on are replaced by what was sent. ``delay``: seconds before ``/token`` answers.
    """

    client_id: str = "appx"
    client_secret: str | None = None
    redirect_uri: str = "http://localhost:1/callback"
    lifetime: int | None = 3600
    rotates: bool = True
    renews: bool = True
    denies: str | None = None
    answer: tuple[int, Any] | None = None
    delay: float = 0.0


@dataclass
class State:
    """What was given out. ``asked``: the forms that ``/token`` got. ``said``: every secret that it ever gave or got."""

    rules: Rules
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)
    access: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def new(self, kind: str) -> str:
        """The sign ``/`` and ``+`` in it are changed by careless encoding."""
        made = f"{kind}/{secrets.token_urlsafe(18)}+="
        self.said.add(made)
        return made


class Wrong(Exception):
    """An error of RFC 6749, 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}
        self.status = status


def authorized(state: State, query: Mapping[str, str]) -> str:
    """Where the browser is sent. Raises Wrong for what must not be redirected."""
    rules = state.rules
    if (query.get("client_id"), query.get("redirect_uri")) != (rules.client_id, rules.redirect_uri):
        raise Wrong("invalid_request", "unknown client or redirect_uri")
    if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
        raise Wrong("invalid_request", "code and S256 only")
    if len(query.get("code_challenge", "")) != 43 or len(query.get("state", "")) < 16:
        raise Wrong("invalid_request", "a challenge and a state are needed")
    back = {"state": query["state"]}
    if rules.denies is not None:
        back |= {"error": rules.denies, "error_description": "You said no."}
    else:
        back["code"] = state.new("code")
        state.codes[back["code"]] = dict(query)
    return f"{rules.redirect_uri}?{urlencode(back)}"


def granted(state: State, form: Mapping[str, str]) -> dict[str, Any]:
    """Tokens. Raises Wrong."""
    match form.get("grant_type"):
        case "authorization_code":
            begun = state.codes.pop(form.get("code", ""), None)
            if begun is None:
                raise Wrong("invalid_grant", "no such code, or it was used")
            if form.get("redirect_uri") != begun["redirect_uri"]:
                raise Wrong("invalid_grant", "another redirect_uri")
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != begun["code_challenge"]:
                raise Wrong("invalid_grant", "the verifier does not fit the challenge")
        case "refresh_token":
            if form.get("refresh_token") not in state.refresh:
                raise Wrong("invalid_grant", "no such refresh token, or it was used")
            if state.rules.rotates:
                state.refresh.remove(form["refresh_token"])
        case _:
            raise Wrong("unsupported_grant_type", "what is this?")
    return _tokens(state, first=form["grant_type"] == "authorization_code")


def _tokens(state: State, *, first: bool) -> dict[str, Any]:
    rules = state.rules
    given: dict[str, Any] = {"access_token": state.new("access"), "token_type": "bearer"}
    state.access.append(given["access_token"])
    if rules.lifetime is not None:
        given["expires_in"] = rules.lifetime
    if rules.renews and (first or rules.rotates):
        given["refresh_token"] = state.new("refresh")
        state.refresh.add(given["refresh_token"])
    return given


def identified(rules: Rules, form: Mapping[str, str], authorization: str | None) -> None:
    """Raises Wrong when the client does not say who it is, or says so in two ways."""
    if rules.client_secret is None:
        known = authorization is None and form.get("client_id") == rules.client_id
    else:
        name, _, secret = base64.b64decode((authorization or "").removeprefix("Basic ")).decode().partition(":")
        known = [unquote_plus(name), unquote_plus(secret)] == [rules.client_id, rules.client_secret]
        known = known and "client_secret" not in form
    if not known:
        raise Wrong("invalid_client", "who are you?", 401)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        try:
            with self.state.lock:
                self._answer(302, {}, {"Location": authorized(self.state, dict(parse_qsl(url.query)))})
        except Wrong as wrong:
            self._answer(wrong.status, wrong.body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = dict(parse_qsl(body, strict_parsing=True))
        with self.state.lock:
            self.state.asked.append(form)
            self.state.said |= {value for name, value in form.items() if name in {"code", "code_verifier"}}
            planned = self.state.rules.answer
        self.state.arrived.release()
        self.state.stopping.wait(self.state.rules.delay)
        try:
            if planned is not None:
                self._answer(planned[0], _filled(planned[1], form))
                return
            with self.state.lock:
                identified(self.state.rules, form, self.headers.get("Authorization"))
                tokens = granted(self.state, form)
            self._answer(200, tokens, {"Cache-Control": "no-store"})
        except Wrong as wrong:
            self._answer(wrong.status, wrong.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(  # type: ignore[explicit-override]
        self,
        format: str,  # noqa: A002
        *args: object,
    ) -> None:
        """Quiet: what was asked is in the state."""


def _filled(body: object, form: Mapping[str, str]) -> object:
    if isinstance(body, str):
        for name, value in form.items():
            body = body.replace(f"{{{name}}}", value)
        return body
    return {name: _filled(each, form) for name, each in body.items()} if isinstance(body, dict) else body


class Server:
    """The server in a thread: ``with Server() as oauth: … oauth.login, visit(auth_url)``."""

    def __init__(self, rules: Rules | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.rules = rules or Rules()
        self.state = State(rules=self.rules)
        handler = type("BoundHandler", (Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def wait_asked(self, seconds: float = 5.0) -> bool:
        """Whether ``/token`` gets a request within so many seconds; each request counts once."""
        return self.state.arrived.acquire(timeout=seconds)

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS from the next connection on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[dict[str, str]]:
        return self.state.asked

    @property
    def access(self) -> list[str]:
        """The access tokens, oldest first."""
        return self.state.access

    @property
    def said(self) -> set[str]:
        return self.state.said

    @property
    def login(self) -> dict[str, Any]:
        """As it stands in the file of APPX_LOGINS_PATH."""
        return {
            "authorizeUrl": f"{self.url}/authorize?audience=models",
            "tokenUrl": f"{self.url}/token",
            "clientId": self.rules.client_id,
            "scopes": ["models", "offline_access"],
            "redirectUri": self.rules.redirect_uri,
        }

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.state.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:  # type: ignore[explicit-override]
        return None


def visit(auth_url: str) -> str:
    """Do as a browser does at ``auth_url``: the address to which it is sent. Raises urllib's HTTPError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        opener.open(auth_url, timeout=5)
    except urllib.request.HTTPError as error:
        with error:
            if error.code == 302:
                return str(error.headers["Location"])
        raise
    raise AssertionError("a login page sends the browser on")


def main() -> None:
    parser = argparse.ArgumentParser(description="An OAuth server that logs everybody in.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    parser.add_argument("--client-id", default="appx")
    parser.add_argument("--client-secret")
    parser.add_argument("--redirect-uri", default="http://localhost:1/callback")
    parser.add_argument("--lifetime", type=int, default=3600, help="seconds of an access token")
    options = parser.parse_args()
    rules = Rules(
        client_id=options.client_id,
        client_secret=options.client_secret,
        redirect_uri=options.redirect_uri,
        lifetime=options.lifetime,
    )
    server = Server(rules, host=options.host, port=options.port)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
