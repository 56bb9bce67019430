"""What happens to the apps of a project as server-sent events."""

from typing import Any

from appx.apps.visits import Visits
from appx.apps.watching import Deployed, News, Quiet, Watching, as_time
from appx.domain.apps import Rollout
from appx.domain.ids import ProjectId
from appx.http.followed import told_to_visitor
from appx.http.once import encode
from appx.http.streamed import Streamed
from appx.podman.events import AppEvent


def watched_apps(visits: Visits, project: ProjectId, watching: Watching) -> Streamed:
    """Until the reader leaves, the project is deleted or the server stops."""
    return told_to_visitor(visits, project, watching.run, _frame)


def _frame(news: News) -> bytes:
    match news:
        case Quiet():
            return b": heartbeat\n\n"
        case AppEvent():
            return _data(news.at, _container(news))
        case Deployed(at=at, rollout=rollout):
            return _data(at, {"time": as_time(at), "deployment": _deployment(rollout)})


def _data(at: int, told: dict[str, Any]) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (at, encode(told))


def _container(event: AppEvent) -> dict[str, Any]:
    found = {
        "time": as_time(event.at),
        "app": event.to,
        "container": event.container,
        "environment": event.environment,
        "release": event.release,
        "exitCode": event.exit_code,
        "outOfMemory": event.out_of_memory or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _deployment(rollout: Rollout) -> dict[str, Any]:
    found = {
        "number": rollout.number,
        "environment": rollout.environment,
        "kind": rollout.kind,
        "status": rollout.status,
        "release": rollout.release,
        "reason": rollout.reason or None,
    }
    return {name: value for name, value in found.items() if value is not None}
