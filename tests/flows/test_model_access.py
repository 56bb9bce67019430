"""Apps ask models without a key: OpenAI's own client, over a real socket, at a provider that follows a plan."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from tests.fakes.conversations import png
from tests.fakes.openai_server import Server, Step
from tests.flows.api import TOKEN, Api, serving
from tests.flows.test_turns import KEY
from tests.ports import free_port

pytestmark = pytest.mark.anyio

PRICES = json.dumps([{"id": "tea", "maxTokens": 1_000, "cost": {"input": 1_000, "output": 5_000}}, {"id": "cup"}])
"""Dollars for a million tokens: a reply of the fake, 100 and 20 tokens, costs 20 cents."""

MODEL = "litellm/tea"
REPLY_COST = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """``client`` is the app's; ``at`` is where it asks."""

    api: Api
    provider: Server
    client: AsyncOpenAI
    at: str
    token: str

    async def allow(self, **changes: Any) -> Any:  # noqa: ANN401  JSON
        body = {"enabled": True, "budget": {"dayCost": 1_000}, **changes}
        return await self.api.ok("PUT", "/v1/projects/shop/model-access", body)

    async def access(self) -> Any:  # noqa: ANN401  JSON
        return await self.api.ok("GET", "/v1/projects/shop/model-access")

    async def chat(self, text: str = "tea?", **more: Any) -> Any:  # noqa: ANN401
        given = {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}
        return await self.client.chat.completions.create(**given)

    async def raw(self, body: bytes, path: str = "/chat/completions", **headers: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            given = {"Authorization": f"Bearer {self.token}", **headers}
            return await http.post(f"{self.at}{path}", content=body, headers=given)


@asynccontextmanager
async def app(directory: Path, plan: Sequence[Step], *, on: bool = True, **variables: str) -> AsyncIterator[Side]:
    (directory / "models.json").write_text(PRICES)
    port = free_port()
    given = {
        "LITELLM_MODELS_PATH": str(directory / "models.json"), "LITELLM_DEFAULT_MODEL": MODEL,
        "APPX_LLM_PORT": str(port), **variables,
    }  # fmt: skip
    with Server(plan) as provider:
        given |= {"LITELLM_BASE_URL": provider.url, "LITELLM_API_KEY": KEY}
        async with serving(directory / "workspace", **given) as api:
            await api.ok("POST", "/v1/projects", {"name": "shop"})
            token = (await api.ok("POST", "/v1/projects/shop/model-access/token"))["token"]
            at = f"http://127.0.0.1:{port}/v1"
            async with AsyncOpenAI(base_url=at, api_key=token) as client:
                side = Side(api=api, provider=provider, client=client, at=at, token=token)
                if on:
                    await side.allow()
                yield side


async def test_an_app_gets_a_reply_and_the_provider_gets_the_key(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Green tea.", "thinking": "Hm."}]) as side:
        found = await side.chat(temperature=0.5, max_tokens=77, stop=["END"], seed=3)
        choice = found.choices[0]
        assert (choice.message.content, choice.finish_reason, choice.message.role) == (
            "Green tea.", "stop", "assistant",
        )  # fmt: skip
        assert (found.model, found.object) == (MODEL, "chat.completion")
        assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (100, 20, 120)
        asked = side.provider.asked[0]
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert (asked.body["model"], asked.body["temperature"], asked.body["stop"]) == ("tea", 0.5, ["END"])
        assert (asked.body["max_completion_tokens"], asked.body["seed"]) == (77, 3)
        assert side.token not in json.dumps(asked.body)
        told = await side.access()
        assert told["today"]["cost"] == pytest.approx(REPLY_COST)
        assert (told["today"]["replies"], told["reserved"]) == (1, {"cost": 0, "tokens": 0})


async def test_a_reply_is_streamed_as_it_comes_with_its_usage_at_the_end(tmp_path: Path) -> None:
    words = "Leaves, water, four minutes."
    async with app(tmp_path, [{"text": words, "piece": 5}]) as side:
        stream = await side.chat(stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert ("".join(texts), len([text for text in texts if text]) > 3) == (words, True)
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 120)
        assert len({chunk.id for chunk in chunks}) == 1
        plain = [chunk async for chunk in await side.chat(stream=True)]
        assert all(chunk.choices and chunk.usage is None for chunk in plain)


TOOLS = [{"type": "function", "function": {"name": "boil", "parameters": {"type": "object", "properties": {}}}}]


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_app_gives_tools_and_their_results(tmp_path: Path, *, streamed: bool) -> None:
    plan: list[Step] = [
        {"calls": [{"name": "boil", "arguments": {"water": "1 l"}}, {"name": "boil", "arguments": {}}]},
        {"text": "It boils."},
    ]
    async with app(tmp_path, plan) as side:
        if streamed:
            calls: dict[int, list[str]] = {}
            async for chunk in await side.chat(tools=TOOLS, tool_choice="required", stream=True):
                for call in chunk.choices[0].delta.tool_calls or ():
                    one = calls.setdefault(call.index, [call.id, call.function.name, ""])
                    one[2] += call.function.arguments
            made = [calls[number] for number in sorted(calls)]
        else:
            found = await side.chat(tools=TOOLS, tool_choice="required")
            assert found.choices[0].finish_reason == "tool_calls"
            assert found.choices[0].message.content is None
            made = [
                [call.id, call.function.name, call.function.arguments] for call in found.choices[0].message.tool_calls
            ]
        assert [(name, json.loads(text)) for _, name, text in made] == [("boil", {"water": "1 l"}), ("boil", {})]
        assert side.provider.asked[0].body["tool_choice"] == "required"
        said = [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Boil."},
            {
                "role": "assistant", "content": None,
                "tool_calls": [
                    {"id": each, "type": "function", "function": {"name": name, "arguments": text}}
                    for each, name, text in made
                ],
            },
            *({"role": "tool", "tool_call_id": each, "content": f"100 C, {each}"} for each, _, _ in made),
        ]  # fmt: skip
        end = await side.chat(model="tea", messages=said, tools=TOOLS)
        assert end.choices[0].message.content == "It boils."
        sent = side.provider.asked[-1].body["messages"]
        assert [each["role"] for each in sent] == ["system", "user", "assistant", "tool", "tool"]
        assert [each["content"] for each in sent[-2:]] == [f"100 C, {each}" for each, _, _ in made]


async def test_json_is_asked_for_by_schema_or_as_any_object(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": '{"tea": "green"}'}]) as side:
        schema = {
            "type": "object", "properties": {"tea": {"type": "string"}}, "required": ["tea"],
            "additionalProperties": False,
        }  # fmt: skip
        wanted = {"type": "json_schema", "json_schema": {"name": "choice", "schema": schema, "strict": True}}
        found = await side.chat(response_format=wanted)
        assert json.loads(found.choices[0].message.content) == {"tea": "green"}
        sent = side.provider.asked[0].body["response_format"]
        assert (sent["type"], sent["json_schema"]["name"]) == ("json_schema", "choice")
        assert sent["json_schema"]["schema"]["required"] == ["tea"]
        await side.chat(response_format={"type": "json_object"})
        assert side.provider.asked[1].body["response_format"] == {"type": "json_object"}
        assert "JSON" in side.provider.asked[1].body["messages"][0]["content"]


async def test_pictures_go_to_a_model_that_takes_them_and_no_address_is_fetched(tmp_path: Path) -> None:
    url = f"data:image/png;base64,{png(7).data}"
    asked = [
        {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]}
    ]
    async with app(tmp_path, [{"text": "A dot."}]) as side:
        with pytest.raises(openai.BadRequestError, match="takes no pictures"):
            await side.chat(messages=asked)
        (tmp_path / "seeing.json").write_text(json.dumps([{"id": "tea", "input": ["text", "image"]}]))
    (tmp_path / "two").mkdir()
    async with app(tmp_path / "two", [{"text": "A dot."}], APPX_PROVIDER_NETWORKS="127.0.0.0/8") as side:
        body = {
            "provider": "eyes", "name": "Eyes", "baseUrl": side.provider.url, "api": "openai-completions",
            "apiKey": KEY, "models": [{"id": "see", "input": ["text", "image"]}],
        }  # fmt: skip
        await side.api.ok("PUT", "/v1/custom/providers", body)
        await side.allow(budget={"dayTokens": 1_000_000})
        assert (await side.chat(model="see", messages=asked)).choices[0].message.content == "A dot."
        assert side.provider.asked[-1].body["messages"][-1]["content"][1]["image_url"]["url"] == url
        asked[0]["content"][1]["image_url"]["url"] = "http://169.254.169.254/latest"  # type: ignore[index]
        with pytest.raises(openai.BadRequestError, match="fetches no address"):
            await side.chat(model="see", messages=asked)


async def test_it_is_off_until_a_person_switches_it_on(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}], on=False) as side:
        assert (await side.access())["enabled"] is False
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await side.chat()
        assert refused.value.code == "model_access_off"
        assert "Model access is off for the project shop. A person switches it on" in str(refused.value)
        with pytest.raises(openai.PermissionDeniedError):
            await side.client.models.list()
        status, told = await side.api.call("PUT", "/v1/projects/shop/model-access", {"enabled": True})
        assert (status, "budget" in told["error"]) == (400, True)
        await side.allow()
        assert (await side.chat()).choices[0].message.content == "Tea."
        await side.allow(enabled=False)
        with pytest.raises(openai.PermissionDeniedError):
            await side.chat()
        assert len(side.provider.asked) == 1


