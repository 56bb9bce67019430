"""schemathesis against a running server: whatever it sends, the answer is one that the document declares.

It runs as a program of its own, so its warnings and plugins are not ours.
"""

import json
import re
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, CompletedProcess
from urllib.parse import quote

import anyio
import httpx2
import pytest

from tests.contract.schema import check
from tests.flows.apart import Apart, apart
from tests.flows.api import TOKEN, Api

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
SEED = 20_261_125
CASES = 15
"""For each operation and kind of data, besides those that cover each keyword of its schemas."""

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance", "use_after_free",
)  # fmt: skip
"""All but those that take the schema for the only rule: a name without any letter is valid by it, and refused. And
without ``ignored_auth``, which takes 429 for a way in; the test below asks every operation with a wrong token.
"""

EXCLUDED = ("streamSessionEvents", "followApps")
"""Streams without an end. Other flows test them."""


async def schemathesis(
    server: Apart, directory: Path, *, seed: int = SEED, cases: int = CASES
) -> CompletedProcess[bytes]:
    session = await server.session()
    await server.turn(session, "run: echo a call and its result")
    await server.ok("PATCH", f"{session}/settings", {"provider": "scripted", "modelId": "demo"})
    _, _, _, project, _, session_id = session.split("/")
    (directory / "target.json").write_text(json.dumps({"projectId": project, "id": session_id}))
    arguments = [
        f"http://127.0.0.1:{server.port}/openapi.json",
        f"--header=Authorization: Bearer {TOKEN}",
        f"--checks={','.join(CHECKS)}",
        *(f"--exclude-operation-id={each}" for each in EXCLUDED),
        "--phases=coverage,fuzzing,stateful", "--mode=all", f"--max-examples={cases}", f"--seed={seed}",
        "--generation-database=none", "--continue-on-failure", "--request-timeout=30", "--no-color", "--warnings=off",
    ]  # fmt: skip
    return await anyio.run_process(
        [str(Path(sys.executable).with_name("schemathesis")), "run", *arguments],
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        check=False,
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.flows.fuzz_hooks"},
    )


async def test_whatever_is_sent_the_answer_is_a_declared_one(tmp_path: Path) -> None:
    async with apart(tmp_path) as server:
        done = await schemathesis(server, tmp_path)
        told = done.stdout.decode()
        assert done.returncode == 0, told
        assert (await server.call("GET", "/v1/healthz"))[0] == 200
    assert "Traceback" not in server.log
    summary = told[told.index("SUMMARY") :]
    assert re.search(r"\d{3} generated", summary), summary
    print(summary)  # noqa: T201  shown with -rP: how many cases there were


async def test_without_the_token_every_operation_is_refused(api: Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    async with httpx2.AsyncClient(base_url=api.http.base_url, trust_env=False) as stranger:
        for path, operations in document["paths"].items():
            for method in operations:
                for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "appx_login=wrong"}):
                    answer = await stranger.request(method, path.replace("{", "").replace("}", ""), headers=headers)
                    # After twenty wrong ones the address has to wait; who shows nothing is not counted.
                    assert answer.status_code in ({401, 429} if headers else {401}), (method, path)
                    told = {401: "www-authenticate", 429: "retry-after"}
                    assert answer.headers[told[answer.status_code]]
                    check(answer.json(), "ErrorResponse")


async def test_a_method_that_a_path_does_not_take_is_told_those_that_it_does(api: Api) -> None:
    answer = await api.http.put("/v1/projects")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    answer = await api.http.post(f"/v1/projects/x/sessions/{quote('a b')}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET")
    assert (await api.http.post("/docs")).headers["allow"] == "GET"
    check(answer.json(), "ErrorResponse")
