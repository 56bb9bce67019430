"""The commands against a server: what a person sees and what a script can tell."""

import contextlib
import os
import pty
import subprocess
import sys

import anyio
import pytest

from tests.flows.api import TOKEN, Api

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]  # each command starts a Python of its own


async def appx(api: Api, *arguments: str, typed: str = "", token: str = TOKEN) -> tuple[int, str, str]:
    """Exit code, output, errors of a command that knows nothing but the address and the token."""
    url = str(api.http.base_url).rstrip("/")
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "AGENT_SERVER_TOKEN": token, "APPX_URL": url}
    argv = [sys.executable, "-m", "appx", *arguments]
    done = await anyio.run_process(argv, input=typed.encode(), env=environment, check=False, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_a_chat_is_a_turn_of_a_project_which_is_made_when_there_is_none(api: Api) -> None:
    code, output, errors = await appx(api, "chat", "Tea Shop", "run: echo one > one.txt")
    assert (code, errors) == (0, "")
    assert "→ bash echo one > one.txt" in output
    project = await api.ok("GET", "/v1/projects/tea-shop")
    assert await anyio.Path(project["projectDir"], "one.txt").read_text() == "one\n"


async def test_a_conversation_at_the_terminal_goes_on_with_the_newest_session(api: Api) -> None:
    session = await api.session("tea")
    code, output, errors = await appx(api, "chat", "tea", typed="say: first\n\nsay: second\n")
    assert code == 0, errors
    assert output.index("first\n") < output.index("second\n")
    prompts = [each["content"][0]["text"] for each in await api.messages(session) if each["role"] == "user"]
    assert prompts == ["say: first", "say: second"]


async def test_a_turn_that_fails_is_told_by_the_exit_code(api: Api) -> None:
    code, _, errors = await appx(api, "chat", "tea", "fail: the key is not valid")
    assert code == 1
    assert errors == "failed: the key is not valid\n"


async def test_what_does_not_work_is_told_beside_the_conversation(api: Api) -> None:
    project = await api.ok("POST", "/v1/projects", {"name": "tea"})
    await anyio.Path(project["projectDir"], ".pi/mcp.json").write_text("{")
    code, output, errors = await appx(api, "chat", "tea", "say: hello")
    assert (code, output) == (0, "hello\n")
    assert errors == "MCP: .pi/mcp.json is not JSON: EOF while parsing an object at line 1 column 1.\n"


async def test_a_login_link_of_the_command_logs_in(api: Api) -> None:
    code, output, _ = await appx(api, "login-url", "--base", "https://builder.example.com/")
    assert code == 0
    assert output.startswith("https://builder.example.com/login?code=")
    path = output.strip().removeprefix("https://builder.example.com")
    assert (await api.http.get(path, headers={"Authorization": ""})).status_code == 303


async def test_health_is_told_by_the_exit_code(api: Api) -> None:
    ready = (await api.call("GET", "/v1/readyz"))[1]["ready"]
    code, output, errors = await appx(api, "health")
    assert code == (0 if ready else 1)
    assert "ready, podman" in output if ready else errors


async def test_a_wrong_token_is_said_so(api: Api) -> None:
    code, output, errors = await appx(api, "health", token="another-token-0123")
    assert (code, output) == (1, "")
    assert "Authorization: Bearer" in errors


async def test_without_a_terminal_a_question_is_cancelled_and_the_turn_goes_on(api: Api) -> None:
    code, output, errors = await appx(api, "chat", "tea", "ask: Which? | red | blue")
    assert code == 0, errors
    assert "Which?" in errors
    assert "The person did not answer." in output


@pytest.mark.parametrize(
    ("prompt", "typed", "answer"),
    [
        ("ask: Which? | red | blue", "7\n2\n", "The person answered: blue"),
        ("ask: What is it called?", "Tea\n", "The person answered: Tea"),
        ("ask: Which? | red | blue", "\x04", "The person did not answer."),
    ],
)
async def test_at_a_terminal_a_question_is_answered(api: Api, prompt: str, typed: str, answer: str) -> None:
    url = str(api.http.base_url).rstrip("/")
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "AGENT_SERVER_TOKEN": TOKEN, "APPX_URL": url}

    def chat() -> str:
        ours, theirs = pty.openpty()
        argv = [sys.executable, "-m", "appx", "chat", "tea", prompt]
        with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as child:
            os.close(theirs)
            shown, waiting = b"", typed.encode()
            with contextlib.suppress(OSError):  # the other side has closed
                while chunk := os.read(ours, 4096):
                    shown += chunk
                    if shown.endswith(b": ") and waiting:
                        os.write(ours, waiting)
                        waiting = b""
            child.wait()
        os.close(ours)
        return shown.decode()

    assert answer in await anyio.to_thread.run_sync(chat)


async def test_usage_is_a_table_with_a_total(api: Api) -> None:
    await api.turn(await api.session("tea"), "say: hi")
    took = (await api.ok("GET", "/v1/usage"))["total"]
    code, output, errors = await appx(api, "usage", "--by", "project")
    assert (code, errors) == (0, "")
    head, tea, total = output.splitlines()
    assert head.split() == ["project", "replies", "input", "output", "cached", "cost"]
    assert tea.split() == ["tea", "1", f"{took['input']:,}", str(took["output"]), "0", "$0.00"]
    assert total.split() == ["total", *tea.split()[1:]]
    assert len({len(line) for line in (head, tea, total)}) == 1
