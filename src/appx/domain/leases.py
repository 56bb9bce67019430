"""Which published ports a project gets, and what that makes of its deployment. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

from appx.domain.deployment import Deployment, Target

Environment = Literal["dev", "prod"]


TO_GET_A_PORT = (
    "To get one: delete a project that is not needed (an app that is stopped keeps its port), or let the operator "
    "publish more (APPX_APP_PORTS); then deploy again."
)


def ports_of(text: str) -> range:
    """``3000-3010``, or one port."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def named(published: range) -> str:
    """``3000-3010``, or one port."""
    return f"{published[0]}-{published[-1]}" if len(published) > 1 else str(published[0])


def without_port(published: range, deployment: Deployment | None, environment: Environment) -> str:
    """Why an environment gets no port, and what to do, as sentences. They name no other project: a model reads them."""
    target = None if deployment is None else getattr(deployment, environment)
    if target is None or target.port is None:
        count = "the only published port" if len(published) == 1 else f"all {len(published)} ports of"
        return f"No published port is free: {count} {named(published)} {_are(published)} leased. {TO_GET_A_PORT}"
    if target.port in published:
        return f"Port {target.port}, which the project's deployment names, is leased to another app. {TO_GET_A_PORT}"
    return (
        f"Port {target.port}, which the project's deployment names, is not published: {named(published)} "
        f"{_are(published)}. Name one of these, or none."
    )


def _are(published: range) -> str:
    return "is" if len(published) == 1 else "are"


def chosen(
    published: range, taken: Collection[int], deployment: Deployment | None, had: Mapping[Environment, int]
) -> dict[Environment, int]:
    """What a project gets: the ports that its deployment names, else those that it ``had``, else the lowest free ones.

    Another project's port is not given. PROD gets one of the last kind only while more than half of all are free, so
    that DEV of later projects has one.
    """
    wanted = deployment or Deployment()
    targets: tuple[tuple[Environment, Target | None], ...] = (("dev", wanted.dev), ("prod", wanted.prod))
    asked = {environment: target.port for environment, target in targets if target is not None and target.port}
    found: dict[Environment, int] = {}
    for environment, port in asked.items():
        if port in published and port not in taken and port not in found.values():
            found[environment] = port
    for environment, _ in targets:
        free = [port for port in published if port not in taken and port not in found.values()]
        if environment in asked or not free:
            continue
        if had.get(environment) in free:
            found[environment] = had[environment]
        elif environment == "dev" or len(free) > len(published) // 2:
            found[environment] = free[0]
    return found


def lowest_free(
    published: range, taken: Collection[int], deployment: Deployment | None, environment: Environment
) -> int | None:
    """For an environment that needs a port now: the one that its deployment names, else the lowest free one."""
    target = None if deployment is None else getattr(deployment, environment)
    if target is not None and target.port is not None:
        return target.port if target.port in published and target.port not in taken else None
    return next((port for port in published if port not in taken), None)


def deployed(deployment: Deployment | None, leases: Mapping[Environment, int]) -> Deployment | None:
    """The deployment with the leased ports where it names none."""
    if not leases:
        return deployment
    wanted = deployment or Deployment()
    return Deployment(dev=_with(wanted.dev, leases.get("dev")), prod=_with(wanted.prod, leases.get("prod")))


def explained(deployment: Deployment | None, reasons: Mapping[Environment, str]) -> Deployment | None:
    """The deployment with the reason at each environment that has no port."""
    if not reasons:
        return deployment
    wanted = deployment or Deployment()
    return Deployment(dev=_noted(wanted.dev, reasons.get("dev")), prod=_noted(wanted.prod, reasons.get("prod")))


def _noted(target: Target | None, reason: str | None) -> Target | None:
    return target if reason is None else replace(target or Target(), note=reason)


def _with(target: Target | None, port: int | None) -> Target | None:
    if port is None or (target is not None and target.port is not None):
        return target
    return replace(target or Target(), port=port)
