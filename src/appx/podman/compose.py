"""Commands for compose about apps of several services, as lines for the workbench. Pure."""

import shlex
from collections.abc import Iterable
from typing import Literal, TypeAlias

from appx.podman.apps import IGNORED

Condition: TypeAlias = Literal["healthy", "completed"]

COMPOSE = "podman-compose --in-pod false --parallel 1"

READER = """
import json, sys, yaml
from dotenv import dotenv_values
found = yaml.safe_load(sys.stdin)
for service in found.get("services", {}).values():
    files = service.pop("env_file", None) or []
    values = {}
    for each in [files] if isinstance(files, (str, dict)) else files:
        path, needed = (each["path"], each.get("required", True)) if isinstance(each, dict) else (each, True)
        try:
            with open(path) as lines:
                values |= dotenv_values(stream=lines)
        except FileNotFoundError:
            if needed:
                sys.exit(f"the file {path} is not there")
    if values:
        service["environment"] = values | (service.get("environment") or {})
json.dump(found, sys.stdout, default=str)
"""
"""What compose made of its file, as JSON, with what stands in files of variables: a release has all of it."""


def config(recipe: str) -> str:
    """Prints a JSON object on success, and only then; else what compose says."""
    return f"""
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
found="$(set -o pipefail; {COMPOSE} --file {shlex.quote(recipe)} config 2>"$said" |
  python3 -c {shlex.quote(READER)} 2>>"$said")" || {{ grep -v '^ *File\\|^Traceback' "$said"; exit 1; }}
printf '%s\\n' "$found"
"""


def build(services: Iterable[tuple[str, str]], images: Iterable[tuple[str, str]]) -> str:
    """Reads the file from standard input. Prints what podman says.

    ``services``: the name and the directory of those that are built. ``images``: what is fetched where it is missing,
    and its new name.
    """
    ignored = shlex.quote("\\n".join(IGNORED) + "\\n")
    lines = [
        "set -eu",
        'stack="$(cat)" rules="$(mktemp)"',
        "trap 'rm -f \"$rules\"' EXIT",
        f'printf {ignored} >"$rules"',
        "build() {",
        '  local more="--pull=missing"',
        '  if [ ! -e "$2/.containerignore" ] && [ ! -e "$2/.dockerignore" ]; then more="$more --ignorefile $rules"; fi',
        f'  {COMPOSE} --podman-build-args "$more" --file - build "$1" <<<"$stack"',
        "}",
    ]
    for image, tag in images:
        quoted = shlex.quote(image)
        lines += [f"podman image exists {quoted} || podman pull --quiet {quoted}", f"podman tag {quoted} {tag}"]
    lines += [shlex.join(["build", name, context]) for name, context in services]
    return "\n".join(lines)


def create(name: str) -> str:
    """Make the containers of all services. Reads the file from standard input.

    The exit code tells nothing: look what is there.
    """
    return f"{COMPOSE} --project-name {shlex.quote(name)} --file - up --no-start --no-build 2>&1"


def start(order: Iterable[tuple[str, Iterable[tuple[str, Condition]]]], patience: int) -> str:
    """Start containers, each after those that it waits for. The output tells which did not come so far.

    ``patience``: how long all together have to be healthy, in seconds.

    compose could do it, too, but waits for ever for one that failed; and leaves health checks to systemd, which is not
    here.
    """
    lines = ["set -eu", f"patience={patience}", _WAITS]
    for name, waits in order:
        lines += [shlex.join([f"be_{condition}", other]) for other, condition in waits]
        lines.append(shlex.join(["podman", "start", name]))
    return "\n".join(lines)


_WAITS = """
state() { podman container inspect --format "{{.State.$2}}" "$1"; }
be_healthy() {
  until podman healthcheck run "$1" >/dev/null 2>&1; do
    if [ "$(state "$1" Running)" != true ]; then
      echo "$1 ended with exit code $(state "$1" ExitCode), and others wait until it is healthy"
      exit 1
    fi
    if [ "$SECONDS" -ge "$patience" ]; then
      echo "$1 is not healthy within $patience s (4 times APPX_HEALTH_SECONDS)"
      exit 1
    fi
    sleep 0.3
  done
}
be_completed() {
  code="$(podman wait "$1")"
  if [ "$code" != 0 ]; then echo "$1 ended with exit code $code, and others wait for its work" && exit 1; fi
}"""
