"""What went wrong with a provider, as one error that says whether to ask again, and that holds no key."""

import re

import httpx2
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    UnexpectedModelBehavior,
    UserError,
)

from appx.models.catalogue import ModelInfo
from appx.models.model import ModelFailed
from appx.models.reach import OutOfReach
from appx.models.redact import scrub

MAX_CAUSES = 10

_TOO_LONG = re.compile(
    r"context.?(window|length|size)|too many (input )?tokens|prompt is too long|input is too long|ContextWindowExceeded"
    r"|exceeds? the (maximum|available) (number of )?(tokens|context)|maximum number of tokens|reduce the length",
    re.IGNORECASE,
)


def failure_of(error: Exception, info: ModelInfo, secrets: tuple[str, ...]) -> ModelFailed | None:
    """None for what is not the provider's doing: a defect of ours."""
    refused = _out_of_reach(error)
    if refused is not None:
        return ModelFailed(scrub(f"{info.provider} was not asked. {refused}", secrets))
    match error:
        case ModelFailed():
            return _failed(str(error), secrets, like=error)
        case ModelAPIError():
            return _from_provider(error, info, secrets)
        case TimeoutError():
            return ModelFailed(f"{info.provider} was silent for too long.", again=True)
        case httpx2.HTTPError() | ConnectionError():
            return ModelFailed(f"The connection to {info.provider} broke.", again=True)
        case UnexpectedModelBehavior():
            text = f"{info.provider} answered with what cannot be read: {error.message}"
            return ModelFailed(scrub(text, secrets), again=True)
        case UserError():
            return ModelFailed(scrub(f"{info.provider}/{info.id} cannot take this: {error}", secrets), free=True)
        case _:
            return None


def _out_of_reach(error: BaseException | None) -> OutOfReach | None:
    """Why a connection was not made; the provider's library wraps it as one that failed."""
    while error is not None and not isinstance(error, OutOfReach):
        error = error.__cause__ or error.__context__
    return error


def _failed(text: str, secrets: tuple[str, ...], *, like: ModelFailed) -> ModelFailed:
    return ModelFailed(
        scrub(text, secrets),
        again=like.again,
        retry_after=like.retry_after,
        overflow=like.overflow,
        free=like.free,
    )


def _from_provider(error: ModelAPIError, info: ModelInfo, secrets: tuple[str, ...]) -> ModelFailed:
    said = _said(error)
    overflow = _overflow(error, said)
    return ModelFailed(
        scrub(_sentence(error, info, said), secrets),
        again=not overflow and _again(error),
        retry_after=error.retry_after,
        overflow=overflow,
        free=isinstance(error, ModelHTTPError) or _never_reached(error),
    )


def _sentence(error: ModelAPIError, info: ModelInfo, said: str) -> str:
    match error:
        case ModelConnectionError():
            return f"The connection to {info.provider} failed: {said}"
        case ModelRequestTimeout():
            return f"{info.provider} was silent for too long."
        case ModelAuthenticationError():
            return f"{info.provider} does not accept the key for {info.id}. Set another one. It says: {said}"
        case ModelQuotaExceededError():
            return f"The quota or credit at {info.provider} is used up. It says: {said}"
        case ModelHTTPError():
            return f"{info.provider} answered {error.status_code}: {said}"
        case _:
            return f"{info.provider} failed: {said}"


def _never_reached(error: BaseException) -> bool:
    """Whether there was no connection at all: one that broke later may have cost something."""
    causes = error
    for _ in range(MAX_CAUSES):
        if isinstance(causes, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
            return True
        found = causes.__cause__ or causes.__context__
        if found is None:
            return False
        causes = found
    return False


def _again(error: ModelAPIError) -> bool:
    """Overload, 408, 429, 5xx, network, a stream that broke. Not what the same request would meet again."""
    if isinstance(error, ModelHTTPError) and error.status_code in {408, 409, 425}:
        return True
    if isinstance(error, ModelQuotaExceededError | ModelRequestRejectedError):
        return False
    return not isinstance(error, ModelHTTPError) or error.status_code == 429 or error.status_code >= 500


def _overflow(error: ModelAPIError, said: str) -> bool:
    if isinstance(error, ModelContextWindowExceededError):
        return True
    status = error.status_code if isinstance(error, ModelHTTPError) else 0
    return status == 413 or (status in {400, 422} and _TOO_LONG.search(said) is not None)


def _said(error: ModelAPIError) -> str:
    """The provider's own sentence, without the wrapping."""
    body = error.body
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message") if isinstance(inner, dict) else inner
    return message if isinstance(message, str) and message else error.message