async def test_without_a_token_that_is_known_nobody_is_answered(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        for wrong in ("none", TOKEN, KEY, side.token[:-1]):
            async with AsyncOpenAI(base_url=side.at, api_key=wrong) as client:
                with pytest.raises(openai.AuthenticationError, match="--new-token") as refused:
                    await client.models.list()
            assert wrong not in str(refused.value)
        assert side.provider.asked == []


async def test_nothing_of_the_api_is_reached_here(tmp_path: Path) -> None:
    async with app(tmp_path, []) as side, httpx2.AsyncClient(trust_env=False) as http:
        for path in ("/projects", "/healthz", "/usage", "/../openapi.json", "/responses"):
            for token in (TOKEN, side.token):
                answer = await http.get(f"{side.at}{path}", headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 404
                assert answer.json()["error"]["message"].startswith("There is no such path here")
        assert (await http.get(f"{side.at}/chat/completions")).status_code == 405


async def refusal(side: Side, **more: Any) -> openai.RateLimitError:  # noqa: ANN401
    """The first one of a row of requests."""
    while True:
        try:
            await side.chat(**more)
        except openai.RateLimitError as refused:
            return refused


async def test_a_budget_that_is_spent_refuses_before_the_provider_is_asked(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        await side.allow(budget={"dayCost": 2})
        bound = 1.07 + 0.05  # the overhead and its bytes; 10 tokens
        refused = await refusal(side, max_tokens=10)
        assert (refused.code, refused.type) == ("insufficient_quota", "insufficient_quota")
        assert "Budget spent: $" in str(refused)
        assert len(side.provider.asked) == int((2 - bound) / REPLY_COST) + 1, "nor did the client try again"
        assert (await side.access())["today"]["cost"] <= 2


async def test_what_apps_took_is_in_the_ledger_as_a_kind_of_its_own(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        await side.chat()
        session = await side.api.session("shop")
        await side.api.turn(session, "say tea")
        by_session = (await side.api.ok("GET", "/v1/usage?by=session"))["groups"]
        assert {(each["project"], each["session"], each["usage"]["replies"]) for each in by_session} == {
            ("shop", "app", 1), ("shop", session.rpartition("/")[2], 1),
        }  # fmt: skip
        assert (await side.api.ok("GET", "/v1/usage?by=project"))["groups"][0]["usage"]["replies"] == 2
        only = await side.api.ok("GET", "/v1/usage?session=app&project=shop")
        assert (only["total"]["replies"], only["today"]["replies"]) == (1, 2)
        assert (await side.access())["total"]["replies"] == 1


async def test_a_provider_that_fails_is_told_without_its_key(tmp_path: Path) -> None:
    plan: list[Step] = [{"status": 401, "error": f"The key {KEY} is wrong."}]
    async with app(tmp_path, plan) as side:
        for streamed in (False, True):
            with pytest.raises(openai.InternalServerError) as failed:
                await side.chat(stream=streamed)
            assert failed.value.status_code == 502
            assert KEY not in str(failed.value)
            assert "does not accept the key" in str(failed.value)
        assert (await side.access())["today"]["replies"] == 0, "what it refused costs nothing"


async def read_on(chunks: Any, seen: list[str]) -> None:  # noqa: ANN401
    async for chunk in chunks:
        seen += [chunk.choices[0].delta.content or ""]


async def test_a_stream_that_breaks_ends_with_the_error_and_costs_what_it_might(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "A long story.", "piece": 1, "cut": 4}]) as side:
        seen: list[str] = []
        with pytest.raises(openai.APIError, match="failed: Connection error"):
            await read_on(await side.chat(stream=True, max_tokens=50), seen)
        assert "A lo".startswith("".join(seen)), "what was in flight may be gone"
        told = await side.access()
        assert (told["today"]["output"], told["reserved"]["tokens"]) == (50, 0)


async def test_an_app_that_leaves_ends_the_question_and_is_booked(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "A long story.", "piece": 1, "hang": 4}]) as side:
        stream = await side.chat(stream=True, max_tokens=60)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        assert (await side.access())["reserved"]["tokens"] > 60
        await stream.close()
        with anyio.fail_after(5):
            while (await side.access())["reserved"]["tokens"]:  # noqa: ASYNC110
                await anyio.sleep(0.05)
        assert (await side.access())["today"]["output"] == 60


