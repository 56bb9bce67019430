from typing import Never

import pytest
from starlette.datastructures import Headers
from typing_extensions import override

from appx.http.auth import COOKIE, COOKIE_SECONDS, SAFE_COOKIE, Gate, same_origin

TOKEN = "0123456789abcdef"


def cookie(value: str, name: str = COOKIE) -> Headers:
    return Headers({"cookie": f"{name}={value}"})


def test_only_the_token_opens() -> None:
    gate = Gate(TOKEN)
    assert gate.bearer(Headers({"Authorization": f"Bearer {TOKEN}"}))
    for wrong in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ünïcode"):
        assert not gate.bearer(Headers(raw=[(b"authorization", wrong.encode())]))


def test_a_login_code_is_good_once() -> None:
    gate = Gate(TOKEN)
    code = gate.new_login()
    assert gate.use_login(code)
    assert not gate.use_login(code)
    assert not gate.use_login("")


def test_login_codes_cannot_fill_the_memory() -> None:
    gate = Gate(TOKEN)
    first = gate.new_login()
    last = [gate.new_login() for _ in range(200)][-1]
    assert not gate.use_login(first)
    assert gate.use_login(last)


def test_a_cookie_tells_its_login_and_belongs_to_the_token() -> None:
    gate = Gate(TOKEN)
    login, value = gate.new_cookie()
    assert gate.cookie_of(cookie(value)) == login
    assert gate.cookie_of(cookie(value, SAFE_COOKIE)) == login
    assert TOKEN not in value
    assert gate.new_cookie()[0] != login
    assert Gate(TOKEN + "x").cookie_of(cookie(value)) is None
    assert gate.cookie_of(cookie(TOKEN)) is None
    assert gate.cookie_of(Headers({"cookie": "\x00;=;"})) is None


def test_a_right_cookie_counts_beside_a_wrong_one_that_another_port_has_set() -> None:
    gate = Gate(TOKEN)
    login, value = gate.new_cookie()
    assert gate.cookie_of(Headers({"cookie": f"{SAFE_COOKIE}=wrong; {COOKIE}={value}"})) == login
    for other in (f"{COOKIE}=wrong", "foo", "x=a b", '"', "a=\\", "=", "é=ü", f"; {COOKIE} ", ";" * 9_000):
        assert gate.cookie_of(Headers(raw=[(b"cookie", f"{other}; {COOKIE}={value};".encode("latin-1"))])) == login


@pytest.mark.parametrize("part", [0, 1, 2])
def test_no_part_of_a_cookie_can_be_changed(part: int) -> None:
    gate = Gate(TOKEN)
    parts = gate.new_cookie()[1].split(".")
    parts[part] = {0: "00000000", 1: "9999999999", 2: "0" * 64}[part]
    assert gate.cookie_of(cookie(".".join(parts))) is None
    for broken in ("", ".", "..", "a.b", "a.b.c.d", "ü.1.2", *parts):
        assert gate.cookie_of(Headers(raw=[(b"cookie", f"{COOKIE}={broken}".encode("latin-1"))])) is None


def test_a_cookie_ends_also_when_the_browser_keeps_it() -> None:
    at = 1_800_000_000.0
    gate = Gate(TOKEN, now=lambda: at)
    _, value = gate.new_cookie()
    at += COOKIE_SECONDS
    assert gate.cookie_of(cookie(value)) is not None
    at += 1
    assert gate.cookie_of(cookie(value)) is None


HOST = "builder.example:4001"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://builder.example",
        "https://builder.example:3000",
        "https://evil.builder.example:4001",
        "https://builder.example:4001.evil.example",
        "https://evil@builder.example:4001",
        "https://builder.example:4001/",
        "ftp://builder.example:4001",
        "builder.example:4001",
        f"https://{HOST} https://{HOST}",
    ],
)
def test_an_origin_that_is_not_quite_ours_is_not_ours(origin: str) -> None:
    for secure in (True, False):
        assert not same_origin(Headers({"origin": origin, "host": HOST}), secure=secure)


def test_an_origin_is_the_same_only_with_host_port_and_over_tls_scheme() -> None:
    ours = Headers({"origin": f"https://{HOST}", "host": HOST})
    plain = Headers({"origin": f"http://{HOST}", "host": HOST.upper()})
    assert same_origin(ours, secure=True)
    assert same_origin(ours, secure=False)
    assert same_origin(plain, secure=False)
    assert not same_origin(plain, secure=True)
    assert not same_origin(Headers({"host": HOST}), secure=False)
    assert not same_origin(Headers({"origin": "http://"}), secure=False)
    assert not same_origin(Headers({"origin": "http://", "host": ""}), secure=False)


@pytest.mark.parametrize(("site", "expected"), [("same-origin", True), ("same-site", False), ("none", False)])
def test_what_the_browser_says_of_the_page_counts_too(site: str, expected: bool) -> None:  # noqa: FBT001
    given = Headers({"origin": f"https://{HOST}", "host": HOST, "sec-fetch-site": site})
    assert same_origin(given, secure=True) is expected
    assert not same_origin(Headers({"host": HOST, "sec-fetch-site": site}), secure=True), "without Origin"


class UntouchedBytes(bytes):
    """Gives its bytes to C code that reads all of them, and to nothing that may end at the first difference."""

    def _touched(self, *_: object, **__: object) -> Never:
        raise AssertionError("the token was compared by something whose time tells how much of it was right")

    __eq__ = __ne__ = __lt__ = __hash__ = __iter__ = __getitem__ = __contains__ = _touched
    startswith = endswith = find = index = count = partition = decode = hex = _touched


class UntouchedToken(str):
    """As ``UntouchedBytes``: what ``Gate`` keeps of it."""

    __slots__ = ()

    @override
    def encode(self, *_: object, **__: object) -> bytes:
        return UntouchedBytes(super().encode())


def test_the_time_of_a_refusal_does_not_tell_how_much_of_a_token_was_right() -> None:
    """Only ``hmac.compare_digest`` ever sees the token: a clock would fail on a busy machine, and prove less."""
    gate = Gate(UntouchedToken(TOKEN))
    assert gate.bearer(Headers({"Authorization": f"Bearer {TOKEN}"}))
    assert not gate.bearer(Headers({"Authorization": f"Bearer y{TOKEN[1:]}"}))
    assert not gate.bearer(Headers({"Authorization": f"Bearer {TOKEN[:-1]}y"}))
    _, good = gate.new_cookie()
    assert gate.cookie_of(cookie(good))
    with pytest.raises(AssertionError, match="whose time tells"):
        assert TOKEN.encode() == UntouchedToken(TOKEN).encode()
