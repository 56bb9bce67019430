"""OAuth 2.0 with PKCE, against a server that checks."""

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appx.domain.errors import Invalid
from appx.models.credentials import Tokens
from appx.models.logins import Login
from appx.models.oauth import (
    ANSWER_SECONDS,
    LoginFailed,
    authorize_url,
    challenge,
    code_of,
    new_secret,
    renewed,
    tokens_for_code,
)
from tests.fakes.oauth_server import Rules, Server, visit
from tests.unit.models.test_surroundings import make_certificates

pytestmark = pytest.mark.anyio

STATE = "state-0123456789-0123456789"
BACK = "http://localhost:1/callback"
CODES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).filter(lambda code: "://" not in code)


def login_at(server: Server, secret: str | None = None) -> Login:
    login = Login.model_validate(server.login)
    return login.model_copy(update={"client_secret": SecretStr(secret)}) if secret else login


def code_from(login: Login, verifier: str) -> str:
    return code_of(visit(authorize_url(login, state=STATE, verifier=verifier)), STATE)


async def failure_of(server: Server, secret: str | None = None, *, within: float = ANSWER_SECONDS) -> LoginFailed:
    login, verifier = login_at(server, secret), new_secret()
    code = code_from(login, verifier)
    with pytest.raises(LoginFailed) as raised:
        await tokens_for_code(login, code, verifier, within=within)
    assert raised.value.__cause__ is None
    return raised.value


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(43 <= len(secret) <= 128 for secret in made), "RFC 7636, 4.1"


def test_the_address_keeps_what_the_operator_put_in_it_but_not_over_ours() -> None:
    login = Login(
        authorize_url="https://sso.example/a?prompt=consent&empty=&resource=a&resource=b&state=mine",
        token_url="https://sso.example/t",
        client_id="a&b",
        redirect_uri=BACK,
        scopes=("models", "offline_access"),
    )
    url = authorize_url(login, state=STATE, verifier="v")
    assert url.startswith("https://sso.example/a?")
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [
        ("prompt", "consent"), ("empty", ""), ("resource", "a"), ("resource", "b"),
        ("response_type", "code"), ("client_id", "a&b"), ("redirect_uri", BACK), ("state", STATE),
        ("code_challenge", challenge("v")), ("code_challenge_method", "S256"), ("scope", "models offline_access"),
    ]  # fmt: skip


@given(CODES, st.sampled_from(["", " ", "\n"]))
def test_a_code_is_found_as_it_is_and_in_the_whole_address(code: str, around: str) -> None:
    url = f"{BACK}?{urlencode({'iss': 'https://sso.example', 'code': code, 'state': STATE})}"
    assert code_of(f"{around}{code}{around}", STATE) == code
    assert code_of(f"{around}{url}{around}", STATE) == code


@pytest.mark.parametrize(
    "entered",
    [
        "", "   ", "two words", "ünïcode", "x" * 8_193,
        "http://[", BACK, f"{BACK}?code=abcd", f"{BACK}?code=abcd&state=", f"{BACK}?code=abcd&state=another",
        f"{BACK}?code=abcd&state=%ff", f"{BACK}?state={STATE}", f"{BACK}?state={STATE}&code=",
        f"{BACK}?state={STATE}&state={STATE}&code=abcd", f"{BACK}?state={STATE}&code=a&code=b",
        f"{BACK}?state={STATE}&code=two+words", f"{BACK}?error=access_denied", f"{BACK}?error=access_denied&state=x",
    ],
)  # fmt: skip
def test_what_is_no_code_of_this_login_is_refused(entered: str) -> None:
    with pytest.raises(Invalid):
        code_of(entered, STATE)


def test_a_refusal_is_told_in_the_words_of_the_server() -> None:
    with pytest.raises(LoginFailed, match=r"refused: access_denied: You said no\.$"):
        code_of(f"{BACK}?error=access_denied&error_description=You+said+no.&state={STATE}", STATE)


@pytest.mark.parametrize("secret", [None, "very:secret/+ %&ü"])
async def test_a_code_becomes_tokens_and_those_become_newer_ones(secret: str | None) -> None:
    with Server(Rules(client_id="my appx", client_secret=secret)) as server:
        login, verifier = login_at(server, secret), new_secret()
        first = await tokens_for_code(login, code_from(login, verifier), verifier)
        second = await renewed(login, first)
    assert [first.access.get_secret_value(), second.access.get_secret_value()] == server.access
    assert first.refresh != second.refresh
    assert first.expires is not None
    assert all("client_secret" not in form for form in server.asked)


async def test_a_refresh_token_stays_when_there_is_no_other_and_an_end_may_be_untold() -> None:
    with Server(Rules(rotates=False, lifetime=None)) as server:
        login, verifier = login_at(server), new_secret()
        first = await tokens_for_code(login, code_from(login, verifier), verifier)
        second = await renewed(login, first)
    assert first.refresh == second.refresh
    assert first.access != second.access
    assert (first.expires, second.expires) == (None, None)


