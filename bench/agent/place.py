"""Where the projects are: this machine, or a builder container that a command reaches."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio
from bench.agent.task import Task

CHECK_SECONDS = 60
PROBE = "podman run --rm --pull=never --network none localhost/appx/static true"

_PUT = 'tar --extract --no-same-owner --directory "$1"'

# The judge works on a copy, beside files that it brings itself, in an environment of its own. What the agent left
# running goes on in the project, not in the copy. `timeout` is in here because ending a `docker exec` ends nothing.
_JUDGE = """
set -eu
directory="$1" script="$2" project="$3" mode="$4" seconds="$5"
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
mkdir "$place/pristine" "$place/home"
tar --extract --no-same-owner --directory "$place/pristine"
work="$directory"
if [ "$mode" = copy ]; then
  work="$place/project"
  # The server's git may be taking a checkpoint, and its temporary files come and go.
  for attempt in $(seq 20); do
    if cp -a "$directory" "$work" 2>"$place/words"; then break; fi
    if [ "$attempt" = 20 ]; then cat "$place/words" >&2; exit 1; fi
    rm -rf "$work"
    sleep 0.2
  done
fi
cd "$work"
code=0
env -i PATH="$PATH" HOME="$place/home" LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 GIT_CONFIG_NOSYSTEM=1 \\
  ${XDG_RUNTIME_DIR:+XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR"} BUILDER_HOME="$HOME" PROJECT="$project" \\
  timeout --kill-after=2 "$seconds" "$place/pristine/$script" </dev/null || code=$?
if [ "$code" = 124 ]; then echo "the script took more than $seconds s" >&2; fi
exit "$code"
"""


class Unreachable(Exception):
    """The place does not do as it is told: a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Place:
    """``reach`` goes before every command: nothing for this machine, else ``docker exec -i appx as-builder``, say."""

    reach: Sequence[str] = ()

    async def put(self, tar: bytes, directory: str) -> None:
        await self._done(["bash", "-c", _PUT, "bash", directory], tar)

    async def prepare(self, task: Task, directory: str) -> None:
        """Run the task's ``prepare`` in the directory, when it has one."""
        if task.prepares:
            await self._done(self._script(task, directory, "prepare", "here"), task.pristine)

    async def check(self, task: Task, directory: str, project: str = "") -> Verdict:
        """Run the task's ``check`` in a copy of the directory. Nothing that the agent could change judges."""
        done = await self._run(self._script(task, directory, "check", "copy", project), task.pristine)
        return Verdict(ok=done.returncode == 0, said=done.stdout.decode(errors="replace").strip())

    async def lacks(self, need: str) -> str:
        """Why what a task needs is not there; empty when it is."""
        assert need == "podman"
        try:
            with anyio.fail_after(CHECK_SECONDS):
                done = await self._run(["bash", "-c", PROBE], b"")
        except TimeoutError:
            return f"`{PROBE}` took more than {CHECK_SECONDS} s"
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        return "" if done.returncode == 0 else f"`{PROBE}`: {lines[-1] if lines else f'exit code {done.returncode}'}"

    def _script(self, task: Task, directory: str, script: str, mode: str, project: str = "") -> list[str]:
        path = f"{task.name}/{script}"
        return ["bash", "-c", _JUDGE, "bash", directory, path, project, mode, str(CHECK_SECONDS)]

    async def _done(self, command: Sequence[str], given: bytes) -> None:
        done = await self._run(command, given)
        if done.returncode != 0:
            raise Unreachable(
                f"The files of the task could not be made: {done.stdout.decode(errors='replace').strip()}"
            )

    async def _run(self, command: Sequence[str], given: bytes) -> "subprocess.CompletedProcess[bytes]":
        """Its output and its errors in one. Raises Unreachable when it cannot be started."""
        try:
            return await anyio.run_process(
                [*self.reach, *command],
                input=given,
                check=False,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,  # Ctrl-C is for the bench, which then cleans up
            )
        except OSError as error:
            raise Unreachable(f"{(*self.reach, *command)[0]} cannot be started: {error.strerror}.") from error

    def _environment(self) -> Mapping[str, str]:
        """No key is for a check; what reaches a container may need all of it."""
        if self.reach:
            return os.environ
        return {name: os.environ[name] for name in ("PATH", "HOME", "XDG_RUNTIME_DIR") if name in os.environ}
