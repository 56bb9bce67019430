"""What git is told about checkpoints, as bash lines for the workbench. Pure.

Checkpoints are commits of ours on ``refs/appx/checkpoints``, with an index of their own. So the person's branches,
index, stash and hooks are never touched.
"""

import shlex

from appx.kit.unfinished import PREFIX

REF = "refs/appx/checkpoints"
MAX_FILE = 10 << 20
"""A new file that is larger is left out: most such files are data or products."""

AUTHOR = "-c user.name=appx -c user.email=checkpoint@appx.invalid -c commit.gpgsign=false"
FIELDS = "%x1f".join(
    ("%H", "%T", "%ct", "%s", *(f"%(trailers:key={key},valueonly,separator=%x2C)" for key in ("Turn", "Session")))
)

_OWN_INDEX = """\
set -eu
folder="$(git rev-parse --absolute-git-dir)"
export GIT_INDEX_FILE="$folder/appx-index.$$" GIT_OPTIONAL_LOCKS=0
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null
trap 'rm -f "$GIT_INDEX_FILE" "$GIT_INDEX_FILE.lock"' EXIT
"""


def snapshot(message: str, *, turn: str = "", session: str = "") -> str:
    """Commit the working tree when it differs from the newest checkpoint. Prints the commit, or nothing."""
    trailers = "".join(f"\n{name}: {value}" for name, value in (("Turn", turn), ("Session", session)) if value)
    words = shlex.quote(f"{message}\n{trailers}\n" if trailers else f"{message}\n")
    return f"""{_OWN_INDEX}
parent="$(git rev-parse --quiet --verify {REF} || true)"
if [ -n "$parent" ]; then git read-tree "$parent"; fi
git ls-files --others --modified --exclude-standard -z |
  while IFS= read -r -d '' path; do
    if [ -f "$path" ] && [ ! -L "$path" ] && [ "$(stat -c %s -- "$path")" -gt {MAX_FILE} ]; then
      printf ':(exclude,literal)%s\\0' "$path"
    fi
  done >"$GIT_INDEX_FILE.out"
printf ':(exclude){PREFIX}*\\0.\\0' >>"$GIT_INDEX_FILE.out"
git add --all --pathspec-from-file="$GIT_INDEX_FILE.out" --pathspec-file-nul
rm -f "$GIT_INDEX_FILE.out"
tree="$(git write-tree)"
if [ -n "$parent" ] && [ "$tree" = "$(git rev-parse "$parent^{{tree}}")" ]; then exit 0; fi
if [ -z "$parent" ] && [ -z "$(git ls-tree "$tree")" ]; then exit 0; fi
commit="$(printf '%s' {words} | git {AUTHOR} commit-tree "$tree" ${{parent:+-p "$parent"}})"
git update-ref {REF} "$commit" "$parent"
echo "$commit"
"""


def listing(limit: int) -> str:
    """The newest checkpoints, a line each."""
    there = f"git rev-parse --quiet --verify {REF} >/dev/null || exit 0"
    return f"{there}\ngit log -n {limit} --format={shlex.quote(FIELDS)} {REF}"


def is_checkpoint(commit: str) -> str:
    """Succeeds when the commit is one of ours."""
    return f"git merge-base --is-ancestor {shlex.quote(commit)} {REF}"


def diff(older: str, newer: str) -> str:
    """A unified diff between two checkpoints."""
    return f"git diff --no-color --no-ext-diff --no-textconv {shlex.quote(older)} {shlex.quote(newer)} --"


def restore(commit: str) -> str:
    """Make the working tree as it was at a checkpoint. What neither checkpoint knows, ignored files say, stays."""
    wanted = shlex.quote(commit)
    return f"""{_OWN_INDEX}
git diff --name-only --diff-filter=D -z {REF} {wanted} -- |
  while IFS= read -r -d '' path; do rm -f -- "$path"; done
git read-tree {wanted}
git checkout-index --all --force
"""
