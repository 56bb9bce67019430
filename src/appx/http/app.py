"""The ASGI application, from its parts."""

import json
from importlib import metadata

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from appx.http import (
    archives,
    checkpoints,
    choices,
    compaction,
    errors,
    files,
    mcp,
    models,
    projects,
    providers,
    questions,
    searches,
    service,
    sessions,
    subscriptions,
    transfer,
    usage,
)
from appx.http.auth import Guard
from appx.http.document import DocumentedApp
from appx.http.limits import BodyLimit
from appx.http.parts import Parts

DESCRIPTION = """\
The agent-server of appx. Every path below `/v1` needs `Authorization: Bearer TOKEN` or the cookie of a login link.
Errors are `{"error": "a sentence"}`.
"""


def make_app(parts: Parts) -> FastAPI:
    app = _api()
    app.state.parts = parts
    errors.install(app)
    _add_docs(app)
    app.add_middleware(BodyLimit, uploads=parts.max_upload)
    app.add_middleware(Guard, gate=parts.gate)
    return app


def openapi_document() -> str:
    """What ``/openapi.json`` gives, without a running server."""
    return json.dumps(_api().openapi(), indent=2)


def _api() -> FastAPI:
    app = DocumentedApp(
        title="appx agent-server",
        version=metadata.version("appx"),
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    for part in (
        service,
        models,
        providers,
        subscriptions,
        projects,
        files,
        archives,
        searches,
        mcp,
        sessions,
        choices,
        questions,
        compaction,
        transfer,
        checkpoints,
        usage,
    ):
        app.include_router(part.routes)
    return app


def _add_docs(app: FastAPI) -> None:
    """``/docs`` without any other host: the package fastapi-swagger carries the files of Swagger UI."""
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/swagger/swagger-ui-bundle.js",
            swagger_css_url="/swagger/swagger-ui.css",
            swagger_favicon_url="/swagger/favicon-32x32.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
        )
