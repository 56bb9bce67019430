"""Turns with a real provider's dialect, asked on loopback: what it is told, what it does, what never leaks."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import appx.models.ask  # noqa: F401  loads the providers' libraries now, so that no turn waits for them
from appx.domain.limits import too_many_steps
from appx.models.catalogue import Api as Dialect
from appx.models.outgoing import NO_PICTURES
from tests.fakes.conversations import png
from tests.fakes.openai_server import Server, Step
from tests.fakes.streams import step
from tests.flows.api import TOKEN, Api, serving
from tests.flows.test_sessions import settled

pytestmark = pytest.mark.anyio

KEY = "canary-key-0123456789"
WRITE = {"name": "write", "arguments": {"path": "index.html", "content": "<h1>Tea</h1>\n"}}


@asynccontextmanager
async def asking(workspace: Path, plan: Sequence[Step], **variables: str) -> AsyncIterator[tuple[Api, Server]]:
    """A server whose default model is asked at a provider that follows the plan."""
    with Server(plan) as provider:
        given = {
            "LITELLM_BASE_URL": provider.url, "LITELLM_API_KEY": KEY, "LITELLM_DEFAULT_MODEL": "litellm/openai/gpt-5.5",
        }  # fmt: skip
        async with serving(workspace, **given, **variables) as api:
            yield api, provider


def instructions(provider: Server, number: int = -1) -> str:
    """The system prompt of a request."""
    first = provider.asked[number].body["messages"][0]
    assert first["role"] == "system"
    text: str = first["content"]
    return text


async def directory(api: Api) -> anyio.Path:
    return anyio.Path((await api.ok("GET", "/v1/projects/demo"))["projectDir"])


async def test_a_model_writes_and_runs_and_answers(tmp_path: Path) -> None:
    plan: list[Step] = [
        {"text": "I write.", "calls": [WRITE]},
        {"calls": [{"name": "bash", "arguments": {"command": "cat index.html; pwd"}}]},
        {"text": "There is a page."},
    ]
    async with asking(tmp_path, plan) as (api, provider):
        session = await api.session()
        told = await api.turn(session, "A page about tea")
        assert told[-1]["outcome"] == "done"
        messages = await api.messages(session)
        assert [each["role"] for each in messages] == ["user", *["assistant", "toolResult"] * 2, "assistant"]
        assert messages[-1]["content"] == [{"type": "text", "text": "There is a page."}]
        assert (messages[1]["provider"], messages[1]["model"]) == ("litellm", "openai/gpt-5.5")
        assert messages[1]["usage"]["totalTokens"] == 120
        assert messages[1]["usage"]["cost"]["total"] > 0
        place = await directory(api)
        assert await (place / "index.html").read_text() == "<h1>Tea</h1>\n"
        assert f"<h1>Tea</h1>\n{place}" in messages[4]["content"][0]["text"]
    assert len(provider.asked) == 3
    assert {"read", "write", "edit", "bash"} <= {each["function"]["name"] for each in provider.asked[0].body["tools"]}
    assert [each["role"] for each in provider.asked[2].body["messages"]] == [
        "system", "user", *["assistant", "tool"] * 2,
    ]  # fmt: skip


async def test_no_key_and_no_token_is_in_the_environment_of_a_command_or_in_what_readers_are_told(
    tmp_path: Path,
) -> None:
    plan: list[Step] = [{"calls": [{"name": "bash", "arguments": {"command": "env"}}]}, {"text": "Done."}]
    async with asking(tmp_path, plan, OPENAI_API_KEY=KEY) as (api, provider):
        session = await api.session()
        told = json.dumps(await api.turn(session, "look"))
        assert "PATH=" in told
        for secret in (KEY, TOKEN):
            assert secret not in told
            for path in ("/v1/sessions/models", "/v1/auth/providers", session):
                assert secret not in json.dumps(await api.ok("GET", path))
    assert TOKEN not in json.dumps([each.body for each in provider.asked])


@pytest.mark.parametrize(
    ("provider", "dialect", "variable", "base"),
    [
        ("openai", "openai-responses", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        ("anthropic", "anthropic-messages", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    ],
)
async def test_a_key_and_an_address_of_the_environment_are_used(
    tmp_path: Path, provider: str, dialect: Dialect, variable: str, base: str
) -> None:
    with Server([step(dialect, text="Hi.")]) as gateway:
        address = gateway.url if provider == "openai" else gateway.url.removesuffix("/v1")
        async with serving(tmp_path, **{variable: KEY, base: address}) as api:
            told = await api.turn(await api.session(), "hello")
    assert (told[-1]["outcome"], told[-1]["messages"][-1]["provider"]) == ("done", provider)
    assert KEY in gateway.asked[0].headers["authorization"]


@pytest.mark.parametrize("variables", [("GEMINI_API_KEY",), ("GOOGLE_API_KEY",), ("GEMINI_API_KEY", "GOOGLE_API_KEY")])
async def test_the_key_of_gemini_has_two_names(tmp_path: Path, variables: Sequence[str]) -> None:
    async with serving(tmp_path, **{name: f"{name}-0123456789" for name in variables}) as api:
        models = (await api.ok("GET", "/v1/sessions/models"))["models"]
        assert {each["provider"] for each in models if each["available"]} == {"google", "scripted"}


async def test_the_agent_has_the_builder_prompt_until_the_project_brings_its_own(tmp_path: Path) -> None:
    prompt = tmp_path / "AGENTS.builder.md"
    prompt.write_text("Words of the image.")
    async with asking(tmp_path / "workspace", [{"text": "ok"}], APPX_BUILDER_PROMPT=str(prompt)) as (api, provider):
        session = await api.session()
        await api.turn(session, "hello")
        assert "Words of the image." in instructions(provider)
        assert "- project id: demo" in instructions(provider)

        place = await directory(api)
        await (place / "AGENTS.md").write_text("How this app is built.")
        await api.turn(session, "hello")
        assert instructions(provider).index("Words of the image.") < instructions(provider).index("How this app")

        await (place / ".pi/AGENTS.md").write_text("Words of the project.")
        await api.turn(session, "hello")
        assert "Words of the project." in instructions(provider)
        assert "Words of the image." not in instructions(provider)
        assert "How this app is built." in instructions(provider)

        other = await api.session("other")
        await api.turn(other, "hello")
        assert "Words of the image." in instructions(provider), "it counts for its project alone"


async def test_a_provider_that_fails_for_a_moment_is_asked_again_and_people_see_it(tmp_path: Path) -> None:
    busy: Step = {"status": 503, "times": 2, "headers": {"Retry-After": "0"}, "text": "At last."}
    async with asking(tmp_path, [busy]) as (api, provider):
        session = await api.session()
        told = await api.turn(session, "hello")
        kinds = [event["type"] for event in told]
        assert kinds.count("auto_retry_start") == 2
        assert kinds.count("auto_retry_end") == 1
        assert told[-1]["outcome"] == "done"
        last: dict[str, Any] = told[-1]["messages"][-1]
        assert last["content"] == [{"type": "text", "text": "At last."}]
    assert len(provider.asked) == 3
    assert provider.asked[2].body["messages"] == provider.asked[0].body["messages"], "failed attempts are not sent"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"name": "fly", "arguments": {}}, "There is no tool 'fly'"),
        ({"name": "bash", "arguments": '{"command": "l'}, "cannot be read"),
        ({"name": "bash", "arguments": {"line": "ls"}}, "command"),
        ({"name": "read", "arguments": {"path": "/etc/passwd"}}, "/etc/passwd"),
        ({"name": "read", "arguments": {"path": "../../etc/passwd"}}, "etc/passwd"),
    ],
)
async def test_what_a_model_says_wrongly_is_told_to_it_and_the_turn_goes_on(
    tmp_path: Path, call: dict[str, object], says: str
) -> None:
    async with asking(tmp_path, [{"calls": [call]}, {"text": "I see."}]) as (api, provider):
        session = await api.session()
        assert (await api.turn(session, "go"))[-1]["outcome"] == "done"
        result = (await api.messages(session))[2]
        assert result["isError"]
        assert says in result["content"][0]["text"]
    assert says in json.dumps(provider.asked[1].body["messages"][-1])


async def test_a_model_that_never_rests_is_stopped_with_a_sentence(tmp_path: Path) -> None:
    plan: list[Step] = [{"calls": [{"name": "bash", "arguments": {"command": "true"}}]}]
    async with asking(tmp_path, plan, APPX_MAX_STEPS="3") as (api, provider):
        session = await api.session()
        end = (await api.turn(session, "go"))[-1]
        assert (end["outcome"], end["detail"]) == ("limit", too_many_steps(3))
        assert (await api.messages(session))[-1]["errorMessage"] == end["detail"]
    assert len(provider.asked) == 3


async def test_an_abort_hangs_up_on_the_provider(tmp_path: Path) -> None:
    async with asking(tmp_path, [{"text": "a long story", "piece": 1, "hang": 5}]) as (api, provider):
        session = await api.session()
        async with api.events(session) as reader:
            await api.prompt(session, "tell")
            await reader.until("message_update")
            await api.ok("POST", f"{session}/abort")
            assert (await reader.until("agent_end"))[-1]["outcome"] == "stopped"
        assert await anyio.to_thread.run_sync(provider.wait_closed)


async def test_a_key_that_a_provider_refuses_ends_the_turn_without_showing_it(tmp_path: Path) -> None:
    refused: Step = {"status": 401, "error": {"error": {"message": f"Incorrect API key provided: {KEY}"}}}
    async with asking(tmp_path, [refused]) as (api, provider):
        session = await api.session()
        told = await api.turn(session, "hello")
        assert told[-1]["outcome"] == "failed"
        assert "does not accept the key" in told[-1]["messages"][-1]["errorMessage"]
        assert KEY not in json.dumps(told)
    assert len(provider.asked) == 1


async def test_all_readers_are_told_the_same(tmp_path: Path) -> None:
    plan: list[Step] = [
        {"text": "I write.", "thinking": "Hm.", "calls": [WRITE]},
        {"text": "Done. " * 50, "pause": 0.001},
    ]
    async with asking(tmp_path, plan) as (api, _):
        session = await api.session()
        async with api.events(session) as one, api.events(session) as two, api.events(session, lean=True) as lean:
            await api.prompt(session, "go")
            first, second, third = [await reader.until("agent_end") for reader in (one, two, lean)]
            assert one.seq == two.seq == lean.seq
        assert settled(first) == settled(second) == settled(third)
        async with api.events(session, after=0) as late:
            assert settled(await late.until("agent_end")) == settled(first)


async def test_a_reader_that_is_cut_off_in_a_reply_reads_on_where_it_was(tmp_path: Path) -> None:
    plan: list[Step] = [{"text": "I write.", "calls": [WRITE]}, {"text": "tea " * 200, "piece": 4, "pause": 0.005}]
    async with asking(tmp_path, plan) as (api, _):
        session = await api.session()
        async with api.events(session) as cut:
            await api.prompt(session, "go")
            seen = await cut.until("turn_end")
            while (await cut.next())["type"] != "message_update":
                pass
        async with api.events(session, headers={"Last-Event-ID": str(cut.seq)}) as again:
            rest = await again.until("agent_end")
        async with api.events(session, after=0) as whole:
            facts = settled(await whole.until("agent_end"))
        assert settled(seen) == facts[: len(settled(seen))]
        known = len(facts) - len(settled(rest))
        assert settled(rest) == facts[known:]
        assert known == len(settled(seen)), "nothing twice and nothing missed"


def picture(shade: int) -> dict[str, str]:
    return {"data": png(shade).data, "mimeType": "image/png"}


async def test_pictures_of_a_prompt_are_kept_shown_and_sent(tmp_path: Path) -> None:
    async with asking(tmp_path, [{"text": "I see two."}]) as (api, provider):
        session = await api.session()
        prompt = {"text": "What is this?", "images": [picture(1), picture(2)]}
        async with api.events(session) as reader:
            assert await api.ok("POST", f"{session}/prompt", prompt) == {"ok": True}
            told = await reader.until("agent_end")
        shown = [{"type": "text", "text": "What is this?"}, *({"type": "image", **picture(each)} for each in (1, 2))]
        assert next(each for each in told if each["type"] == "message_start")["message"]["content"] == shown
        assert (await api.messages(session))[0]["content"] == shown
        exported = (await api.http.get(f"{session}/export")).content
        back = await api.http.post(f"{session.rpartition('/')[0]}/import", content=exported)
        assert (await api.messages(f"{session.rpartition('/')[0]}/{back.json()['id']}"))[0]["content"] == shown
    sent = provider.asked[0].body["messages"][-1]["content"]
    assert [each["type"] for each in sent] == ["text", "image_url", "image_url"]
    assert sent[2]["image_url"]["url"] == f"data:image/png;base64,{png(2).data}"


async def test_a_model_that_does_not_see_is_told_that_there_were_pictures(tmp_path: Path) -> None:
    models = tmp_path / "models.json"
    models.write_text(json.dumps([{"id": "blind", "input": ["text"]}]))
    variables = {"LITELLM_MODELS_PATH": str(models), "LITELLM_DEFAULT_MODEL": "blind"}
    with Server([{"text": "I cannot see."}]) as provider:
        async with serving(tmp_path / "workspace", LITELLM_BASE_URL=provider.url, **variables) as api:
            session = await api.session()
            async with api.events(session) as reader:
                await api.ok("POST", f"{session}/prompt", {"text": "Look.", "images": [picture(1)]})
                await reader.until("agent_end")
    assert provider.asked[0].body["messages"][-1]["content"] == f"Look.\n{NO_PICTURES}"


async def test_pictures_are_limited_and_a_refused_prompt_leaves_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path, [{"text": "ok"}]) as (api, _):
        session = await api.session()
        for images, says in (
            ([picture(1)] * 21, "20"),
            ([{"data": "***", "mimeType": "image/png"}], "images.0"),
            ([{"data": png(1).data}], "mimeType"),
            ("a picture", "images"),
        ):
            status, answer = await api.call("POST", f"{session}/prompt", {"text": "Look.", "images": images})
            assert status == 400, answer
            assert says in answer["error"]
        whole = {"data": "A" * (17 * 1024 * 1024), "mimeType": "image/png"}
        status, _answer = await api.call("POST", f"{session}/prompt", {"text": "Look.", "images": [whole]})
        assert status == 413
        assert await api.messages(session) == []


@pytest.mark.parametrize(
    ("variable", "plan", "says"),
    [
        ("APPX_MODEL_REPLY_SECONDS", {"text": "a b c", "piece": 1, "pause": 0.2}, "more than 0.5 seconds"),
        ("APPX_MODEL_SILENCE_SECONDS", {"text": "a b c", "hang": 2}, "silent for too long"),
    ],
)
async def test_the_settings_say_how_long_a_provider_may_take(
    tmp_path: Path, variable: str, plan: Step, says: str
) -> None:
    async with asking(tmp_path, [plan], **{variable: "0.5"}) as (api, _):
        session = await api.session()
        async with api.events(session) as reader:
            await api.prompt(session, "go")
            told = await reader.until("message_end")
            told += await reader.until("message_end")
            assert says in told[-1]["message"]["errorMessage"]
            await api.ok("POST", f"{session}/abort")
