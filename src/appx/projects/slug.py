"""From a project's name to its id, which is also its directory and its label. Pure."""

import re
import unicodedata

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId

MAX_LENGTH = 63
RESERVED = frozenset({"pi-global", "lost-found", "appx", "localhost"})


def slug(name: str) -> ProjectId:
    """Lower-case ASCII letters and digits, anything else a dash. Raises Invalid when nothing usable is left."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    found = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:MAX_LENGTH].strip("-")
    if not found:
        raise Invalid("The name does not yield a project id: give it at least one letter or digit of the Latin script.")
    if found in RESERVED:
        raise Invalid(f"The name yields the id {found!r}, which is reserved. Choose another name.")
    return ProjectId(found)


def with_suffix(base: ProjectId, suffix: str) -> ProjectId:
    """Another id from the same name: ``base-suffix``, still at most ``MAX_LENGTH`` long."""
    return ProjectId(f"{base[: MAX_LENGTH - 1 - len(suffix)].rstrip('-')}-{suffix}")
