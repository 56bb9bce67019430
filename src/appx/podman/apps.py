"""Commands for podman about the apps that the server runs, as lines for the workbench. Pure."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from appx.domain.apps import App, Release, container_name
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment

LABEL = "appx.project"
"""Of everything that belongs to a project."""

ENVIRONMENT, RELEASE = "appx.environment", "appx.release"
"""Labels of the containers that the server runs."""

IGNORED = (".git", ".pi")
"""What no build needs, where the project does not say what to leave out."""

TRIAL, ASIDE = ".next", ".last"
"""What is added to the name of an app: a new release that is looked at, and the old one until then."""

STOP_SECONDS = 10
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one app may take: bytes of memory, processes, parts of a processor; None: as much as there is."""

    memory: int | None = None
    processes: int | None = None
    cpus: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a container of an app is started. ``port``: on which it is published; None: one that podman chooses."""

    app: App
    release: Release
    name: str
    port: int | None
    limits: Limits
    secrets: tuple[str, ...] = ()
    """Names of variables that ``keep_secrets`` stored."""
    trial: bool = False
    """To be looked at and removed: it does not come back when it ends."""


def tag_of(project: ProjectId, number: int) -> str:
    return f"localhost/{project}:r{number}"


def service_tag(project: ProjectId, number: int, service: str) -> str:
    """Where an app has several."""
    return f"{tag_of(project, number)}-{service}"


def build(project: ProjectId, number: int, recipe: str) -> str:
    """Build ``recipe`` in the project's directory. Prints what podman says, steps as ``STEP n/m: …``."""
    words = ["podman", "build", "--pull=missing", "--label", f"{LABEL}={project}", "--tag", tag_of(project, number)]
    ignored = shlex.quote("\\n".join(IGNORED) + "\\n")
    return "\n".join(
        (
            "set -eu",
            "ignore=()",
            "if [ ! -e .containerignore ] && [ ! -e .dockerignore ]; then",
            '  rules="$(mktemp)"',
            "  trap 'rm -f \"$rules\"' EXIT",
            f'  printf {ignored} >"$rules"',
            '  ignore=(--ignorefile "$rules")',
            "fi",
            f'{shlex.join(words)} "${{ignore[@]}}" --file {shlex.quote(recipe)} .',
        )
    )


def free_space() -> str:
    """Prints how much of the disk of the images is free, in MiB."""
    return "df --output=avail --block-size=1M \"$(podman info --format '{{.Store.GraphRoot}}')\" | tail -n 1"


def look_at_image(image: str) -> str:
    """Prints what ``parse.image_in`` reads."""
    return shlex.join(["podman", "image", "inspect", image])


def run(start: Start) -> str:
    """Replace the container of that name. Prints its id."""
    app, release = start.app, start.release
    published = f"{LOOPBACK}:" if start.port is None else str(start.port)
    words = ["podman", "run", "--detach", "--replace", "--init", "--pull=never", "--name", start.name]
    words += ["--label", f"{LABEL}={app.project}", "--publish", f"{published}:{release.port}"]
    words += ["--stop-timeout", str(STOP_SECONDS)]
    if not start.trial:
        words += ["--label", f"{ENVIRONMENT}={app.environment}", "--label", f"{RELEASE}={release.number}"]
        words += ["--restart=always"]
    words += _limits(start.limits)
    for path in release.volumes:
        words += ["--volume", f"{volume_of(app, path)}:{path}"]
    words += ["--env", f"PORT={release.port}", "--env", f"APPX_ENVIRONMENT={app.environment}"]
    for name in start.secrets:
        words += ["--secret", f"{secret_of(app.project, app.environment, name)},type=env,target={name}"]
    return shlex.join([*words, release.image])


def volume_of(app: App, path: str) -> str:
    """A directory of the image keeps its name from release to release."""
    return f"{app.container}{path.rstrip('/').replace('/', '-') or '-root'}"


def make_volumes(app: App, paths: Iterable[str]) -> str:
    """With the label by which they are removed."""
    lines = (
        shlex.join(
            ["podman", "volume", "create", "--ignore", "--label", f"{LABEL}={app.project}", volume_of(app, each)]
        )
        for each in paths
    )
    return " && ".join(lines)


