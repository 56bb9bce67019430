"""The name in the first bytes: of what ssl and browsers send, cut anywhere, and of what is no such thing."""

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.egress.hello import MAX_HELLO, MAX_RECORDS, Incomplete, Unclear, host, server_name

NAMES = st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){1,3}", fullmatch=True).filter(
    lambda name: not name.replace(".", "").isdigit()
)


def client_hello(name: str | None) -> bytes:
    """As the library of this Python sends it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    context.verify_mode = ssl.CERT_REQUIRED if name else ssl.CERT_NONE
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def in_records(hello: bytes, size: int) -> bytes:
    """The same message, cut into records of ``size`` bytes."""
    body = hello[5:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2) + part for part in parts)


@given(NAMES)
def test_the_name_is_found(name: str) -> None:
    assert server_name(client_hello(name)) == name


@given(st.integers(1, MAX_RECORDS))
def test_it_is_found_in_records_of_any_size(count: int) -> None:
    hello = client_hello("example.com")
    assert server_name(in_records(hello, -(-(len(hello) - 5) // count))) == "example.com"


@given(st.integers(1, 5), st.integers(10, 1_000))
def test_it_is_found_when_its_first_records_have_a_byte_each(small: int, rest: int) -> None:
    hello = client_hello("example.com")
    body = hello[5:]
    parts = [body[at : at + 1] for at in range(small)] + [body[small : small + rest], body[small + rest :]]
    cut = b"".join(hello[:3] + len(part).to_bytes(2) + part for part in parts if part)
    assert server_name(cut) == "example.com"


def test_what_follows_a_hello_may_have_come_with_it() -> None:
    assert server_name(client_hello("example.com") + b"\x17\x03\x03\x40\x00" + b"x" * (60 << 10)) == "example.com"


def test_a_hello_that_is_cut_into_many_records_is_unclear_before_the_rest_has_come() -> None:
    """Each byte of it was a reason to look at all of them again."""
    hello = in_records(client_hello("example.com"), 1)
    with pytest.raises(Unclear, match="too many parts"):
        server_name(hello[: MAX_RECORDS * 6])


@pytest.mark.parametrize("size", [MAX_HELLO + 1, 0xFFFFFF])
def test_a_hello_that_says_it_is_long_is_unclear_at_once(size: int) -> None:
    with pytest.raises(Unclear, match="too long"):
        server_name(b"\x16\x03\x01\x00\x04\x01" + size.to_bytes(3))


def test_no_more_than_the_longest_hello_is_waited_for() -> None:
    for hello in (b"\x16\x03\x01\x00\x04\x01\x00\x3f\xff", b"\x16\x03\x01\xff\xff\x01\x00\xff\xf0"):
        with pytest.raises((Incomplete, Unclear)):
            server_name(hello)
        with pytest.raises(Unclear):
            server_name(hello + b"\x16\x03\x01\x3f\xff" + b"\0" * MAX_HELLO)


@given(st.data())
def test_a_hello_that_was_cut_off_needs_more(data: st.DataObject) -> None:
    hello = client_hello("example.com")
    with pytest.raises(Incomplete):
        server_name(hello[: data.draw(st.integers(0, len(hello) - 1))])


@given(st.data())
def test_a_changed_byte_gives_a_name_or_a_reason(data: st.DataObject) -> None:
    hello = bytearray(client_hello("example.com"))
    hello[data.draw(st.integers(0, len(hello) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Incomplete, Unclear):
        assert server_name(bytes(hello))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_name_or_a_reason(data: bytes) -> None:
    for find in (server_name, host):
        with contextlib.suppress(Incomplete, Unclear):
            assert find(data)


def test_a_hello_without_a_name_is_unclear() -> None:
    with pytest.raises(Unclear):
        server_name(client_hello(None))


@given(NAMES, st.sampled_from(["", ":80", ":8080"]), st.sampled_from(["Host", "host", "HOST "]))
def test_the_host_of_a_request_is_found(name: str, port: str, field: str) -> None:
    head = f"GET /simple HTTP/1.1\r\nAccept: */*\r\n{field}: {name}{port}\r\n\r\nbody"
    assert host(head.encode()) == name


@given(st.integers(0, 40))
def test_a_head_that_was_cut_off_needs_more(end: int) -> None:
    with pytest.raises(Incomplete):
        host(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"[: min(end, 36)])


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
        b"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
        b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
def test_a_head_that_names_no_host_or_two_is_unclear(head: bytes) -> None:
    with pytest.raises(Unclear):
        host(head)
