"""A stand-in for a provider that speaks OpenAI's chat completions: it follows a plan and remembers what it was asked.

Only the standard library, so that it runs on any machine with Python 3.11:

    python3 openai_server.py --port 8099 --plan plan.json --log requests.jsonl

The plan is a JSON array of steps; in Python also a function that finds the steps by the body of a request. A request
with n assistant messages gets step n, so that a conversation goes through the plan in order and another one starts
anew. A conversation that is longer than the plan gets the last step. A step:

    {"text": "Hello", "thinking": "…", "calls": [{"name": "bash", "arguments": {"command": "ls"}}]}

``text`` and ``calls`` are streamed in pieces of ``piece`` characters (default 16), ``pause`` seconds apart. Also:
``arguments`` may be a string, sent as it is (broken JSON, say); ``usage`` (as OpenAI gives it); ``finish`` (finish
reason); ``delay`` (seconds before the first byte); ``status`` with ``error`` and ``headers`` (an HTTP error instead);
``times`` (how often the HTTP error is given, after that the rest of the step; default: always); ``cut`` (the stream
breaks off after so many pieces); ``hang`` (the stream stays silent after so many pieces); ``chunks`` (lines of SSE
data, sent as they are, for other dialects).
"""

import argparse
import contextlib
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Step = Mapping[str, Any]
Plan = Sequence[Step] | Callable[[Mapping[str, Any]], Sequence[Step]]

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@dataclass
class Asked:
    """One request: its path, its headers with names in lower case, its body."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class State:
    """What the server follows, and what it has seen. ``closed`` counts streams that the client left early."""

    plan: Plan
    log: Path | None = None
    asked: list[Asked] = field(default_factory=list)
    errors_given: dict[int, int] = field(default_factory=dict)
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asked: Asked) -> tuple[Step, bool]:
        """The step for a request, and whether its HTTP error is to be given."""
        with self.lock:
            self.asked.append(asked)
            if self.log is not None:
                with self.log.open("a") as file:
                    file.write(json.dumps({"path": asked.path, "headers": asked.headers, "body": asked.body}) + "\n")
            plan = self.plan(asked.body) if callable(self.plan) else self.plan
            number = min(_said(asked.body), len(plan) - 1)
            step = plan[number]
            given = self.errors_given.get(number, 0)
            failing = "status" in step and given < step.get("times", sys.maxsize)
            if failing:
                self.errors_given[number] = given + 1
            return step, failing


def _said(body: Mapping[str, Any]) -> int:
    """How many times the model has answered in this conversation."""
    messages = body.get("messages") or body.get("input") or body.get("contents") or []
    return sum(isinstance(message, dict) and message.get("role") in {"assistant", "model"} for message in messages)


class Handler(BaseHTTPRequestHandler):
    """Answers any POST with the plan; GET …/models lists one model; GET /requests tells what was asked."""

    protocol_version = "HTTP/1.1"
    state: State

    def do_GET(self) -> None:
        if self.path == "/requests":
            with self.state.lock:
                self._json(
                    200, [{"path": one.path, "headers": one.headers, "body": one.body} for one in self.state.asked]
                )
        else:
            self._json(200, {"object": "list", "data": [{"id": "planned", "object": "model"}]})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        step, failing = self.state.take(Asked(self.path, headers, body))
        self.state.stopping.wait(step.get("delay", 0))
        try:
            if failing:
                self._json(
                    step["status"], step.get("error", {"error": {"message": "planned"}}), step.get("headers", {})
                )
            else:
                self._stream(step, str(body.get("model", "planned")))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            self.state.closed.release()

    def _stream(self, step: Step, model: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, data in enumerate(step["chunks"] if "chunks" in step else pieces(step, model)):
            if number == step.get("hang"):
                self._hang()
                return
            if number == step.get("cut"):
                self.close_connection = True
                return
            self._chunk(data if data.startswith(("data:", "event:")) else f"data: {data}")
            self.state.stopping.wait(step.get("pause", 0))
        self.wfile.write(b"0\r\n\r\n")

    def _hang(self) -> None:
        """Stay silent until the client goes away or the server stops."""
        self.connection.settimeout(0.05)
        while not self.state.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    raise ConnectionResetError
        self.close_connection = True

    def _chunk(self, text: str) -> None:
        data = f"{text}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
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
        """Quiet: the requests are in the state."""


def pieces(step: Step, model: str) -> Iterator[str]:
    """The chunks of a chat completion, as JSON."""
    size = step.get("piece", 16)
    yield _chunk(model, {"role": "assistant", "content": ""})
    for name, text in (("reasoning_content", step.get("thinking", "")), ("content", step.get("text", ""))):
        for start in range(0, len(text), size):
            yield _chunk(model, {name: text[start : start + size]})
    for index, call in enumerate(step.get("calls", ())):
        yield from _call(model, index, call, size)
    reason = step.get("finish", "tool_calls" if step.get("calls") else "stop")
    yield _chunk(model, {}, reason)
    yield json.dumps({**_frame(model), "choices": [], "usage": step.get("usage", USAGE)})
    yield "[DONE]"


def _call(model: str, index: int, call: Mapping[str, Any], size: int) -> Iterator[str]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    start = {
        "index": index,
        "id": call.get("id", f"call_{time.time_ns():x}_{index}"),
        "type": "function",
        "function": {"name": call["name"], "arguments": ""},
    }
    yield _chunk(model, {"tool_calls": [start]})
    for at in range(0, len(text), size):
        yield _chunk(model, {"tool_calls": [{"index": index, "function": {"arguments": text[at : at + size]}}]})


def _frame(model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-planned", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model}


def _chunk(model: str, delta: Mapping[str, Any], reason: str | None = None) -> str:
    return json.dumps({**_frame(model), "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


class Server:
    """The server in a thread: ``with Server([{"text": "Hello"}]) as server: … server.url, server.asked``."""

    def __init__(self, plan: Plan, *, host: str = "127.0.0.1", port: int = 0, log: Path | None = None) -> None:
        self.state = State(plan=plan, log=log)
        handler = type("BoundHandler", (Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL for a client of OpenAI."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def asked(self) -> list[Asked]:
        return self.state.asked

    def wait_closed(self, seconds: float = 5.0) -> bool:
        """Whether a client left a stream early, within so many seconds."""
        return self.state.closed.acquire(timeout=seconds)

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS from the next connection on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

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


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider that follows a plan.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    parser.add_argument("--plan", type=Path, required=True, help="a JSON file: see the top of this file")
    parser.add_argument("--log", type=Path, help="append each request to this file, a JSON line each")
    options = parser.parse_args()
    server = Server(json.loads(options.plan.read_text()), host=options.host, port=options.port, log=options.log)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
