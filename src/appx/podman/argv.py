"""Commands for podman, as lines for the workbench. Pure."""

import shlex

from appx.domain.ids import ProjectId

LABEL = "appx.project"


def start_restartable() -> str:
    """Start the containers that asked to come back: what ``podman-restart.service`` does where systemd runs."""
    return " && ".join(
        f"podman start --all --filter restart-policy={policy} --filter status=created --filter status=exited"
        for policy in ("always", "unless-stopped")
    )


def reap(project: ProjectId) -> str:
    """Remove all that carries the project's label, and the two containers that go by its name.

    Each step is tried, whatever became of the one before; the exit code is 0 when all is gone.
    """
    label = shlex.quote(f"label={LABEL}={project}")
    named = " ".join(shlex.quote(f"{project}-app-{environment}") for environment in ("dev", "prod"))
    containers = f"$(podman ps --all --quiet --no-trunc --filter {label})"
    return "\n".join(
        (
            "command -v podman > /dev/null || exit 0  # nothing can have run",
            "failed=0",
            f"podman rm --force --ignore --time 5 --volumes {named} {containers} || failed=1",
            _each(f"podman pod ps --quiet --filter {label}", "podman pod rm --force"),
            _each(f"podman network ls --quiet --filter {label}", "podman network rm --force"),
            _each(f"podman volume ls --quiet --filter {label}", "podman volume rm --force"),
            _each(f"podman images --quiet --no-trunc --filter {label} | sort -u", "podman rmi --force"),
            "exit $failed",
        )
    )


def _each(listing: str, remove: str) -> str:
    return f'for each in $({listing}); do {remove} "$each" || failed=1; done'
