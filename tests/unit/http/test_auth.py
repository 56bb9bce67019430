from starlette.datastructures import Headers

from appx.http.auth import COOKIE, Gate, same_origin

TOKEN = "0123456789abcdef"


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


def test_the_cookie_does_not_contain_the_token_and_belongs_to_it() -> None:
    gate = Gate(TOKEN)
    assert TOKEN not in gate.cookie
    assert gate.cookie_of(Headers({"cookie": f"{COOKIE}={gate.cookie}"}))
    assert not Gate(TOKEN + "x").cookie_of(Headers({"cookie": f"{COOKIE}={gate.cookie}"}))
    assert not gate.cookie_of(Headers({"cookie": f"{COOKIE}={TOKEN}"}))
    assert not gate.cookie_of(Headers({"cookie": "\x00;=;"}))


def test_an_origin_is_the_same_only_with_host_and_port() -> None:
    assert same_origin(Headers({"origin": "http://localhost:4001", "host": "localhost:4001"}))
    assert not same_origin(Headers({"origin": "http://localhost:3000", "host": "localhost:4001"}))
    assert not same_origin(Headers({"origin": "null", "host": "localhost:4001"}))
    assert not same_origin(Headers({"host": "localhost:4001"}))
