"""Whose process is at the other end of a connection."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.kit import peers
from appx.kit.peers import Whose, owner, sole_owner, tabled, uid_in
from appx.kit.sock_diag import uid_at, uid_in_answer, uids_at

FOUR = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0FF0 00000000:0000 0A 00000000:00000000 00:00000000 00000000   997        0 1 1 0 100 0 0 10 0
   1: 0100007F:0FF0 0100007F:BC62 01 00000000:00000000 00:00000000 00000000   997        0 2 1 0 20 4 30 10 -1
   2: 0100007F:BC62 0100007F:0FF0 01 00000000:00000000 00:00000000 00000000  2007        0 3 1 0 20 4 30 10 -1
   3: 0100007F:BC63 0100007F:0FF0 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0
   4: 0100007F:BC64 0100007F:0FA1 01 00000000:00000000 00:00000000 00000000  2008        0 4 1 0 20 4 30 10 -1
"""
SIX = """\
  sl  local_address                         remote_address                        st tx rx tr tm retrnsmt uid timeout
   0: 0000000000000000FFFF00000100007F:BC65 0000000000000000FFFF00000100007F:0FF0 01 0:0 00:0 0  2009        0 5 1
"""
HERE = ("127.0.0.1", 4080)
MAPPED = "::ffff:127.0.0.1"


def look(table: str, port: int) -> int | None:
    return uid_in(table.splitlines(), ("127.0.0.1", port), HERE)


def test_the_uid_is_that_of_the_socket_at_the_other_end() -> None:
    assert look(FOUR, 0xBC62) == 2007


def test_a_socket_that_nobody_has_any_more_is_no_ones() -> None:
    assert look(FOUR, 0xBC63) is None, "else it would be root's"


def test_a_connection_to_another_port_is_another_connection() -> None:
    assert look(FOUR, 0xBC64) is None


def test_a_connection_by_a_socket_of_version_6_is_found() -> None:
    assert look(SIX, 0xBC65) == 2009


@given(st.lists(st.text(max_size=60), max_size=8))
def test_a_table_that_makes_no_sense_tells_nothing(lines: list[str]) -> None:
    assert uid_in(lines, ("127.0.0.1", 1), HERE) is None


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_kernel_tells_who_is_at_the_other_end_of_a_real_connection(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        client.connect((host, server.getsockname()[1]))
        accepted, peer = server.accept()
        with accepted:
            assert owner("tcp", peer, accepted.getsockname()) == (os.getuid() or None)


def test_where_the_kernel_answers_no_questions_its_table_tells(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(FOUR)
    assert tabled("tcp", ("127.0.0.1", 0xBC62), HERE, tmp_path) == 2007
    assert tabled("tcp", ("127.0.0.1", 1), HERE, tmp_path) is None


@contextmanager
def datagrams(family: socket.AddressFamily = socket.AF_INET) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client is not yet connected."""
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        yield server, client


def seen_from(server: socket.socket, client: socket.socket) -> tuple[str, int]:
    client.send(b"?")
    host, port = server.recvfrom(9)[1]
    return host, port


@pytest.mark.parametrize("tell", [owner, sole_owner])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_of_datagrams_the_kernel_tells_without_a_table(
    family: socket.AddressFamily, tell: Whose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables grow with each flow of any account."""
    monkeypatch.setattr(peers, "tabled", None)
    with datagrams(family) as (server, client):
        client.connect((MAPPED if family == socket.AF_INET6 else "127.0.0.1", server.getsockname()[1]))
        assert tell("udp", seen_from(server, client), server.getsockname()) == (os.getuid() or None)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_one_question_finds_the_socket_of_datagrams_by_both_its_ends(family: socket.AddressFamily) -> None:
    with datagrams(family) as (server, client):
        client.connect((MAPPED if family == socket.AF_INET6 else "127.0.0.1", server.getsockname()[1]))
        peer, here = seen_from(server, client), server.getsockname()
        assert uid_at(peer, here, "udp") == os.getuid()
        assert uids_at(peer, here) == {os.getuid()}
        for other in ((peer[0], peer[1] ^ 1), ("127.0.0.2", peer[1])):
            assert uid_at(other, here, "udp") is None
            assert uids_at(other, here) == set()
        for other in ((here[0], here[1] ^ 1), ("127.0.0.2", here[1])):
            assert uid_at(peer, other, "udp") is None
            assert uids_at(peer, other) == set()


def test_a_socket_of_datagrams_that_is_not_connected_is_no_ones() -> None:
    with datagrams() as (server, client):
        client.sendto(b"?", server.getsockname())
        peer = server.recvfrom(9)[1]
        assert uid_at(peer, server.getsockname(), "udp") is None
        assert owner("udp", peer, server.getsockname()) is None


@pytest.mark.skipif(os.getuid() != 0, reason="sockets of two uids are made by root")
def test_datagrams_from_a_port_that_two_uids_share_are_of_neither() -> None:
    """pasta keeps the port of who sends, and lets others bind to it."""
    with datagrams() as (server, mine), socket.socket(type=socket.SOCK_DGRAM) as theirs:
        here = server.getsockname()
        for number, each in enumerate((mine, theirs)):
            bind_as(2_001 + number, each, mine.getsockname()[1], here)
            found = sole_owner("udp", mine.getsockname(), here)
            assert found == (2_001 if number == 0 else None)
        assert uids_at(mine.getsockname(), here) == {2_001, 2_002}
        assert owner("udp", mine.getsockname(), here) in {2_001, 2_002}


def bind_as(uid: int, each: socket.socket, port: int, here: tuple[str, int]) -> None:
    os.fchown(each.fileno(), uid, uid)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    each.bind(("127.0.0.1", port))
    each.connect(here)


def test_nor_does_the_table_tell_one_of_two() -> None:
    line = FOUR.splitlines()[3]
    assert look(line, 0xBC62) == 2007
    assert look(f"{line}\n{line}", 0xBC62) == 2007
    assert look(f"{line}\n{line.replace('2007', '2008')}", 0xBC62) is None


def test_where_the_kernel_answers_no_questions_on_datagrams_its_table_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: object) -> frozenset[int]:
        raise OSError("No such file or directory")

    monkeypatch.setattr(peers, "uid_at", lambda *_: None)
    monkeypatch.setattr(peers, "uids_at", unable)
    monkeypatch.setattr(peers, "tabled", lambda *_: 2_009)
    assert owner("udp", ("127.0.0.1", 1), HERE) == sole_owner("udp", ("127.0.0.1", 1), HERE) == 2_009


def test_a_list_that_the_kernel_cannot_make_is_no_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "IPPROTO_UDP", 200)
    with pytest.raises(OSError, match=r"No such file|Invalid argument"):
        uids_at(("127.0.0.1", 1), HERE)


def test_a_socket_that_listens_is_not_taken_for_one_that_asks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert uid_at(server.getsockname(), ("127.0.0.1", 9)) is None


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_one_question_finds_the_socket_by_both_its_ends(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(family) as client:
        client.connect((host, server.getsockname()[1]))
        accepted, peer = server.accept()
        with accepted:
            assert uid_at(peer, accepted.getsockname()) == os.getuid()
            assert uid_at((peer[0], peer[1] ^ 1), accepted.getsockname()) is None


@given(st.binary(max_size=200))
def test_an_answer_that_makes_no_sense_tells_nothing(answer: bytes) -> None:
    assert uid_in_answer(answer, ("127.0.0.1", 1), HERE) is None
