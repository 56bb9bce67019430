"""What git is told to bring a repository from elsewhere into a new project, as a bash script for the workbench. Pure.

Whoever wrote the address is believed nothing, and neither is who answers at it: only HTTP and HTTPS, no questions, no
configuration but this, no hooks, no submodules; sizes are looked at before files are made.
"""

import shlex
from urllib.parse import urlsplit

from appx.domain.errors import AppxError, Invalid, NoSpace, TooLarge
from appx.workbench.bench import CommandResult

SECONDS = 300.0
MAX_ADDRESS = 2_000
MAX_REPOSITORY = 1 << 30
MAX_FILES = 100_000
MAX_SIZE = 2 << 30
"""Bytes of all files of the commit that is checked out."""

SILENT_SECONDS = 30
TOO_LARGE = 71
EMPTY = 72
MAX_WORDS = 300


def checked_address(text: str) -> str:
    """Raises Invalid with what an address has to be."""
    try:
        parts = urlsplit(text)
        host, port, user = parts.hostname, parts.port, parts.username or parts.password
    except ValueError:
        raise _bad(text, "it is none") from None
    if parts.scheme not in {"http", "https"}:
        raise _bad(text, "it begins with https:// or http://; other protocols are not spoken")
    if not host or port == 0 or host.startswith("-"):
        raise _bad(text, "it names no host")
    if user is not None:
        raise _bad(text, "it holds a name or a password, which would be kept in the project. Upload an archive instead")
    if len(text) > MAX_ADDRESS or not text.isascii() or any(each.isspace() or not each.isprintable() for each in text):
        raise _bad(text, f"it has at most {MAX_ADDRESS:,} characters of ASCII, and no spaces")
    return text


def _bad(text: str, why: str) -> Invalid:
    return Invalid(f"{text[:100]!r} is no address of a repository: {why}.")


def clone(address: str) -> str:
    """Into the current directory, which is empty but for a new repository. Ends with 0, or as ``refusal`` reads it.

    git writes one large file as a rule, which ``ulimit`` bounds; whatever it writes besides is counted meanwhile.
    """
    return f"""\
set -u -o pipefail
exec 2>&1
export GIT_ALLOW_PROTOCOL=http:https GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=/bin/false GIT_CONFIG_GLOBAL=/dev/null
export GIT_NO_REPLACE_OBJECTS=1 GIT_LFS_SKIP_SMUDGE=1
rm -rf .git
ulimit -f {MAX_REPOSITORY >> 10}
git -c credential.helper= -c core.hooksPath=/dev/null -c http.lowSpeedLimit=1000 \\
  -c http.lowSpeedTime={SILENT_SECONDS} clone --quiet --no-checkout --no-recurse-submodules --template= \\
  -- {shlex.quote(address)} . &
child=$!
is_too_large() {{ size="$(du -sk . 2>/dev/null | cut -f 1)"; [ "${{size:-0}}" -gt {MAX_REPOSITORY >> 10} ]; }}
while kill -0 "$child" 2>/dev/null; do
  if is_too_large; then kill "$child"; wait "$child"; exit {TOO_LARGE}; fi
  sleep 0.2
done
wait "$child" || exit 1
if is_too_large; then exit {TOO_LARGE}; fi
git rev-parse --quiet --verify HEAD >/dev/null || exit {EMPTY}
git ls-tree -r --format='%(objectsize)' HEAD | {{
  files=0 bytes=0
  while read -r size; do
    files=$((files + 1))
    if [ "$size" != - ]; then bytes=$((bytes + size)); fi
    if [ "$files" -gt {MAX_FILES} ] || [ "$bytes" -gt {MAX_SIZE} ]; then exit {TOO_LARGE}; fi
  done
}} || exit {TOO_LARGE}
git -c core.hooksPath=/dev/null reset --quiet --hard
"""


def refusal(address: str, done: CommandResult) -> AppxError | None:
    """What to say of a clone that ended so; None of one that is there."""
    if done.code == 0:
        return None
    where = repr(address[:200])
    if done.code is None:
        return Invalid(f"{where} did not come in within {SECONDS:.0f} s. Make it smaller, or upload an archive.")
    if done.code == TOO_LARGE or "died of signal 25" in done.output or "File too large" in done.output:
        return TooLarge(
            f"{where} is too large: a repository has at most {MAX_REPOSITORY >> 30} GiB, and its newest commit "
            f"{MAX_FILES:,} files with {MAX_SIZE >> 30} GiB. Upload an archive of a part of it."
        )
    if done.code == EMPTY:
        return Invalid(f"{where} has no commit on its first branch, so there is nothing to begin with.")
    if "No space left" in done.output:
        return NoSpace("The disk is full. Make room, then try again.")
    return Invalid(f"git could not fetch {where}: {_last_words(done.output)}")


def _last_words(output: str) -> str:
    """For a person's terminal: what answered at the address may have put in anything."""
    lines = ["".join(each for each in line if each.isprintable()).strip() for line in output.splitlines()]
    found = [line for line in lines if line and not line.startswith("remote:")]
    return found[-1][:MAX_WORDS] if found else "it said nothing."
