"""Whose process is at the other end of a connection."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.kit.peers import owner, tabled, uid_in
from appx.kit.sock_diag import uid_at, uid_in_answer

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


def test_of_datagrams_the_table_tells() -> None:
    kind = socket.SOCK_DGRAM
    with socket.socket(type=kind) as server, socket.socket(type=kind) as client:
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        assert owner("udp", client.getsockname(), server.getsockname()) == (os.getuid() or None)


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