def remove(name: str, suffix: str = "") -> str:
    """A container and those of the app's other services; also what is not there. Volumes with names stay.

    Several are stopped first: podman leaves one whose dependent comes back meanwhile. Each takes with it what depends
    on it, and podman 5.4 may leave the one that was named then: hence twice.
    """
    rm = f"podman rm --force --ignore --depend --time {STOP_SECONDS} --volumes"
    return f"""
others="{_services(name, suffix)}" web={shlex.quote(name + suffix)}
if [ -n "$others" ]; then podman stop --ignore --time {STOP_SECONDS} $web $others >/dev/null || exit; fi
for each in $web $others $others; do {rm} "$each" || exit; done"""


def start(name: str) -> str:
    """With the app's other services."""
    return f"podman start {_services(name)} {shlex.quote(name)}"


def set_aside(name: str) -> str:
    """Stop what an app runs and keep it under other names, in case that its successor is no good.

    The one that answers the web is the last: when it is set aside, all are.
    """
    quoted, aside = shlex.quote(name), shlex.quote(name + ASIDE)
    return f"""
{remove(name, ASIDE)}
others="{_services(name)}" && podman stop --time {STOP_SECONDS} $others {quoted} || exit
for each in $others; do podman rename "$each" "$each"{ASIDE} || exit; done
podman rename {quoted} {aside}"""


def put_back(name: str) -> str:
    """In the place of what has these names now; where nothing was set aside, it is only started."""
    quoted, aside = shlex.quote(name), shlex.quote(name + ASIDE)
    return f"""
if podman container exists {aside}; then
  {remove(name)}
  podman rename {aside} {quoted} || exit
fi
for each in {_services(name, ASIDE)}; do podman rename "$each" "${{each%{ASIDE}}}" || exit; done
{start(name)}"""


def _services(name: str, suffix: str = "") -> str:
    """The shell's expression for the containers of an app's services, but the one that answers the web."""
    pattern = f"^{name}_[^.]+{suffix.replace('.', '[.]')}$"
    return f"$(podman ps --all --format '{{{{.Names}}}}' --filter 'name={pattern}')"


def tidy() -> str:
    """What a rollout left that was cut off, whatever its project: trials go; what was set aside has its name again.

    Where there is something of that name already, it is the successor: the server decides later whether it is wanted.
    """
    return f"""
for each in $(podman ps --all --format '{{{{.Names}}}}' --filter 'name=-app-(dev|prod){TRIAL}$'); do
  podman rm --force --ignore "$each"
done
for each in $(podman ps --all --format '{{{{.Names}}}}' --filter 'name=-app-(dev|prod)(_[^.]+)?{ASIDE}$'); do
  if ! podman container exists "$each"; then continue; fi  # it went with one that it depends on
  if podman container exists "${{each%{ASIDE}}}"; then podman rm --force --ignore --depend "$each"; else
    podman rename "$each" "${{each%{ASIDE}}}"; fi
done"""


def listing(project: ProjectId) -> str:
    """All containers of a project. Prints what ``parse.containers_in`` reads."""
    return shlex.join(["podman", "ps", "--all", "--format=json", "--filter", f"label={LABEL}={project}"])


def logs(name: str, lines: int) -> str:
    """The last lines of both streams."""
    return shlex.join(["podman", "logs", "--tail", str(lines), name]) + " 2>&1"


def logs_of_all(name: str, lines: int) -> str:
    """Of an app's services, each with its name before it; that which answers the web is the last."""
    told = f'podman logs --tail {lines} "$each" 2>&1'
    return f"""
others="{_services(name)}"
for each in $others; do echo "=== ${{each#*_}}" && {told}; done
if [ -n "$others" ]; then echo '=== the one that answers the web'; fi
each={shlex.quote(name)} && {told}"""


def follow_logs(container: str, *, lines: int | None = None, since: str = "") -> str:
    """The last ``lines``, or those after a time, and all that come until it ends. Both streams, for ``logs``."""
    words = ["podman", "logs", "--follow", "--timestamps"]
    words += [] if lines is None else ["--tail", str(lines)]
    words += ["--since", since] if since else []
    return f"exec {shlex.join([*words, container])}"


