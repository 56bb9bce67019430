"""One chat completion: read it, ask, answer; and let go of the provider when the app leaves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import anyio
import orjson
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from appx.domain.deltas import Delta
from appx.domain.errors import AppxError, Invalid, TooLarge
from appx.domain.ids import uuid7
from appx.domain.messages import Reply
from appx.gateway.gateway import Gateway, name_of
from appx.gateway.grant import Grant
from appx.http.llm import bodies, errors
from appx.http.llm.answers import Json, Pieces, completion
from appx.http.llm.question import request_of
from appx.models.catalogue import ModelInfo
from appx.models.model import OnDelta, Request

MAX_BODY = 8 * 1024 * 1024
BODY_SECONDS = 60.0
MAX_WAITING = float("inf")
"""Pieces that the app did not take yet. A reply is bounded, so they are."""

News: TypeAlias = Delta | Reply | AppxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``id`` and ``created``: of the answer."""

    info: ModelInfo
    request: Request
    stream: bool
    with_usage: bool
    id: str
    created: int


class Chat(Response):
    """The answer to an app that was identified already: only then its body is read."""

    def __init__(self, gateway: Gateway, grant: Grant) -> None:
        super().__init__()
        self._gateway = gateway
        self._grant = grant

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._gateway.slot(self._grant.project):
            question = await self._question(receive)
            failed: AppxError | None = None
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_left, receive, tasks.cancel_scope)
                try:
                    await (self._pieces(question, send) if question.stream else self._whole(question, scope, send))
                except AppxError as error:
                    failed = error
                tasks.cancel_scope.cancel()
            if failed is not None:
                raise failed

    async def _question(self, receive: Receive) -> Question:
        body = await _body(receive)
        async with self._gateway.reading(self._grant.project):
            return self._understood(body)

    def _understood(self, body: bytes) -> Question:
        asked = bodies.read(body)
        info = self._gateway.model(self._grant, asked.model)
        options = asked.stream_options
        return Question(
            info=info,
            request=request_of(asked, info, self._grant.project),
            stream=bool(asked.stream),
            with_usage=options is not None and bool(options.include_usage),
            id=f"chatcmpl-{uuid7()}",
            created=int(time.time()),
        )

    async def _ask(self, question: Question, on_delta: OnDelta) -> Reply:
        return await self._gateway.ask(self._grant, question.info, question.request, on_delta)

    async def _whole(self, question: Question, scope: Scope, send: Send) -> None:
        reply = await self._ask(question, _unheard)
        found = completion(reply, id_=question.id, model=name_of(question.info), created=question.created)
        await JSONResponse(found)(scope, _nothing, send)

    async def _pieces(self, question: Question, send: Send) -> None:
        """An error before the first piece is an answer as any other; one behind it is the last piece."""
        into, out = anyio.create_memory_object_stream[News](MAX_WAITING)
        failed: AppxError | None = None
        with out:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._feed, question, into)
                first = await out.receive()
                if isinstance(first, AppxError):
                    failed = first
                else:
                    await _stream(question, first, out, send)
        if failed is not None:
            raise failed

    async def _feed(self, question: Question, into: MemoryObjectSendStream[News]) -> None:
        with into:
            try:
                into.send_nowait(await self._ask(question, into.send_nowait))
            except AppxError as error:
                into.send_nowait(error)


async def _stream(question: Question, first: News, out: MemoryObjectReceiveStream[News], send: Send) -> None:
    pieces = Pieces(
        id_=question.id, model=name_of(question.info), created=question.created, with_usage=question.with_usage
    )
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _say(send, pieces.first())
    news: News | None = first
    while news is not None:
        match news:
            case AppxError():
                await _say(send, errors.body(news))
            case Reply():
                for piece in pieces.last(news):
                    await _say(send, piece)
            case _:
                await _say(send, pieces.of(news))
        news = await _next(out)
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _next(out: MemoryObjectReceiveStream[News]) -> News | None:
    try:
        return await out.receive()
    except anyio.EndOfStream:
        return None


async def _say(send: Send, piece: Json | None) -> None:
    if piece is not None:
        data = b"data: " + orjson.dumps(piece) + b"\n\n"
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _body(receive: Receive) -> bytes:
    """Raises TooLarge, and Invalid when it does not come."""
    taken: list[bytes] = []
    size = 0
    with anyio.move_on_after(BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            taken.append(message.get("body", b""))
            size += len(taken[-1])
            if size > MAX_BODY:
                raise TooLarge(f"The body is larger than {MAX_BODY} bytes. Send less.")
            if not message.get("more_body", False):
                return b"".join(taken)
    raise Invalid("The body did not come as a whole. Send it again.")


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _nothing() -> Json:
    await anyio.sleep_forever()
    raise AssertionError


def _ignore(_: Delta) -> None:
    pass


_unheard: Callable[[Delta], None] = _ignore
