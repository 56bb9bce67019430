"""What the service says about commands whose output goes out as it comes. See ``wire``."""

import secrets
from dataclasses import dataclass, field

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from appx.domain.errors import Invalid, NotFound
from appx.workbench import wire
from appx.workbench.bench import Command, Stream, TakeBytes, Typed, Workbench
from appx.workbench.framed import Framed


def routes(bench: Workbench) -> list[Route]:
    terminals = _Terminals(bench)

    async def stream(request: Request, take: TakeBytes) -> dict[str, object]:
        async def numbered(of: Stream, data: bytes) -> None:
            await take(bytes([wire.STREAMS.index(of) + 1]) + data)

        return {"code": await bench.stream(await command_of(request), numbered)}

    return [
        Route("/stream", Framed(stream), methods=["POST"]),
        Route("/terminals", Framed(terminals.open), methods=["POST"]),
        Route("/terminals/{name}", terminals.type, methods=["POST"]),
        Route("/terminals/{name}/size", terminals.resize, methods=["POST"]),
    ]


async def command_of(request: Request) -> Command:
    """Raises Invalid."""
    try:
        return wire.COMMAND.validate_json(await request.body())
    except ValidationError as error:
        raise Invalid(f"This is no command: {error}") from error


@dataclass(frozen=True, slots=True)
class _Terminals:
    """Those that are open, by their names."""

    bench: Workbench
    opened: dict[str, MemoryObjectSendStream[Typed]] = field(default_factory=dict)

    async def open(self, request: Request, take: TakeBytes) -> dict[str, object]:
        name = secrets.token_hex(8)
        send, receive = anyio.create_memory_object_stream[Typed]()
        with send, receive:
            self.opened[name] = send
            try:
                await take(name.encode())
                command = await command_of(request)
                return {"code": await self.bench.terminal(command, wire.size_in(request.query_params), receive, take)}
            finally:
                del self.opened[name]

    async def type(self, request: Request) -> Response:
        return await self._give(request, await request.body())

    async def resize(self, request: Request) -> Response:
        return await self._give(request, wire.size_in(request.query_params))

    async def _give(self, request: Request, typed: Typed) -> Response:
        """It answers when the terminal has taken what was typed before."""
        opened = self.opened.get(request.path_params["name"])
        if opened is None:
            raise NotFound("There is no such terminal; it has ended.")
        try:
            await opened.send(typed)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise NotFound("The terminal has ended.") from None
        return Response(status_code=204)
