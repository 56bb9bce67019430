"""The application: two routes, and who asks is known before anything else of the request is looked at."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appx.gateway.gateway import Gateway, name_of
from appx.gateway.grant import Grant
from appx.gateway.refusals import Unidentified
from appx.http.llm.answers import Json
from appx.http.llm.chat import Chat
from appx.http.llm.errors import HANDLERS
from appx.kit.peers import Address
from appx.models.catalogue import ModelInfo


def make_llm_app(gateway: Gateway) -> Starlette:
    async def models(request: Request) -> Response:
        grant = await _grant(gateway, request)
        return JSONResponse({"object": "list", "data": [_model(info) for info in gateway.models(grant)]})

    async def model(request: Request) -> Response:
        grant = await _grant(gateway, request)
        return JSONResponse(_model(gateway.model(grant, request.path_params["name"])))

    async def chat(request: Request) -> Response:
        return Chat(gateway, await _grant(gateway, request))

    routes = [
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{name:path}", model, methods=["GET"]),
        Route("/v1/chat/completions", chat, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers=HANDLERS)


async def _grant(gateway: Gateway, request: Request) -> Grant:
    peer, here = _address(request.scope.get("client")), _address(request.scope.get("server"))
    if peer is None or here is None:
        raise Unidentified("Which project asks cannot be told: this is no connection by TCP.")
    return await gateway.caller(peer, here, _token(request))


def _address(found: tuple[str, int | None] | None) -> Address | None:
    return None if found is None or found[1] is None else (found[0], found[1])


def _token(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _model(info: ModelInfo) -> Json:
    return {"id": name_of(info), "object": "model", "created": 0, "owned_by": info.provider}
