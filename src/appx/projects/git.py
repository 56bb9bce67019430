"""What git is told about checkpoints, as bash scripts for the workbench. Pure.

Checkpoints are commits of ours on ``refs/appx/checkpoints``, with an index of their own. So the person's branches,
index, stash and hooks are never touched. Each script prints its answer only; when it fails, git's last words.
"""

import shlex

from appx.kit.unfinished import PREFIX

REF = "refs/appx/checkpoints"
MAX_FILE = 10 << 20
"""A new file that is larger is left out: most such files are data or products."""

LEFT_OUT = (
    "node_modules/", ".venv/", "__pycache__/", "*.pyc", ".cache/", ".npm/", ".pytest_cache/", ".mypy_cache/",
    ".ruff_cache/", ".DS_Store", f"{PREFIX}*",
)  # fmt: skip
"""Left out besides what the project ignores: what a build or an editor makes anew."""

FIELDS = "%x1f".join(
    ("%H", "%T", "%ct", "%s", *(f"%(trailers:key={key},valueonly,separator=%x2C)" for key in ("Turn", "Session")))
)
EMPTY_TREE = "$(git hash-object -t tree /dev/null)"

_EXCLUDED = r":(exclude,literal)%P\0"

_BEGIN = """\
set -eu -o pipefail
words="$(mktemp)"; exec 2>"$words"
trap 'code=$?; [ "$code" = 0 ] || tail -n 1 "$words"; rm -f "$words"' EXIT
export GIT_CEILING_DIRECTORIES="$(dirname "$PWD")" GIT_OPTIONAL_LOCKS=0
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null GIT_NO_REPLACE_OBJECTS=1
"""

_BEGIN_CHANGE = f"""{_BEGIN}
git rev-parse --git-dir >/dev/null || git init -q
folder="$(git rev-parse --absolute-git-dir)"
export GIT_INDEX_FILE="$folder/appx-index"
rm -f "$GIT_INDEX_FILE.lock"
parent="$(git rev-parse --quiet --verify {REF} || true)"
"""


def snapshot(message: str, *, turn: str = "", session: str = "") -> str:
    """Commit the working tree when it differs from the newest checkpoint. Prints the commit, or nothing.

    The index stays between two checkpoints, so that a file that did not change is not read again. What the builder
    may not read, for example the data of an app that runs as another user, is left out as large files are.
    """
    trailers = "".join(f"\n{name}: {value}" for name, value in (("Turn", turn), ("Session", session)) if value)
    words = shlex.quote(f"{message}\n{trailers}\n" if trailers else f"{message}\n")
    left_out = " ".join(shlex.quote(each) for each in LEFT_OUT)
    return f"""{_BEGIN_CHANGE}
if [ -n "$parent" ]; then git read-tree --quiet -m "$parent" || git read-tree "$parent"; fi
printf '%s\\n' {left_out} >"$folder/appx-left-out"
{{
  find . -name .git -prune -o ! -type l \\( ! -readable -o -type d ! -executable \\) -printf '{_EXCLUDED}' -prune -o \\
    -type f -size +{MAX_FILE}c -printf '{_EXCLUDED}' || true
  printf '.\\0'
}} >"$folder/appx-paths"
git -c core.excludesFile="$folder/appx-left-out" -c advice.addEmbeddedRepo=false add --all \\
  --pathspec-from-file="$folder/appx-paths" --pathspec-file-nul
tree="$(git write-tree)"
if [ -n "$parent" ] && [ "$tree" = "$(git rev-parse "$parent^{{tree}}")" ]; then exit 0; fi
if [ -z "$parent" ] && [ -z "$(git ls-tree "$tree")" ]; then exit 0; fi
commit="$(printf '%s' {words} | git -c user.name=appx -c user.email=checkpoint@appx.invalid -c commit.gpgsign=false \\
  commit-tree "$tree" ${{parent:+-p "$parent"}})"
git update-ref {REF} "$commit" "$parent"
echo "$commit"
"""


def listing(limit: int, *, before: str = "") -> str:
    """The newest checkpoints, of those before ``before``, a line each."""
    start = f"{shlex.quote(before)}^" if before else REF
    return f"""{_BEGIN}
git rev-parse --quiet --verify {start} >/dev/null || exit 0
git log -n {limit} --format={shlex.quote(FIELDS)} {start} --
"""


def is_checkpoint(commit: str) -> str:
    """Succeeds when the commit is one of ours."""
    return f"{_BEGIN}git merge-base --is-ancestor {shlex.quote(commit)} {REF}"


def changes(newer: str, older: str = "", *, keep_files: int, keep_bytes: int) -> str:
    """How ``newer`` differs from ``older``, or from the checkpoint before it.

    Prints ``added<tab>removed<tab>name<zero byte>`` for each file, ``-`` for the lines of a binary one, of
    ``keep_files`` and one at most; a further zero byte; and the beginning of the unified diff, ``keep_bytes`` and one
    byte of it at most.
    """
    new = shlex.quote(newer)
    old = shlex.quote(older) if older else f'"$(git rev-parse --quiet --verify {new}^ || echo "{EMPTY_TREE}")"'
    return f"""{_BEGIN}
old={old}
{{ git diff --no-renames --numstat -z "$old" {new} -- || [ $? = 141 ]; }} | head -z -n {keep_files + 1}
printf '\\0'
{{ git diff --no-renames --no-color --no-ext-diff --no-textconv "$old" {new} -- || [ $? = 141 ]; }} |
  head -c {keep_bytes + 1}
"""


def restore(commit: str) -> str:
    """Make the working tree as it was at a checkpoint. What neither checkpoint knows, ignored files say, stays."""
    wanted = shlex.quote(commit)
    return f"""{_BEGIN_CHANGE}
git diff --name-only --no-renames --diff-filter=D -z {REF} {wanted} -- |
  while IFS= read -r -d '' path; do
    rm -f -- "$path"
    rmdir -p --ignore-fail-on-non-empty -- "$(dirname -- "$path")" || true
  done
git read-tree -m {wanted} || git read-tree {wanted}
git checkout-index --all --force --index --quiet
"""