async def test_so_many_requests_run_at_once_and_no_more(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea.", "delay": 1}]) as side:
        ends: list[int] = []

        async def one() -> None:
            answer = await side.raw(
                json.dumps({"model": "tea", "messages": [{"role": "user", "content": "?"}]}).encode()
            )
            ends.append(answer.status_code)
            if answer.status_code == 429:
                assert answer.json()["error"]["code"] == "rate_limit_exceeded"
                assert answer.headers["retry-after"] == "1"

        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(one)
        assert (ends.count(200), ends.count(429)) == (8, 4)
        assert len(side.provider.asked) == 8


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", "not JSON"),
        (b"[]", "body"),
        (b'{"model": "tea"}', "messages"),
        (b'{"model": "tea", "messages": []}', "messages"),
        (b'{"model": "tea", "messages": [{"role": "system", "content": "x"}]}', "no message of a user"),
        (b'{"model": "tea", "messages": [{"role": "fox", "content": "x"}]}', "messages.0"),
        (b'{"model": "tea", "messages": [{"role": "user", "content": "x"}], "n": 2}', "n:"),
        (b'{"model": "tea", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0}', "max_tokens"),
        (b'{"model": "tea", "messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}', "tool_call_id"),
        (b'{"model": "tea", "messages": [{"role": "user", "content": "\\ud800"}]}', "JSON"),
        (b'{"model": "tea", "messages": ' + b"[" * 90_000, "JSON"),
        (b'{"model": "tea", "messages": ' + b"[" * 100_000, "more than 100,000 values"),
        (b'{"model": "tea", "messages": [' + b"0," * 90_000 + b"0]}", "messages"),
        (b'{"model": "tea", "messages": [{"role": "user", "content": [' + b"0," * 90_000 + b"0]}]}", "90,00"),
        (b'{"model": "tea", "messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}', "tool_choice"),
    ],
)
async def test_what_is_no_request_is_refused_with_a_sentence(tmp_path: Path, body: bytes, where: str) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        answer = await side.raw(body)
        told = answer.json()["error"]
        assert (answer.status_code, told["type"]) == (400, "invalid_request_error")
        assert where in told["message"]
        assert side.provider.asked == []


