"""How long the event loop was busy with a question until it went out is told once, and no waiting with it."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from openai._utils import _transform
from pydantic import SecretStr

from appx.domain.ids import CallId
from appx.domain.messages import Message, Reply, ToolCall, ToolMessage, ToolResult, UserMessage
from appx.models import ask
from appx.models.catalogue import Api
from appx.models.model import ModelFailed, Request
from appx.models.outgoing import conversation
from appx.models.preparing import preparing, went_out
from appx.models.registry import Models
from tests.fakes.openai_server import Server, Step
from tests.fakes.streams import step
from tests.unit.models.requests import MODELS, TOOLS

pytestmark = pytest.mark.anyio

WORK = 0.2


def busy(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def told_for(directory: Path, api: Api, plan: Step, messages: Sequence[Message]) -> list[float]:
    info, told = MODELS[api], list[float]()
    request = Request(system="", messages=messages, tools=TOOLS, thinking="off", session="s", on_prepared=told.append)
    with Server([plan]) as server:
        address = server.url if api.startswith("openai") else server.url.removesuffix("/v1")
        models = Models(state=directory, keys={info.provider: SecretStr("key-0123456789")})
        try:
            with suppress(ModelFailed):
                await models.open(replace(info, base_url=address)).reply(request, lambda _: None)
        finally:
            await models.aclose()
    return told


@pytest.mark.parametrize("api", MODELS)
@pytest.mark.parametrize("refused", [False, True])
async def test_what_came_before_the_question_went_out_is_told_once(
    *, tmp_path: Path, api: Api, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*given: Any) -> Any:  # noqa: ANN401
        busy(WORK)
        return conversation(*given)

    monkeypatch.setattr(ask, "conversation", slowly)
    plan = {"status": 400, "error": {"message": "no"}} if refused else step(api, text="Hi")
    (told,) = await told_for(tmp_path, api, plan, [UserMessage(text="hi")])
    assert told >= WORK


async def test_what_never_goes_out_is_told_too(tmp_path: Path) -> None:
    told = await told_for(tmp_path, "openai-completions", {"text": "Hi"}, [])
    assert len(told) == 1


async def test_what_comes_after_it_and_waiting_do_not_count() -> None:
    told: list[float] = []
    with preparing(told.append):
        await anyio.sleep(WORK)
        await went_out(httpx2.Request("GET", "http://localhost"))
        busy(WORK)
    await went_out(httpx2.Request("GET", "http://localhost"))
    assert len(told) == 1
    assert told[0] < WORK


@pytest.mark.parametrize("api", ["openai-completions", "openai-responses"])
async def test_the_library_does_not_look_into_a_long_conversation(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = _transform._async_transform_recursive

    async def counted(*given: Any, **named: Any) -> object:  # noqa: ANN401
        nonlocal looks
        looks += 1
        return await look(*given, **named)

    async def looks_for(calls: int) -> int:
        nonlocal looks
        looks = 0
        said: list[Message] = [UserMessage(text="hi")]
        for number in range(calls):
            call = ToolCall(id=CallId(f"call_{number}"), name="bash")
            said.append(Reply(model=MODELS[api].ref, blocks=(call,)))
            said.append(ToolMessage(call_id=call.id, tool="bash", result=ToolResult(ok=True, text="done")))
        await told_for(tmp_path, api, step(api, text="Hi"), said)
        return looks

    monkeypatch.setattr(_transform, "_async_transform_recursive", counted)
    assert 0 < await looks_for(1) == await looks_for(50)
