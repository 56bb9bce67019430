"""Shells as lines for the workbench. Pure."""

import shlex

MARK = "APPX_SHELL"
"""The variable by which what was started in an app by way of a shell is known."""

TERM = "xterm-256color"

_SHELL = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"

# More than once: podman may still be starting something when its own end comes.
_END = """
for signal in HUP KILL KILL KILL; do
  grep -lzxFe "$0" /proc/[0-9]*/environ | while IFS=/ read -r _ _ process _; do kill -s "$signal" "$process"; done
  sleep 1
done"""


def in_project() -> str:
    """For a person, who answers and reads page by page."""
    return f"unset PAGER GIT_TERMINAL_PROMPT DEBIAN_FRONTEND; export TERM={TERM}; exec bash -i"


def in_app(container: str, name: str) -> str:
    """bash, or sh where there is none. ``name``: another for each shell.

    podman forgets what it started when its own end comes from outside. So somebody in a session of its own, whom
    nobody ends, waits for the end of a pipe that only this shell holds open, and then ends by its mark what was
    started.
    """
    mark = shlex.quote(f"{MARK}={name}")
    words = ["podman", "exec", "--interactive", "--tty", "--detach-keys=", "--env", f"{MARK}={name}", "--env"]
    words += [f"TERM={TERM}", container, "sh", "-c", _SHELL]
    end = f"read -r _; exec podman unshare bash -c {shlex.quote(_END)} {mark}"
    # Without the last line bash would become podman, and hold nothing open.
    return f"exec 9> >(exec setsid bash -c {shlex.quote(end)} >/dev/null 2>&1)\n{shlex.join(words)} 9>&-\nexit"
