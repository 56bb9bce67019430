"""The routes about the server itself: health, readiness, login."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from appx.http import auth
from appx.http.bodies import HealthResponse, LoginCodeResponse, ReadyResponse
from appx.http.parts import Here
from appx.kit import clock

USED = (
    "<!doctype html><meta charset=utf-8><title>appx</title><p>This login link was used before or is too old. "
    "Get a new one on the host: <code>docker/builder/run.sh</code>"
)


routes = APIRouter(tags=["service"])


@routes.get("/v1/healthz", operation_id="healthCheck")
async def health_check(parts: Here) -> HealthResponse:
    """The server lives."""
    return HealthResponse(time=clock.iso(clock.now()), channels=dict(parts.readers))


@routes.get("/v1/readyz", operation_id="readyCheck", responses={503: {"model": ReadyResponse}})
async def ready_check(parts: Here, response: Response) -> ReadyResponse:
    """Whether the workbench and podman work; 503 with the reasons when they do not."""
    status = await parts.workbench.status()
    if status.problems:
        response.status_code = 503
    return ReadyResponse(ready=not status.problems, podman=status.podman, problems=list(status.problems))


@routes.post("/v1/login-codes", operation_id="createLoginCode")
async def create_login_code(parts: Here) -> LoginCodeResponse:
    """Make a link that logs a browser in, once."""
    return LoginCodeResponse(path=f"/login?code={parts.gate.new_login()}")


@routes.get("/login", include_in_schema=False)
async def login(parts: Here, request: Request, code: str = "") -> Response:
    """Trade a code for the cookie."""
    if not parts.gate.use_login(code):
        return HTMLResponse(USED, status_code=403)
    answer = RedirectResponse("/docs", status_code=303)
    answer.set_cookie(
        auth.COOKIE,
        parts.gate.cookie,
        max_age=auth.COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@routes.get("/", include_in_schema=False)
async def index() -> RedirectResponse:
    return RedirectResponse("/docs")