def look_at_container(name: str) -> str:
    """Prints what ``parse.life_in`` reads; nothing when there is none."""
    quoted = shlex.quote(name)
    return f"if podman container exists {quoted}; then podman container inspect {quoted}; fi"


def stats(name: str) -> str:
    """Prints what ``parse_stats.usage_in`` reads."""
    return shlex.join(["podman", "stats", "--no-stream", "--format", "{{json .ContainerStats}}", name]) + " 2>&1"


def published_port(name: str, port: int) -> str:
    """Prints the address on which ``port`` of a container is published."""
    return shlex.join(["podman", "port", name, f"{port}/tcp"])


def list_tags(project: ProjectId) -> str:
    """Of all images of a project. Prints what ``parse.releases_in`` reads."""
    return shlex.join(["podman", "images", "--format", "{{.Tag}}", "--filter", f"reference=localhost/{project}"])


def list_names(project: ProjectId) -> str:
    """Of all images of a project, with other names that they have."""
    words = ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=localhost/{project}"]
    return shlex.join(words)


def remove_images(project: ProjectId, numbers: Iterable[int]) -> str:
    """Of these releases, with those of their services. What a container still uses stays."""
    tags = "|".join(f"r{each}" for each in numbers)
    named = shlex.quote(f"localhost/{project}:({tags})(-.+)?")
    listed = f"{list_names(project)} | grep --extended-regexp --line-regexp {named}"
    return f"{listed} | xargs --no-run-if-empty --max-args=1 podman rmi"


def health(name: str, port: int, path: str, seconds: int) -> str:
    """Ask until the app answers well, has ended, or the time is over. Prints the last answer; exit code 0 is healthy.

    With a ``path`` only 200 to 399 is well; without, everything at ``/`` that is no error of the server.
    """
    asked = shlex.quote(path or "/")
    quoted = shlex.quote(name)
    return f"""
path={asked}
until="$((SECONDS + {seconds}))"
while :; do
  code="$(curl --globoff --silent --output /dev/null --max-time 5 --write-out '%{{http_code}}' \\
    "http://{LOOPBACK}:{port}$path")" || true
  if [ "$code" -gt 0 ] && [ "$code" -lt {400 if path else 500} ]; then exit 0; fi
  if [ "$(podman inspect --format '{{{{.State.Running}}}}' {quoted})" != true ]; then
    echo "it ended with exit code $(podman inspect --format '{{{{.State.ExitCode}}}}' {quoted})"
    exit 1
  fi
  [ "$SECONDS" -lt "$until" ] || break
  sleep 0.1
done
case $code in
000) echo "no answer at $path within {seconds} s (APPX_HEALTH_SECONDS)" ;;
*) echo "$path answered $code" ;;
esac
exit 1"""


def keep_secrets(project: ProjectId, environment: Environment, names: Iterable[str]) -> str:
    """Reads the values from standard input, each ended by a zero byte, in the order of ``names``."""
    label = shlex.quote(f"{LABEL}={project}")
    lines = ["set -eu"]
    for name in names:
        secret = shlex.quote(secret_of(project, environment, name))
        lines += [
            "IFS= read -r -d '' value",
            f"printf '%s' \"$value\" | podman secret create --replace --label {label} {secret} - >/dev/null",
        ]
    return "\n".join(lines)


def remove_secrets(project: ProjectId, environment: Environment, keep: Iterable[str] = ()) -> str:
    """All of an environment but those to ``keep``."""
    prefix = f"{container_name(project, environment)}."
    kept = shlex.quote(" ".join(("", *(f"{prefix}{each}" for each in keep), "")))
    return f"""kept={kept}
for each in $(podman secret ls --format '{{{{.Name}}}}'); do
  case "$kept" in *" $each "*) continue ;; esac
  case $each in {shlex.quote(prefix)}*) podman secret rm "$each" >/dev/null ;; esac
done"""


def secret_of(project: ProjectId, environment: Environment, name: str) -> str:
    return f"{container_name(project, environment)}.{name}"


def _limits(limits: Limits) -> list[str]:
    words: list[str] = []
    if limits.memory is not None:
        words += ["--memory", str(limits.memory)]
    if limits.processes is not None:
        words += ["--pids-limit", str(limits.processes)]
    if limits.cpus is not None:
        words += ["--cpus", f"{limits.cpus:g}"]
    return words
