"""The log of an app as server-sent events."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from appx.apps.following import Changed, Following, LeftOut, Lines, News, Quiet
from appx.apps.visits import Visits
from appx.domain.ids import ProjectId
from appx.http.once import encode
from appx.http.streamed import Sender, Streamed
from appx.podman.logs import LogLine

T = TypeVar("T")

HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}


def followed_log(visits: Visits, project: ProjectId, following: Following) -> Streamed:
    """Until the reader leaves, the project is deleted or the server stops."""
    return told_to_visitor(visits, project, following.run, _frame)


def told_to_visitor(
    visits: Visits,
    project: ProjectId,
    run: Callable[[Callable[[T], Awaitable[None]]], Awaitable[None]],
    frame: Callable[[T], bytes],
) -> Streamed:
    """What ``run`` tells, each as a ``frame``, until the reader leaves, the project is deleted or the server stops."""

    async def work(sender: Sender) -> None:
        async def tell(news: T) -> None:
            await sender.body(frame(news))

        async def follow() -> None:
            await sender.begin(200, HEADERS)
            await sender.body(b": connected\n\n")
            await run(tell)

        await visits.hold(project, follow)

    return Streamed(work)


def _frame(news: News) -> bytes:
    match news:
        case Quiet():
            return b": heartbeat\n\n"
        case Lines(lines=lines):
            return _data({"lines": [_line(each) for each in lines]})
        case Changed(to="ended", exit_code=int() as code):
            return _data({"app": "ended", "exitCode": code})
        case Changed(to=to):
            return _data({"app": to})
        case LeftOut(after=after, before=before):
            return _data({"leftOut": {"after": after, "before": before}})


def _line(line: LogLine) -> dict[str, Any]:
    cut = {"cut": True} if line.cut else {}
    return {"time": line.time, "stream": line.stream, "text": line.text, **cut}


def _data(event: dict[str, Any]) -> bytes:
    return b"data: " + encode(event) + b"\n\n"