async def test_a_body_that_is_too_large_is_not_taken_in(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        answer = await side.raw(b" " * (9 << 20))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
        text = "x" * (1 << 20)
        with pytest.raises(openai.RateLimitError, match="this one might take"):
            await side.chat(text)
        assert side.provider.asked == []


async def test_an_app_sees_the_models_that_it_may_use(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        assert [each.id async for each in side.client.models.list()] == [MODEL, "litellm/cup", "scripted/demo"]
        await side.allow(models=[MODEL])
        assert [each.id async for each in side.client.models.list()] == [MODEL]
        assert (await side.client.models.retrieve(MODEL)).owned_by == "litellm"
        for name in ("gpt-4o", "litellm/cup", "cup"):
            with pytest.raises(openai.NotFoundError) as unknown:
                await side.chat(model=name)
            assert unknown.value.code == "model_not_found"
        assert (await side.chat(model="default")).model == MODEL
        status, told = await side.api.call(
            "PUT", "/v1/projects/shop/model-access",
            {"enabled": True, "models": ["gpt-4o"], "budget": {"dayCost": 1}},
        )  # fmt: skip
        assert (status, "gpt-4o" in told["error"]) == (400, True)


async def test_dollars_hold_no_model_whose_price_is_not_known(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "Tea."}]) as side:
        with pytest.raises(openai.RateLimitError, match="no known price"):
            await side.chat(model="cup")
        await side.allow(budget={"dayCost": 1, "dayTokens": 100_000})
        assert (await side.chat(model="cup")).usage.total_tokens == 120


