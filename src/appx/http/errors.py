"""Our errors as HTTP answers. The only place where a status code meets an error."""

import logging
import secrets
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from appx.domain.errors import (
    AppxError,
    Changed,
    Conflict,
    Invalid,
    Misconfigured,
    NoSpace,
    NotFound,
    TooLarge,
    Unavailable,
)

logger = logging.getLogger(__name__)

STATUS: dict[type[AppxError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Changed: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    NoSpace: HTTPStatus.INSUFFICIENT_STORAGE,
}

SENTENCES = {
    404: "There is no such path. /docs lists all of them.",
    405: "This path does not take this method. /docs lists what it takes.",
}


def answer(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


def status_of(error: AppxError) -> HTTPStatus:
    return next((STATUS[each] for each in type(error).__mro__ if each in STATUS), HTTPStatus.BAD_GATEWAY)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` an ``{"error": sentence}``."""
    app.add_exception_handler(AppxError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _defect)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppxError)
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("answered %d: %s", status, error)
    return answer(status, str(error))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(each) for each in error.errors()]
    return answer(HTTPStatus.BAD_REQUEST, "; ".join(dict.fromkeys(problems)) + ".")


def _problem(each: dict[str, object]) -> str:
    place = each["loc"]
    assert isinstance(place, tuple)
    if each["type"] == "json_invalid":
        return f"the body is not JSON (at character {place[-1]})"
    where = ".".join(str(part) for part in place if part != "body") or "body"
    return f"{where}: {str(each['msg']).rstrip('.')}"


async def _plain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    sentence = SENTENCES.get(error.status_code, f"{error.detail.rstrip('.')}.")
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = _methods(request) or headers["Allow"]
    return JSONResponse({"error": sentence}, error.status_code, headers=headers)


async def _left(_request: Request, _error: Exception) -> JSONResponse:
    """Nobody reads it."""
    return answer(HTTPStatus.BAD_REQUEST, "The request ended before its body was whole. Send it again.")


def _methods(request: Request) -> str:
    """All that the path takes, as the document has it. Starlette tells only those of one route."""
    paths = request.app.openapi()["paths"]
    fitting = [path for path in paths if compile_path(path)[0].fullmatch(request.scope["path"])]
    plainest = min(fitting, key=lambda path: path.count("{"), default=None)
    return "" if plainest is None else ", ".join(sorted(method.upper() for method in paths[plainest]))


async def _defect(_request: Request, error: Exception) -> JSONResponse:
    number = secrets.token_hex(4)
    logger.error("defect %s", number, exc_info=error)
    sentence = f"Something is wrong in appx itself. The server's log tells more about defect {number}."
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
