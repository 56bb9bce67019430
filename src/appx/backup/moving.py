"""Command lines by which an account moves what is its own from one directory of the workspace to another.

The directories are sticky, so nobody else may. An account also owns what its containers made, and may have taken rights
from itself: then root of its user namespace moves it.
"""

import shlex
from collections.abc import Sequence

_TOOLS = """
set -eu
there() { [ -e "$1" ] || [ -L "$1" ]; }
move() { mv -T -- "$1" "$2" 2>/dev/null || podman unshare mv -T -- "$1" "$2"; }
out_of_the_way() { if there "$1"; then move "$1" "$1.$token"; fi; }
put_aside() { if there "$1"; then out_of_the_way "$aside/$1"; move "$1" "$aside/$1"; fi; }
"""
"""What stands where something has to go, an agent made. It is kept, too, by another name."""


def put_aside(aside: str, names: Sequence[str], token: str) -> str:
    """Projects that the backup does not have."""
    return f'{_TOOLS} aside={aside} token={token}; for name in {shlex.join(names)}; do put_aside "$name"; done; sync .'


def put_in_place(new: str, aside: str, names: Sequence[str], token: str) -> str:
    """Each project of the backup in the place of the one of its name. Done again, it does what is left."""
    return (
        f"{_TOOLS} new={new} aside={aside} token={token}; for name in {shlex.join(names)}; do "
        'if there "$new/$name"; then put_aside "$name"; move "$new/$name" "$name"; fi; done; sync .'
    )


def rename(paths: Sequence[str], token: str) -> str:
    """What is in the way, where it is; what is gone is left alone."""
    return f'{_TOOLS} token={token}; for path in {shlex.join(paths)}; do out_of_the_way "$path"; done'


def remove_own(place: str) -> str:
    """What an account has there. Names are not told: agents may make any there, and as many as they like."""
    line = f'find {shlex.quote(place)} -mindepth 1 -maxdepth 1 -user "$(id -u)" -exec rm -rf -- {{}} +'
    return f"{line} 2>/dev/null || podman unshare sh -c {shlex.quote(line)}"