async def test_without_any_key_the_scripted_demo_answers(tmp_path: Path) -> None:
    port = free_port()
    async with serving(tmp_path, APPX_LLM_PORT=str(port)) as api:
        await api.ok("POST", "/v1/projects", {"name": "shop"})
        token = (await api.ok("POST", "/v1/projects/shop/model-access/token"))["token"]
        await api.ok("PUT", "/v1/projects/shop/model-access", {"enabled": True, "budget": {"dayTokens": 50_000}})
        async with AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=token) as client:
            found = await client.chat.completions.create(
                model="default", messages=[{"role": "user", "content": "say: hello"}]
            )
        assert (found.choices[0].message.content, found.model) == ("hello", "scripted/demo")


async def test_there_is_no_endpoint_unless_a_port_is_set(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        assert api.server._for_apps is None


async def test_a_server_that_stops_does_not_wait_for_apps(tmp_path: Path) -> None:
    async with app(tmp_path, [{"text": "A long story.", "piece": 1, "hang": 4}]) as side:
        stream = await side.chat(stream=True)
        chunks = aiter(stream)
        while not (await anext(chunks)).choices[0].delta.content:
            pass
        with anyio.fail_after(5):
            side.api.server.stop()
            with pytest.raises(openai.APIError):
                await read_on(chunks, [])


async def test_the_race_over_real_sockets_spends_no_more_than_the_budget(tmp_path: Path) -> None:
    """Eight at a time are let in; the budget holds two bounds of 1.12 dollars, and then less."""
    async with app(tmp_path, [{"text": "Tea.", "delay": 0.2}]) as side:
        await side.allow(budget={"dayCost": 3})
        body = json.dumps({"model": "tea", "messages": [{"role": "user", "content": "?"}], "max_tokens": 10}).encode()
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(side.raw, body)
        told = await side.access()
        assert told["today"]["cost"] == pytest.approx(len(side.provider.asked) * REPLY_COST)
        assert 1 <= len(side.provider.asked) <= 10
        assert told["today"]["cost"] <= 3
