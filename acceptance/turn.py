"""One turn over the API, as a client sees it: ``turn.py URL SECONDS PROJECT SESSION PROMPT``, the token on stdin.

Prints the events, a JSON line each, until the turn ends. The exit code is 0 only when its outcome is ``done``.
SECONDS are for each read: a heartbeat comes every 15 seconds, so only a server that hangs takes 240.
"""

import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main() -> None:
    url, seconds, project, session, prompt = sys.argv[1:]
    call = Caller(f"{url}/v1/projects/{project}/sessions/{session}", sys.stdin.readline().strip(), float(seconds))
    seen = call.json("")["seq"]
    call.json("/prompt", {"text": prompt})
    for event in call.events(f"/events?after={seen}&deltas=lean"):
        sys.stdout.write(json.dumps(event) + "\n")
        if event["type"] == "agent_end":
            sys.exit(0 if event.get("outcome") == "done" else f"the turn ended as: {event.get('outcome')}")
    sys.exit("the stream ended before the turn did")


class Caller:
    def __init__(self, base: str, token: str, seconds: float) -> None:
        self._base = base
        self._seconds = seconds
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def json(self, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        with self._open(path, body) as answer:
            return json.load(answer)

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        with self._open(path) as answer:
            for line in answer:
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])

    def _open(self, path: str, body: object = None) -> Any:  # noqa: ANN401  urllib has no better type
        data = None if body is None else json.dumps(body).encode()
        return DIRECT.open(urllib.request.Request(self._base + path, data, self._headers), timeout=self._seconds)  # noqa: S310


main()
