"""What went wrong, in OpenAI's shape. The only place where one of our errors meets a status here."""

import logging
import secrets
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ExceptionHandler

from appx.domain.errors import AppxError, Invalid, NoSpace, NotFound, TooLarge, Unavailable
from appx.gateway.refusals import BudgetSpent, Busy, SwitchedOff, Unidentified
from appx.http.llm.answers import Json
from appx.models.model import ModelFailed

logger = logging.getLogger(__name__)

NOT_AGAIN = {"x-should-retry": "false"}
"""OpenAI's clients try again by themselves, unless they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    status: int
    type: str
    code: str | None = None
    again: bool = False


KNOWN: dict[type[AppxError], Told] = {
    Invalid: Told(status=400, type="invalid_request_error"),
    Unidentified: Told(status=401, type="invalid_request_error", code="invalid_api_key"),
    SwitchedOff: Told(status=403, type="invalid_request_error", code="model_access_off"),
    NotFound: Told(status=404, type="invalid_request_error", code="model_not_found"),
    TooLarge: Told(status=413, type="invalid_request_error", code="request_too_large"),
    BudgetSpent: Told(status=429, type="insufficient_quota", code="insufficient_quota"),
    Busy: Told(status=429, type="requests", code="rate_limit_exceeded", again=True),
    NoSpace: Told(status=503, type="server_error"),
    Unavailable: Told(status=503, type="server_error", again=True),
}
FAILED = Told(status=502, type="upstream_error", code="model_failed")
TOO_LONG = Told(status=400, type="invalid_request_error", code="context_length_exceeded")

SENTENCES = {
    404: "There is no such path here. There are GET /v1/models and POST /v1/chat/completions.",
    405: "This path does not take this method. There are GET /v1/models and POST /v1/chat/completions.",
}


def told(error: AppxError) -> Told:
    if not isinstance(error, ModelFailed):
        return KNOWN.get(type(error), FAILED)
    if error.overflow:
        return TOO_LONG
    return Told(status=FAILED.status, type=FAILED.type, code=FAILED.code, again=error.again)


def body(error: AppxError) -> Json:
    found = told(error)
    return _body(str(error), found.type, found.code)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppxError)
    found = told(error)
    headers = {} if found.again else dict(NOT_AGAIN)
    if isinstance(error, ModelFailed):
        logger.info("an app was answered %d: %s", found.status, error)
    if found.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if found.again:
        after = error.retry_after if isinstance(error, ModelFailed) else None
        headers["Retry-After"] = str(max(1, round(after or 1)))
    return JSONResponse(body(error), found.status, headers=headers)


async def _plain(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    sentence = SENTENCES.get(error.status_code, f"{error.detail.rstrip('.')}.")
    return JSONResponse(_body(sentence, "invalid_request_error", None), error.status_code, headers=error.headers)


async def _left(_request: Request, _error: Exception) -> JSONResponse:
    """Nobody reads it."""
    return JSONResponse(_body("The request ended before its body was whole.", "invalid_request_error", None), 400)


async def _defect(_request: Request, error: Exception) -> JSONResponse:
    number = secrets.token_hex(4)
    logger.error("defect %s", number, exc_info=error)
    sentence = f"Something is wrong in appx itself. The server's log tells more about defect {number}."
    return JSONResponse(_body(sentence, "server_error", None), 500)


HANDLERS: dict[type[Exception], ExceptionHandler] = {
    AppxError: _ours,
    HTTPException: _plain,
    ClientDisconnect: _left,
    Exception: _defect,
}


def _body(sentence: str, type_: str, code: str | None) -> Json:
    return {"error": {"message": sentence, "type": type_, "param": None, "code": code}}
