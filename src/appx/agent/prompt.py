"""The system prompt: pure assembly of the parts that ``projects.agents`` gathered."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib import resources

from appx.domain.deployment import Deployment, Target
from appx.domain.egress import Egress
from appx.domain.ids import ProjectId

MAX_FILE = 32 * 1024
"""Bytes of one file of instructions. There are at most six: with the list of skills about 60,000 tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """A file of instructions: its path as the model knows it, and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the agent works. ``ports``: what the builder container publishes, for example ``3000-3010``."""

    project: ProjectId
    directory: str
    runtime: str
    ports: str
    deployment: Deployment | None
    egress: Egress | None = None
    """What may be reached; None where nothing is refused."""


def base_prompt() -> str:
    """The words that every turn begins with, unless ``.pi/SYSTEM.md`` replaces them."""
    return resources.files("appx.agent").joinpath("base_prompt.md").read_text(encoding="utf-8")


def cut(path: str, data: bytes) -> str:
    """The text of a file, at most MAX_FILE bytes of it, and what was left out. ``data`` may be longer."""
    if len(data) <= MAX_FILE:
        return data.decode(errors="replace")
    end = data.rfind(b"\n", 0, MAX_FILE) + 1 or MAX_FILE
    text = data[:end].decode(errors="ignore" if end == MAX_FILE else "replace").rstrip("\n")
    return f"{text}\n[{path} is cut here, after {end:,} bytes. The rest: bash: tail -c +{end + 1} {shlex.quote(path)}]"


def system_prompt(
    *,
    base: str,
    added: Iterable[str] = (),
    files: Iterable[ContextFile],
    place: Place,
    skills: str = "",
    today: date,
) -> str:
    """Base, what is added to it, instructions from general to particular, deployment, skills, date and directory."""
    parts = [base.strip(), *(text.strip() for text in added)]
    parts += [f"# Instructions from {file.path}\n\n{file.text.strip()}" for file in files]
    parts += [deployment_section(place), skills.strip()]
    parts += [f"Today is {today.isoformat()}. You work in {place.directory}."]
    return "\n\n".join(part for part in parts if part) + "\n"


def missing_section(problems: Iterable[str]) -> str:
    """What follows the prompt, so that the model does not look for tools that are not there; empty without problems."""
    lines = [f"- {each}" for each in problems]
    if not lines:
        return ""
    told = "These of the project's MCP servers (.pi/mcp.json) do not work now, or not with all their tools:"
    return "\n".join(["", "# MCP servers", "", told, "", *lines, ""])


def deployment_section(place: Place) -> str:
    """What the model needs to know to run the project's app."""
    deployment = place.deployment or Deployment()
    lines = [
        "# Deployment",
        "",
        f"- project id: {place.project}",
        f"- label for everything that you run or build: appx.project={place.project}",
        f"- container runtime: {place.runtime}",
        f"- ports that reach the person's machine: {place.ports}",
        *_reach(place.egress),
    ]
    targets = (("dev", deployment.dev), ("prod", deployment.prod))
    return "\n".join([*lines, *(_line(place.project, name, target) for name, target in targets)])


def _reach(egress: Egress | None) -> tuple[str, ...]:
    if egress is None:
        return ()
    hosts = ", ".join(egress.hosts) or "none"
    told = {
        "open": "every public address; private ones are refused",
        "list": f"only these hosts, by HTTP and HTTPS on their usual ports: {hosts}. The person can change the list",
        "none": "nothing. Work with what is here; the person can change this",
    }
    return (f"- what commands, builds and apps reach: {told[egress.policy]}",)


def _line(project: ProjectId, name: str, target: Target | None) -> str:
    container = f"container {project}-app-{name}"
    if target is None or (target.port is None and target.url is None):
        return f"- {name}: {container}; no port is set: take one of these ports that is free"
    port = f"port {target.port}" if target.port else "no port set"
    return f"- {name}: {port}, {target.url or f'http://localhost:{target.port}'}, {container}"
