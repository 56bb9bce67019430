"""One question to a provider: send, show what comes in, tell failures apart. Loads the provider's library."""

from contextlib import AsyncExitStack

import anyio
import httpx2
from pydantic import SecretStr
from pydantic_ai.direct import model_request_stream
from pydantic_ai.models import Model as Client
from pydantic_ai.models import StreamedResponse, create_async_httpx2_client

from appx.domain.messages import Reply
from appx.models.catalogue import ModelInfo
from appx.models.connections import Connections
from appx.models.dialects import bear, client_for, settings_for
from appx.models.failures import failure_of
from appx.models.incoming import Incoming, usage_of
from appx.models.model import ModelFailed, OnDelta, Request
from appx.models.outgoing import conversation, parameters

CONNECT_SECONDS = 10.0


async def ask(
    info: ModelInfo,
    request: Request,
    on_delta: OnDelta,
    *,
    key: SecretStr | None,
    secrets: tuple[str, ...],
    connections: Connections,
) -> Reply:
    """Raises ModelFailed with a text in which none of ``secrets`` stands."""
    try:
        client = client_for(info, key=key, http=_http(connections))
        return await _stream(info, client, request, on_delta, connections.idle_seconds)
    except Exception as error:
        failure = failure_of(error, info, secrets)
        if failure is None:
            raise
        raise failure from None


def _http(connections: Connections) -> httpx2.AsyncClient:
    if connections.http is None:
        timeout = httpx2.Timeout(connections.idle_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        connections.http = create_async_httpx2_client(timeout=timeout)
        connections.http.event_hooks["request"].append(bear)
    return connections.http


async def _stream(info: ModelInfo, client: Client, request: Request, on_delta: OnDelta, idle: float) -> Reply:
    messages = conversation(request.messages, info, client.system)
    if not messages:
        raise ModelFailed("There is nothing to ask: the conversation is empty.")
    async with AsyncExitStack() as stack:
        opening = model_request_stream(
            client,
            messages,
            model_settings=settings_for(info, request, client),
            model_request_parameters=parameters(request),
        )
        with anyio.fail_after(idle):
            stream = await stack.enter_async_context(opening)
        incoming = Incoming(on_delta)
        try:
            await _follow(stream, incoming, idle)
            return incoming.reply(stream.get(), info)
        finally:
            request.on_usage(usage_of(stream.usage, info))


async def _follow(stream: StreamedResponse, incoming: Incoming, idle: float) -> None:
    events = aiter(stream)
    while True:
        with anyio.fail_after(idle):
            event = await anext(events, None)
        if event is None:
            return
        incoming.take(event)
