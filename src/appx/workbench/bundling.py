"""A project's repository as a git bundle, by git, from a repository of its own beside it that borrows the objects.

So neither the project's references and index nor its configuration and hooks take part, and git's files stay as they
are, whatever breaks off.
"""

from collections.abc import Mapping
from pathlib import Path

from appx.domain.errors import Conflict, Unavailable
from appx.kit import process
from appx.workbench.paths import entered
from appx.workbench.tree import Take

SECONDS = 1_800.0
NOTHING = 71

SCRIPT = f"""\
set -eu -o pipefail
export GIT_CEILING_DIRECTORIES="$(dirname "$PWD")" GIT_OPTIONAL_LOCKS=0 GIT_NO_REPLACE_OBJECTS=1
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null
git rev-parse --git-dir >/dev/null || exit {NOTHING}
objects="$(git rev-parse --path-format=absolute --git-path objects)"
beside="$(mktemp -d)"
trap 'rm -rf "$beside"' EXIT
git for-each-ref --format='create %(refname) %(objectname)' refs/heads refs/tags refs/appx/checkpoints >"$beside/wanted"
head="$(git rev-parse --quiet --verify 'HEAD^{{commit}}' || true)"
branch="$(git symbolic-ref --quiet HEAD || true)"
newest="$(git rev-parse --quiet --verify refs/appx/checkpoints || true)"
export GIT_CONFIG_GLOBAL=/dev/null
git init --quiet --bare --template= --object-format="$(git rev-parse --show-object-format)" "$beside/git"
export GIT_DIR="$beside/git"
mkdir -p "$GIT_DIR/objects/info"
printf '%s\\n' "$objects" >"$GIT_DIR/objects/info/alternates"
if ! grep -q '^create refs/heads/' "$beside/wanted"; then
  head="${{head:-$newest}}"
  branch=refs/heads/main
  if [ -n "$head" ]; then printf 'create %s %s\\n' "$branch" "$head" >>"$beside/wanted"; fi
fi
[ -n "$head" ] || [ -s "$beside/wanted" ] || exit {NOTHING}
git update-ref --stdin <"$beside/wanted"
if [ -n "$branch" ] && git rev-parse --quiet --verify "$branch" >/dev/null; then
  git symbolic-ref HEAD "$branch"
elif [ -n "$head" ]; then
  git update-ref --no-deref HEAD "$head"
fi
git bundle create --quiet - --all $(git rev-parse --quiet --verify HEAD >/dev/null && echo HEAD)
"""


async def bundle(directory: Path, environment: Mapping[str, str], take: Take) -> None:
    """Raises Conflict, Unavailable."""
    with entered(directory) as cwd:
        code, words = await process.pipe(["bash", "-c", SCRIPT], cwd=cwd, env=environment, time_limit=SECONDS, end=take)
    if code == NOTHING:
        raise Conflict("The project's repository has no commit and no checkpoint yet, so there is nothing to take.")
    if code != 0:
        lines = words.strip().splitlines()
        raise Unavailable(f"git could not make the bundle: {lines[-1] if lines else 'it took too long'}.")
