"""Compares what is installed somewhere with what the bill of materials says of it.

    sbom.py SBOM.json PLACE KIND      lines "NAME VERSION" on standard input; KIND is deb, pypi or npm

Prints each package that only one of them has; exits 1 when there is one, or none at all.
"""

import json
import re
import sys
from typing import Any
from urllib.parse import unquote


def main() -> None:
    file, place, kind = sys.argv[1:]
    with open(file) as opened:
        document = json.load(opened)
    installed = {tuple(line.split()) for line in sys.stdin if line.strip()}
    listed = {package(component, kind) for component in components(document, place, kind)}
    for what, packages in (("not in the bill", installed - listed), ("not installed", listed - installed)):
        for name, version in sorted(packages):
            print(f"{what}: {name} {version}")
    print(f"{len(installed)} packages")
    sys.exit(installed != listed or not installed)


def components(document: dict[str, Any], place: str, kind: str) -> list[dict[str, Any]]:
    """Those of a place, without the sources that a Debian package was made from."""
    inside = next(line["dependsOn"] for line in document["dependencies"] if line["ref"] == f"appx:{place}")
    known = {component["bom-ref"]: component for component in document["components"]}
    # Our own package has no address at an index.
    found = [known[each] for each in inside if known[each].get("purl", "pkg:pypi/").startswith(f"pkg:{kind}/")]
    libraries = [component for component in found if component["type"] != "container"]
    return [component for component in libraries if "arch=source" not in component.get("purl", "")]


def package(component: dict[str, Any], kind: str) -> tuple[str, str]:
    """As the list on standard input spells it."""
    name = component["name"]
    return (normal(name) if kind == "pypi" else name, unquote(component["version"]))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


main()
