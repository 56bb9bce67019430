"""The routes."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from app.notes import Notes

HERE = Path(__file__).resolve().parent


def make_app(data: Path | None = None) -> FastAPI:
    """The app, with its database in the directory ``data``; without one, in that of DATA_DIR."""
    app = FastAPI(title="Notebook", docs_url=None, redoc_url=None, openapi_url=None)
    notes = Notes((data or Path(os.environ.get("DATA_DIR", "data"))) / "notes.db")
    pages = Jinja2Templates(directory=HERE / "pages")
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    @app.get("/")
    def show(request: Request) -> Response:
        return pages.TemplateResponse(request, "notes.html", {"notes": notes.newest(100)})

    @app.post("/notes")
    def add(text: Annotated[str, Form(max_length=2_000)]) -> Response:
        if text.strip():
            notes.add(text.strip())
        return RedirectResponse("/", status_code=303)

    @app.get("/health")
    def health() -> Response:
        notes.check()
        return PlainTextResponse("ok\n")

    return app
