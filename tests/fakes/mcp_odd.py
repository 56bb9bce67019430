"""An MCP server written by hand, which misbehaves as its first argument says. It needs nothing but Python."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

TOOL = {"name": "tell", "description": "Tell.", "inputSchema": {"type": "object"}}
SURROGATE = '{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"half \\ud800 of it"}]}}'
"""With ``id`` filled in. Python's own encoder would refuse to write the half as it is."""


def main() -> None:
    mode = sys.argv[1]
    BEGINNINGS.get(mode, lambda: None)()
    serve(mode)
    if mode == "deaf":
        time.sleep(600)


def garbage() -> None:
    while True:
        sys.stdout.write("Hello, I am a banner and no message\n" * 100)


def leave() -> None:
    sys.exit("no configuration: SECRET is " + os.environ.get("SECRET", "unset"))


def flood() -> None:
    if os.fork() == 0:
        while True:
            os.write(2, b"noise " * 10_000)


def fork(*, away: bool) -> None:
    """A child that goes on, and holds the pipes; ``away`` from the group, as a daemon does."""
    if os.fork() == 0:
        if away:
            os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path("child").write_text(str(os.getpid()))
        time.sleep(600)
        os._exit(0)


def serve(mode: str) -> None:
    Path("leader").write_text(str(os.getpid()))
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        match asked["method"]:
            case "initialize":
                version = asked["params"]["protocolVersion"]
                info = {"name": "odd", "version": "1"}
                answer(asked, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
            case "tools/list":
                answer(asked, {"tools": tools(mode)})
            case "tools/call":
                called(mode, asked)
            case _:
                say({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "unknown method"}})


def tools(mode: str) -> list[dict[str, object]]:
    match mode:
        case "many":
            return [{**TOOL, "name": f"tool-{number}"} for number in range(1_000)]
        case "large":
            return [
                {**TOOL, "name": "long", "description": "x" * 100_000},
                {**TOOL, "name": "fat", "inputSchema": fat()},
            ]
        case _:
            return [dict(TOOL)]


def fat() -> dict[str, object]:
    return {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(1_000)}}


def called(mode: str, asked: dict[str, object]) -> None:
    match mode:
        case "dies":
            print("out of cheese", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(3)
        case "surrogate":
            print(SURROGATE % asked["id"], flush=True)  # noqa: T201
        case "bytes":
            text = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": content("X")}).encode()
            sys.stdout.buffer.write(text.replace(b'"X"', b'"\xff\xfe ok"') + b"\n")
            sys.stdout.buffer.flush()
        case "endless":
            sys.stdout.write("x" * (20 << 20))
        case "mixed":
            answer(asked, {"content": mixed()})
        case _:
            answer(asked, content(TEXTS.get(mode, "told")))


def mixed() -> list[dict[str, object]]:
    return [
        {"type": "text", "text": "one"},
        {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
        {"type": "resource_link", "name": "menu", "uri": "file:///menu"},
        {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}},
        {"type": "image", "data": "not base64!", "mimeType": "image/png"},
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
    ]


def content(text: str) -> dict[str, object]:
    return {"content": [{"type": "text", "text": text}]}


def answer(asked: dict[str, object], result: object) -> None:
    say({"jsonrpc": "2.0", "id": asked["id"], "result": result})


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


TEXTS = {"unicode": "naïve ☃ 🦉 \u202e", "long": "é" * 200_000}
BEGINNINGS: dict[str, Callable[[], object]] = {
    "garbage": garbage,
    "exits": leave,
    "silent": lambda: time.sleep(600),
    "deaf": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "forks": lambda: fork(away=False),
    "daemon": lambda: fork(away=True),
    "banner": lambda: print("Welcome!", flush=True),  # noqa: T201
    "stderr": flood,
}

if __name__ == "__main__":
    main()
