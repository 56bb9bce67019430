"""Requests, and those of them that ask for a WebSocket: the walls look at both."""

from starlette.types import Message, Scope

SOCKET = "websocket"


def is_request(scope: Scope) -> bool:
    return scope["type"] in {"http", SOCKET}


def method_of(scope: Scope) -> str:
    """A WebSocket begins with a GET."""
    return "GET" if scope["type"] == SOCKET else str(scope["method"])


def is_answer(message: Message) -> bool:
    """Whether it is the head of an answer of HTTP."""
    return message["type"] in {"http.response.start", "websocket.http.response.start"}


def status_in(message: Message) -> int | None:
    """That of an answer whose head this is; 101 when a WebSocket is opened."""
    if message["type"] == "websocket.accept":
        return 101
    return int(message["status"]) if is_answer(message) else None
