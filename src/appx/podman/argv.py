"""Commands for podman, as lines for the workbench. Pure."""

import shlex

from appx.domain.apps import ENVIRONMENTS, container_name
from appx.domain.ids import ProjectId
from appx.podman.apps import LABEL, list_names, remove_secrets, tidy


def start_restartable() -> str:
    """Start the containers that asked to come back: what ``podman-restart.service`` does where systemd runs.

    Not what a rollout set aside that was cut off: that would take the port of its successor.
    """
    lines = (
        f"podman start --all --filter restart-policy={policy} --filter status=created --filter status=exited"
        for policy in ("always", "unless-stopped")
    )
    return f"{{ {tidy()}\n}} >/dev/null\n" + " && ".join(lines)


def reap(project: ProjectId) -> str:
    """Remove all that carries the project's label, and the two containers that go by its name.

    Each step is tried, whatever became of the one before; the exit code is 0 when all is gone.
    """
    label = shlex.quote(f"label={LABEL}={project}")
    named = " ".join(shlex.quote(container_name(project, each)) for each in ENVIRONMENTS)
    containers = f"$(podman ps --all --quiet --no-trunc --filter {label})"
    rm = f"podman rm --force --ignore --depend --time 5 --volumes {named} {containers}"
    names = f"{list_names(project)} | grep {shlex.quote(f'^localhost/{project}:')}"
    return "\n".join(
        (
            "command -v podman > /dev/null || exit 0  # nothing can have run",
            "failed=0",
            f"{rm} || true  # it may leave one on which others depended",
            f"{rm} || failed=1",
            _each(f"podman pod ps --quiet --filter {label}", "podman pod rm --force"),
            _each(f"podman network ls --quiet --filter {label}", "podman network rm --force"),
            _each(f"podman volume ls --quiet --filter {label}", "podman volume rm --force"),
            _each(f"podman images --quiet --no-trunc --filter {label} | sort -u", "podman rmi --force"),
            _each(names, "podman rmi"),
            *(f"{{ {remove_secrets(project, each)}; }} || failed=1" for each in ENVIRONMENTS),
            "exit $failed",
        )
    )


def _each(listing: str, remove: str) -> str:
    return f'for each in $({listing}); do {remove} "$each" || failed=1; done'
