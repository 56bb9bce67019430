"""``/docs``: the API's documentation, without any other host and without a script in the page."""

import html
import json

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from appx.http.walls import DOCS

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/swagger/swagger-ui.css">
<link rel="icon" href="/swagger/favicon-32x32.png">
<div id="swagger-ui"></div>
<script src="/swagger/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""

START = {
    "dom_id": "#swagger-ui",
    "url": "/openapi.json",
    "deepLinking": True,
    "displayRequestDuration": True,
    "layout": "BaseLayout",
    "tryItOutEnabled": True,
    "validatorUrl": None,
}


def add(app: FastAPI) -> None:
    """The package fastapi-swagger carries the files of Swagger UI."""
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = PAGE.format(title=html.escape(app.title))
        return HTMLResponse(page, headers={"Content-Security-Policy": DOCS})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(f"SwaggerUIBundle({json.dumps(START)});\n", media_type="text/javascript")