async def test_a_code_is_good_once_and_only_with_its_verifier() -> None:
    with Server() as server:
        login, verifier = login_at(server), new_secret()
        with pytest.raises(LoginFailed, match=r"invalid_grant: the verifier does not fit"):
            await tokens_for_code(login, code_from(login, verifier), new_secret())
        code = code_from(login, verifier)
        await tokens_for_code(login, code, verifier)
        with pytest.raises(LoginFailed, match=r"invalid_grant: no such code"):
            await tokens_for_code(login, code, verifier)


async def test_a_client_with_a_wrong_secret_is_told_so() -> None:
    with Server(Rules(client_secret="right")) as server:
        assert "invalid_client" in str(await failure_of(server, "wrong"))


ECHO = "You sent {code} and {code_verifier}."


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        ((400, {"error": "invalid_grant", "error_description": ECHO}), False),
        ((400, {"error": ECHO}), False),
        ((401, {"error": "invalid_client"}), False),
        ((429, {"error": "slow_down"}), True),
        ((500, "<html>" + ECHO), True),
        ((503, ""), True),
        ((302, ""), False),
        ((404, ECHO), False),
        ((200, ""), False),
        ((200, "<html>" + ECHO), False),
        ((200, {}), False),
        ((200, {"access_token": "two words", "token_type": "Bearer"}), False),
        ((200, {"access_token": "ünïcode", "token_type": "Bearer"}), False),
        ((200, {"access_token": "", "token_type": "Bearer"}), False),
        ((200, {"access_token": "canary", "token_type": "mac"}), False),
        ((200, {"access_token": "canary", "expires_in": -1}), False),
        ((200, '{"access_token": "canary", "expires_in": Infinity}'), False),
        ((200, {"access_token": "canary", "expires_in": 1e300}), False),
    ],
)
async def test_a_failure_says_whether_to_ask_again_and_holds_no_secret(
    *, answer: tuple[int, object], again: bool
) -> None:
    with Server(Rules(answer=answer)) as server:
        failure = await failure_of(server)
    assert failure.again is again
    assert str(failure).startswith("127.0.0.1:")
    words = {variant for secret in {*server.said, "canary"} for variant in (secret, quote(secret, safe=""))}
    assert not [word for word in words if word in str(failure)]


@pytest.mark.parametrize("told", [3600, 3600.5, "3600"])
async def test_an_end_is_told_in_seconds_however_it_is_written(told: object) -> None:
    with Server(Rules(answer=(200, {"access_token": "abcd", "token_type": "BEARER", "expires_in": told}))) as server:
        tokens = await tokens_for_code(login_at(server), "code", "verifier")
        later = await tokens_for_code(login_at(server), "code", "verifier")
    assert tokens.expires is not None
    assert later.expires is not None
    assert 0 <= later.expires - tokens.expires < 10_000
    assert tokens.refresh is None


async def test_an_answer_that_is_too_large_is_not_taken_in() -> None:
    with Server(Rules(answer=(200, {"access_token": "a" * (2 << 20), "token_type": "Bearer"}))) as server:
        failed = await failure_of(server)
    assert not failed.again
    assert "no end" in str(failed)


async def test_a_server_that_is_silent_or_absent_may_be_asked_again() -> None:
    with Server(Rules(delay=30)) as server:
        failure = await failure_of(server, within=0.3)
        assert (failure.again, "silent" in str(failure)) == (True, True)
    with pytest.raises(LoginFailed, match="cannot be reached") as raised:
        await renewed(login_at(server), Tokens(access=SecretStr("a"), refresh=SecretStr("r")))
    assert raised.value.again


ASK = """
import json, sys
import anyio
from appx.models.logins import Login
from appx.models.oauth import LoginFailed, tokens_for_code

async def main():
    for url in json.loads(sys.argv[1]):
        login = Login(authorize_url=url, token_url=url, client_id="appx", redirect_uri="http://localhost:1/callback")
        try:
            print((await tokens_for_code(login, "code", "verifier")).access.get_secret_value())
        except LoginFailed as failure:
            print("failed:", failure)

anyio.run(main)
"""


@pytest.mark.timeout(60)
def test_proxies_and_authorities_are_those_of_the_process(tmp_path: Path) -> None:
    """As for the providers themselves: see test_surroundings."""

    def answering(name: str) -> Server:
        return Server(Rules(answer=(200, {"access_token": name, "token_type": "Bearer"})))

    def behind_tls(server: Server, folder: Path) -> str:
        folder.mkdir()
        make_certificates(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        server.wrap(context)
        return f"https://127.0.0.1:{server.port}/token"

    with answering("proxy") as proxy, answering("trusted") as trusted, answering("unheard-of") as unheard_of:
        urls = [
            "http://sso.invalid/token",
            behind_tls(trusted, tmp_path / "trusted"),
            behind_tls(unheard_of, tmp_path / "unheard-of"),
        ]
        environment = {
            "PYTHONPATH": os.pathsep.join(sys.path), "http_proxy": proxy.url, "NO_PROXY": "127.0.0.1",
            "SSL_CERT_FILE": str(tmp_path / "trusted" / "authority.pem"),
        }  # fmt: skip
        argv = [sys.executable, "-W", "error", "-c", ASK, json.dumps(urls)]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert (first, second) == ("proxy", "trusted")
    assert "cannot be reached" in third
    assert unheard_of.asked == [], "nothing was sent"
