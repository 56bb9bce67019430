"""Shells as lines for the workbench. Pure."""

import shlex

MARK = "APPX_SHELL"
"""The variable by which what was started in an app by way of a shell is known."""

TERM = "xterm-256color"

_SHELL = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"

_END = """
for signal in HUP KILL; do
  for each in /proc/[0-9]*; do
    if grep -qzxF "$0" "$each/environ" 2>/dev/null; then kill -s "$signal" "${each#/proc/}" 2>/dev/null; fi
  done
  [ "$signal" = KILL ] || sleep 1
done"""


def in_project() -> str:
    """For a person, who answers and reads page by page."""
    return f"unset PAGER GIT_TERMINAL_PROMPT DEBIAN_FRONTEND; export TERM={TERM}; exec bash -i"


def in_app(container: str, name: str) -> str:
    """bash, or sh where there is none. ``name``: another for each shell.

    podman forgets what it started when its own end comes from outside; so that is ended by its mark, in a session of
    its own: this one has little time then.
    """
    mark = shlex.quote(f"{MARK}={name}")
    words = ["podman", "exec", "--interactive", "--tty", "--detach-keys=", "--env", f"{MARK}={name}", "--env"]
    words += [f"TERM={TERM}", container, "sh", "-c", _SHELL]
    end = f"setsid --fork podman unshare bash -c {shlex.quote(_END)} {mark} </dev/null >/dev/null 2>&1"
    return f"trap {shlex.quote(end)} EXIT\ntrap 'exit 129' HUP TERM\n{shlex.join(words)}"
