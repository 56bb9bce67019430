"""The ASGI application, from its parts."""

import json
from importlib import metadata

from fastapi import FastAPI
from starlette.types import ASGIApp

from appx.http import (
    apps,
    archives,
    audit,
    checkpoints,
    choices,
    compaction,
    deployments,
    disk,
    docs,
    egress,
    errors,
    files,
    handed,
    mcp,
    model_access,
    models,
    projects,
    providers,
    questions,
    searches,
    service,
    sessions,
    shells,
    subscriptions,
    templates,
    transfer,
    usage,
)
from appx.http.auth import Guard
from appx.http.cors import Cors
from appx.http.document import DocumentedApp
from appx.http.hosts import Hosts
from appx.http.limits import BodyLimit
from appx.http.parts import Parts
from appx.http.paths import Paths
from appx.http.walls import Walls
from appx.http.watch import Changes, Doors, changes

PARTS = (
    service,
    models,
    providers,
    handed,
    subscriptions,
    projects,
    templates,
    egress,
    apps,
    deployments,
    disk,
    shells,
    files,
    archives,
    searches,
    mcp,
    model_access,
    sessions,
    choices,
    questions,
    compaction,
    transfer,
    checkpoints,
    usage,
    audit,
)

DESCRIPTION = """\
The agent-server of appx. Every path below `/v1` needs `Authorization: Bearer TOKEN` or the cookie of a login link.
Errors are `{"error": "a sentence"}`.
"""


def make_app(parts: Parts) -> ASGIApp:
    """From the inside out: nothing is counted or written of whom the walls further out turn away."""
    app = _api()
    app.state.parts = parts
    errors.install(app)
    docs.add(app)
    made: ASGIApp = BodyLimit(app, uploads=parts.max_upload)
    made = Changes(made, parts.audit, changes(route for part in PARTS for route in part.routes.routes))
    made = Guard(made, parts.gate)
    made = Doors(made, parts.audit)
    made = Cors(made, parts.origins)
    made = Hosts(made, parts.hosts)
    made = Paths(made)
    return Walls(made)


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
    for part in PARTS:
        app.include_router(part.routes)
    return app
