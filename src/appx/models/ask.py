"""One question to a provider: send, show what comes in, tell failures apart. Loads the provider's library."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import anyio
import httpx2
from pydantic import SecretStr
from pydantic_ai.direct import model_request_stream
from pydantic_ai.models import Model as Client
from pydantic_ai.models import StreamedResponse, create_async_httpx2_client

from appx.domain.messages import Reply
from appx.models.bounds import UNPACKED, bound, closing_answers
from appx.models.catalogue import ModelInfo
from appx.models.connections import Connections, Patience
from appx.models.dialects import bear, client_for, settings_for
from appx.models.failures import failure_of
from appx.models.incoming import Incoming, ids_of, usage_of
from appx.models.model import ModelFailed, OnDelta, Request
from appx.models.outgoing import conversation, parameters
from appx.models.preparing import preparing, went_out
from appx.models.transport import ProviderTransport

CONNECT_SECONDS = 10.0
MAX_PROBLEM = 300


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
        with preparing(request.on_prepared):
            client = client_for(info, key=key, http=_http(connections, info))
            return await _in_time(info, client, request, on_delta, connections.patience)
    except Exception as error:
        failure = failure_of(error, info, secrets)
        if failure is None:
            raise
        raise failure from None


async def _in_time(info: ModelInfo, client: Client, request: Request, on_delta: OnDelta, patience: Patience) -> Reply:
    with anyio.move_on_after(patience.reply):
        return await _stream(info, client, request, on_delta, patience.silence)
    raise ModelFailed(f"The reply took more than {patience.reply:,g} seconds, the limit.")


def _http(connections: Connections, info: ModelInfo) -> httpx2.AsyncClient:
    if info.added:
        if connections.checked is None:
            connections.checked = _client(connections, ProviderTransport(connections.allowed))
        return connections.checked
    if connections.free is None:
        connections.free = _client(connections, None)
    return connections.free


def _client(connections: Connections, transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    timeout = httpx2.Timeout(connections.patience.silence, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
    http = create_async_httpx2_client(timeout=timeout, transport=transport)
    http.headers.update(UNPACKED)
    http.event_hooks["request"] += [bear, went_out]
    http.event_hooks["response"].append(bound)
    return http


async def _stream(info: ModelInfo, client: Client, request: Request, on_delta: OnDelta, idle: float) -> Reply:
    messages = conversation(request.messages, info, client.system)
    if not messages:
        raise ModelFailed("There is nothing to ask: the conversation is empty.", free=True)
    async with AsyncExitStack() as stack:
        opening = model_request_stream(
            client,
            messages,
            model_settings=settings_for(info, request, client),
            model_request_parameters=parameters(request),
        )
        await stack.enter_async_context(closing_answers())
        with _reading(info), anyio.fail_after(idle):
            stream = await stack.enter_async_context(opening)
        incoming = Incoming(on_delta, taken=ids_of(request.messages))
        try:
            await _follow(info, stream, incoming, idle)
            return incoming.reply(stream.get(), info)
        finally:
            request.on_usage(usage_of(stream.usage, info))


async def _follow(info: ModelInfo, stream: StreamedResponse, incoming: Incoming, idle: float) -> None:
    events = aiter(stream)
    while True:
        with _reading(info), anyio.fail_after(idle):
            event = await anext(events, None)
        if event is None:
            return
        incoming.take(event)


@contextmanager
def _reading(info: ModelInfo) -> Iterator[None]:
    """The provider's library looks into JSON as if it had the right shape."""
    try:
        yield
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"[:MAX_PROBLEM]
        raise ModelFailed(f"{info.provider} answered with what cannot be read ({problem}).", again=True) from error
