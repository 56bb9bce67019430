"""An MCP server at an address."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import httpx2
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client
from typing_extensions import override

from appx.workbench.mcp.config import Http
from appx.workbench.mcp.failure import Failed
from appx.workbench.mcp.stdio import MAX_MESSAGE

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 300.0

Use: TypeAlias = Callable[[Transport], Awaitable[None]]


async def talk(config: Http, use: Use) -> None:
    """Let ``use`` talk with it. Raises Failed with the status when it refuses, else what the SDK raises."""
    status = 0

    async def note(answer: httpx2.Response) -> None:
        nonlocal status
        status = answer.status_code

    client = httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity", **config.headers},
        timeout=httpx2.Timeout(CONNECT_SECONDS, read=SILENT_SECONDS),
        transport=_Bounded(),
        event_hooks={"response": [note]},
        trust_env=False,
    )
    try:
        async with client:
            await use(streamable_http_client(config.url, http_client=client, max_sse_event_size=MAX_MESSAGE))
    except Exception as error:
        if status >= 400:  # the SDK only says that it was an error
            raise Failed(f"It answered with status {status}.") from error
        raise


class _Bounded(httpx2.AsyncHTTPTransport):
    """The SDK bounds the events of a stream, but not the length of a plain answer, nor what unpacks."""

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().handle_async_request(request)
        if answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            raise httpx2.DecodingError("It sent a packed answer, which was not asked for.")
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            assert isinstance(answer.stream, httpx2.AsyncByteStream)
            answer.stream = _Stream(answer.stream)
        return answer


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > MAX_MESSAGE:
                raise httpx2.ReadError(f"It sent an answer of more than {MAX_MESSAGE:,} bytes.")
            yield chunk

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()
