"""Secrets that come as files: for each secret NAME, NAME_FILE names the file that holds it."""

from collections.abc import Collection, Mapping
from pathlib import Path

SUFFIX = "_FILE"
MOST = 8_192
"""Bytes of a secret. What is longer fits into no header."""


def read_secret_files(
    given: Mapping[str, str], names: Collection[str], *, apart: bool
) -> tuple[dict[str, str], list[str]]:
    """``given`` with a NAME for each NAME_FILE of ``names``, and a sentence for each that cannot be read.

    ``apart``: commands of the agent run as another user, whom the files must be kept from.
    """
    found, problems = dict(given), []
    for name in names:
        variable = name + SUFFIX
        if variable not in given:
            continue
        if name in given:
            problems.append(f"{name} and {variable} are both set. Set one of them.")
            continue
        secret, problem = _read(Path(given[variable]), apart=apart)
        if problem:
            problems.append(f"{variable}: {given[variable]} {problem}")
        else:
            found[name] = secret
    return found, problems


def _read(path: Path, *, apart: bool) -> tuple[str, str]:
    """The secret and "", or "" and what is wrong. Never both, so that no message holds a secret."""
    try:
        if apart and _open_to_all(path):
            return "", "can be read by every user, so by the agent's commands. Give it to the server alone: mode 0400."
        with path.open("rb") as file:
            data = file.read(MOST + 3)
    except OSError as error:
        return "", f"cannot be read: {error.strerror}."
    secret = data.removesuffix(b"\n").removesuffix(b"\r")
    if len(secret) > MOST:
        return "", f"is too large: a secret has at most {MOST} bytes."
    if not secret.strip():
        return "", "is empty."
    if b"\n" in secret or b"\r" in secret:
        return "", "has more than one line. Leave only the secret in it."
    try:
        return secret.decode(), ""
    except UnicodeDecodeError:
        return "", "is no text."


def _open_to_all(path: Path) -> bool:
    """Whether any user may read it, as far as modes say: the file's own, and that of each directory above."""
    real = path.resolve(strict=True)
    return bool(real.stat().st_mode & 0o004) and all(above.stat().st_mode & 0o001 for above in real.parents)
