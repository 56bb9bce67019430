"""What builds leave in an account's store, and how it is removed. Pure."""

import shlex
from collections.abc import Mapping

from appx.domain.ids import ProjectId

BUSY = "a build runs"


def collect(project: ProjectId, kept: Mapping[str, str], hours: int | None) -> str:
    """Remove images without a name that nothing uses, layers of builds among them, and what killed builds left.

    ``kept``: the images of releases by name; each has its name again first. ``hours``: only what is older; None: all.
    The command podman holds the lock while it builds: then nothing is removed, and ``BUSY`` is printed. A build that
    begins meanwhile waits.
    """
    words = ["podman", "image", "prune", "--force"]
    words += [] if hours is None else ["--filter", f"until={hours}h"]
    listed = shlex.join(
        ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=localhost/{project}"]
    )
    again = (_name_again(name, image) for name, image in kept.items())
    return "\n".join(
        (
            'exec 8>"$XDG_RUNTIME_DIR/builds.lock"',
            f"flock --nonblock 8 || {{ echo {shlex.quote(BUSY)}; exit 0; }}",
            f'names=" $({listed} 8>&- | tr "\\n" " ")"',
            *again,
            # A container that podman is just making is listed as well, with another command: seen 2 times in 12 runs.
            "podman ps --all --external --format '{{.ID}} {{.Status}} {{.Command}}' 8>&- |",
            "  sed -n 's/ Storage buildah$//p' |",
            "  xargs --no-run-if-empty podman rm --force >/dev/null 8>&-",
            f"{shlex.join(words)} 8>&-",
            'find "${TMPDIR:-/nowhere}" -maxdepth 1 -name "buildah[0-9]*" -mmin +60 -exec rm -rf {} + 8>&- || true',
        )
    )


def _name_again(name: str, image: str) -> str:
    words = shlex.join(["podman", "tag", image, name])
    return f'case "$names" in *{shlex.quote(f" {name} ")}*) ;; *) {words} 8>&- || true ;; esac'
