"""OpenAI's client, with a conversation that goes out as it was made."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from openai import AsyncOpenAI
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.resources.responses import AsyncResponses
from typing_extensions import override


class PlainOpenAI(AsyncOpenAI):
    """The library looks through each value of a body for names to change, and finds none in a conversation of ours:
    1.2 ms for each item with the dialect of responses, in which nothing else can be done. It leaves ``extra_body`` as
    it is.
    """

    @cached_property
    @override
    def chat(self) -> AsyncChat:
        return _Chat(self)

    @cached_property
    @override
    def responses(self) -> AsyncResponses:
        return _Responses(self)


class _Chat(AsyncChat):
    @cached_property
    @override
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Completions(AsyncCompletions):
    @override
    async def create(self, **given: Any) -> Any:
        return await super().create(**_plain(given, "messages"))


class _Responses(AsyncResponses):
    @override
    async def create(self, **given: Any) -> Any:
        return await super().create(**_plain(given, "input"))


def _plain(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**given, name: (), "extra_body": {name: given[name], **(given.get("extra_body") or {})}}
