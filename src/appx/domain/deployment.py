"""Where a project's app is to be reached: ports and URLs of its environments, as a control plane or we chose them."""

from dataclasses import dataclass

DEPLOYMENT_FILE = ".pi/deployment.json"
"""Where the server writes it, in each project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One environment. ``port`` is published by the builder container; ``url`` is what people open."""

    port: int | None = None
    url: str | None = None
    note: str | None = None
    """Why it has no port, for who reads the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    dev: Target | None = None
    prod: Target | None = None


def as_json(project: str, deployment: Deployment | None) -> dict[str, object]:
    """``{"project", "dev"?, "prod"?}`` in that order: what stands in ``.pi/deployment.json``."""
    found: dict[str, object] = {"project": project}
    if deployment is not None:
        found |= {name: _target(target) for name, target in _targets(deployment) if target is not None}
    return found


def _targets(deployment: Deployment) -> tuple[tuple[str, Target | None], ...]:
    return (("dev", deployment.dev), ("prod", deployment.prod))


def _target(target: Target) -> dict[str, object]:
    every: tuple[tuple[str, object], ...] = (("port", target.port), ("url", target.url), ("note", target.note))
    return {name: value for name, value in every if value is not None}
