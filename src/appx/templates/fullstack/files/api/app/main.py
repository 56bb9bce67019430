"""The routes."""

from typing import Annotated

import psycopg
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, StringConstraints

from app.tasks import Task, Tasks


class NewTask(BaseModel):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]+$")]


class Change(BaseModel):
    done: bool


def make_app(database: str) -> FastAPI:
    """The API, with the tasks in the PostgreSQL that the URL ``database`` names. That may be there later."""
    app = FastAPI(title="Tasks", docs_url="/api/docs", redoc_url=None, openapi_url="/api/openapi.json")
    tasks = Tasks(database)

    @app.exception_handler(psycopg.OperationalError)
    def unavailable(_: Request, error: Exception) -> Response:
        print(f"the database does not answer: {error}", flush=True)
        return JSONResponse({"error": "The database does not answer. Try again."}, 503)

    @app.get("/health")
    def health() -> Response:
        tasks.check()
        return PlainTextResponse("ok\n")

    @app.get("/api/tasks")
    def every() -> list[Task]:
        return tasks.every()

    @app.post("/api/tasks", status_code=201)
    def add(new: NewTask) -> Task:
        return tasks.add(new.text)

    @app.patch("/api/tasks/{number}")
    def change(number: int, wanted: Change) -> Task:
        found = tasks.mark(number, wanted.done)
        if found is None:
            raise HTTPException(404, "There is no such task.")
        return found

    @app.delete("/api/tasks/{number}", status_code=204)
    def remove(number: int) -> None:
        tasks.remove(number)

    return app
