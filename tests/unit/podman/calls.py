"""Lines for podman, run by bash with a podman that notes what it was told."""

import subprocess
from pathlib import Path

from hypothesis import strategies as st

HOSTILE = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), min_size=1, max_size=20) | st.sampled_from(
    ["$(touch hacked)", "`touch hacked`", "x; touch hacked", "x' || touch hacked #", "a b", "x\ntouch hacked", "*", "~"]
)

FAKE = """#!/bin/bash
printf '%s\\0' "$@" >> "$CALLS"
printf '\\0' >> "$CALLS"
case "$1 $2" in
"rm "* | *" rm" | *"rmi"*) exit "$FAIL" ;;
"ps "* | *" ps" | *" ls" | "images --quiet") echo id1 && echo id2 ;;
"images "*) printf '%s' "$IMAGES" ;;
esac
"""


def podman_in(folder: Path) -> Path:
    """A podman that notes its arguments, and lists two ids of everything."""
    podman = folder / "podman"
    podman.write_text(FAKE)
    podman.chmod(0o755)
    (folder / "empty").mkdir()
    return folder


def run(
    folder: Path, line: str, *, fail: bool = False, given: str = "", images: str = ""
) -> tuple[int, list[list[str]]]:
    """The exit code, and each call of podman. ``images``: what it lists when it is asked for their names."""
    calls = folder / "calls"
    calls.write_bytes(b"")
    environment = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "CALLS": str(calls),
        "FAIL": str(int(fail)),
        "IMAGES": images,
    }
    done = subprocess.run(
        ["bash", "-c", line], env=environment, cwd=folder / "empty", check=False, timeout=10, input=given.encode()
    )
    found = [call.split("\0") for call in calls.read_bytes().decode().split("\0\0")[:-1]]
    return done.returncode, found
