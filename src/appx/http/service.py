"""The routes about the server itself: health, readiness, login."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from appx.http import auth
from appx.http.bodies import HealthResponse, LimitsOfApps, LimitsOfProjects, LoginCodeResponse, ReadyResponse
from appx.http.parts import Here
from appx.kit import clock
from appx.podman.apps import Limits
from appx.workbench.bench import AppLimits

NO_CGROUPS = "podman has no cgroups of its own here, which needs a host with cgroup v2."

USED = (
    "<!doctype html><meta charset=utf-8><title>appx</title><p>This login link was used before or is too old. "
    "Get a new one on the host: <code>docker/builder/run.sh</code>"
)

WAIT = (
    "<!doctype html><meta charset=utf-8><title>appx</title><p>Too many wrong login codes, cookies or tokens came from "
    "your address. Wait {} seconds. A link that is right works at once."
)

routes = APIRouter(tags=["service"])


@routes.get("/v1/healthz", operation_id="healthCheck")
async def health_check(parts: Here) -> HealthResponse:
    """The server lives."""
    return HealthResponse(time=clock.iso(clock.now()), channels=dict(parts.readers))


@routes.get(
    "/v1/readyz",
    operation_id="readyCheck",
    response_model_exclude_none=True,
    responses={503: {"model": ReadyResponse}},
)
async def ready_check(parts: Here, response: Response) -> ReadyResponse:
    """Whether the workbench and podman work; 503 with the reasons when they do not."""
    status = await parts.workbench.status()
    problems = [*status.problems, *parts.egress.problems]
    if problems:
        response.status_code = 503
    limits = status.limits
    notes = [*status.notes, *parts.egress.notes, *without_effect(parts.project_limits, limits)]
    return ReadyResponse(
        ready=not problems,
        podman=status.podman,
        problems=problems,
        notes=[*notes, *await parts.projects.notes()],
        limits=LimitsOfApps(memory=limits.memory, cpu=limits.cpu, pids=limits.pids),
        project_limits=LimitsOfProjects.of(parts.project_limits, limits),
    )


def without_effect(wanted: Limits, enforced: AppLimits) -> Iterator[str]:
    """A sentence for each limit of projects that is set and not enforced."""
    if wanted.memory is not None and not enforced.memory:
        yield f"APPX_PROJECT_MEMORY has no effect: {NO_CGROUPS}"
    if wanted.cpus is not None and not enforced.cpu:
        yield f"APPX_PROJECT_CPUS has no effect: {NO_CGROUPS}"


@routes.post("/v1/login-codes", operation_id="createLoginCode")
async def create_login_code(parts: Here) -> LoginCodeResponse:
    """Make a link that logs a browser in, once."""
    return LoginCodeResponse(path=f"/login?code={parts.gate.new_login()}")


@routes.get("/login", include_in_schema=False)
async def login(parts: Here, request: Request, code: str = "") -> Response:
    """Trade a code for the cookie."""
    if not parts.gate.use_login(code):
        request.scope[auth.REFUSED] = "a wrong login code"
        wait = parts.gate.throttle.failed(auth.address_of(request.scope))
        if wait:
            return HTMLResponse(WAIT.format(wait), status_code=429, headers={"Retry-After": str(wait)})
        return HTMLResponse(USED, status_code=403)
    who, cookie = parts.gate.new_cookie()
    request.scope[auth.CALLER] = f"cookie {who}"
    secure = auth.is_secure(request.scope)
    answer = RedirectResponse("/docs", status_code=303)
    answer.set_cookie(
        auth.SAFE_COOKIE if secure else auth.COOKIE,
        cookie,
        max_age=auth.COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    return answer


@routes.get("/", include_in_schema=False)
async def index() -> RedirectResponse:
    return RedirectResponse("/docs")
