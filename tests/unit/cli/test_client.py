"""What a command says when the server does not do what it wants."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click
import pytest

from appx.cli.client import Client

TOKEN = "test-token-0123456789"


@contextmanager
def answering(status: int, body: str, seen: list[Mapping[str, str]] | None = None) -> Iterator[str]:
    """A server that answers everything alike; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append({**self.headers, "path": self.path})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(status: int, body: str) -> str:
    with (
        answering(status, body) as url,
        Client(url, TOKEN) as client,
        pytest.raises(click.ClickException) as raised,
    ):
        client.get("/v1/projects")
    return raised.value.message


def test_the_token_goes_with_every_request() -> None:
    seen: list[Mapping[str, str]] = []
    with answering(200, '{"ok": true}', seen) as url, Client(url, TOKEN) as client:
        assert client.get("/v1/a") == client.post("/v1/b", {"x": 1}) == {"ok": True}
    assert [each["Authorization"] for each in seen] == [f"Bearer {TOKEN}"] * 2
    assert [each["path"] for each in seen] == ["/v1/a", "/v1/b"], "and never in the address"


def test_the_servers_own_sentence_is_shown() -> None:
    assert refusal(404, '{"error": "project not found"}') == "project not found"


def test_it_commands_no_terminal() -> None:
    assert refusal(503, json.dumps({"error": "a\x1b]52;c;x\x07\x9b2J\nb"})) == "a\ufffd]52;c;x\ufffd\ufffd2J\nb"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", "null"])
def test_an_answer_without_a_sentence_is_told_by_its_number(body: str) -> None:
    assert refusal(502, body) == "The server answered 502."


def test_a_status_that_is_accepted_is_no_failure() -> None:
    with answering(503, '{"ready": false}') as url, Client(url, TOKEN) as client:
        assert client.get("/v1/readyz", accept=(200, 503)) == {"ready": False}


def test_a_server_that_is_not_there_is_named() -> None:
    with answering(200, "{}") as url:
        pass
    with Client(url, TOKEN) as client, pytest.raises(click.ClickException, match=f"{url} does not answer"):
        client.get("/v1/healthz")


def test_events_come_with_the_number_of_their_record() -> None:
    events = [{"type": "agent_start"}, {"type": "message_update"}, {"type": "agent_end"}]
    lines = [
        "data: connected to s1",
        f"id: 1\ndata: {json.dumps(events[0])}",
        f"data: {json.dumps(events[1])}",
        ": heartbeat",
        f"id: 7\ndata: {json.dumps(events[2])}",
    ]
    seen: list[Mapping[str, str]] = []
    with answering(200, "\n\n".join(lines) + "\n\n", seen) as url, Client(url, TOKEN) as client:
        found = list(client.events("/v1/events", after=3))
    assert found == [(1, events[0]), (None, events[1]), (7, events[2])]
    assert seen[0]["path"] == "/v1/events?after=3&deltas=lean"


def test_a_line_end_of_unicode_ends_no_event() -> None:
    event = {"type": "message_update", "text": "a\u2028b\u2029c\x85d"}
    with answering(200, f"data: {json.dumps(event, ensure_ascii=False)}\n\n") as url, Client(url, TOKEN) as client:
        assert list(client.events("/v1/events")) == [(None, event)]


def test_events_are_asked_for_with_the_query_of_their_path() -> None:
    seen: list[Mapping[str, str]] = []
    with answering(200, 'id: 7\ndata: {"x": 1}\n\n', seen) as url, Client(url, TOKEN) as client:
        assert list(client.events("/v1/a?follow=true&lines=5")) == [(7, {"x": 1})]
        list(client.events("/v1/a", after=3))
    assert [each["path"] for each in seen] == ["/v1/a?follow=true&lines=5", "/v1/a?after=3&deltas=lean"]
