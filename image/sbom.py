#!/usr/bin/env python3
"""Writes the bill of materials of the builder image: one CycloneDX document for it and the base images in it.

    sbom.py TREES IMAGES PYPROJECT.toml OUT

TREES holds a directory for each place, ``builder`` and the base images for apps, with what tells its packages:
``var/lib/dpkg``, and Python environments and npm where it has them. IMAGES is the OCI layout of ``pack.py``.
debsbom reads dpkg's records, with the sources that a package was built from, and cyclonedx-py the environments; this
script puts them together. There is no time and no random number in it, so the same packages make the same file.
Format: CycloneDX 1.6, JSON; validated against its schema before it is written.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

Json = dict[str, Any]

BUILDER = "builder"
TOOLS = Path(sys.executable).parent
ENVIRONMENTS = {BUILDER: Path("/opt/appx"), "python": Path("opt/venv")}
"""Of a place; absolute is outside its tree. The interpreter of each is the one of this stage, as in the image."""
NPM = Path("usr/local/lib/node_modules")


def main(arguments: list[str]) -> None:
    trees, images, pyproject, out = (Path(argument) for argument in arguments)
    version: str = tomllib.loads(pyproject.read_text())["project"]["version"]
    document = Document(version)
    for place in sorted(each.name for each in trees.iterdir()):
        document.add_place(place, digests(images).get(place))
        document.add(place, of_debian(trees / place))
        if place in ENVIRONMENTS:
            document.add(place, of_python(trees / place / ENVIRONMENTS[place]))
        document.add(place, {"components": list(of_npm(trees / place / NPM))})
    text = document.text()
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        sys.exit(f"the bill of materials is not valid: {problem}")
    out.write_text(text)


class Document:
    """Components by reference, each once, and for each place what is in it."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._places: dict[str, Json] = {}
        self._components: dict[str, Json] = {}
        self._needs: dict[str, set[str]] = {}

    def add_place(self, place: str, digest: str | None) -> None:
        component = {
            "type": "container", "bom-ref": reference(place), "name": f"localhost/appx/{place}",
            "version": self._version,
        }  # fmt: skip
        if digest is not None:
            component["properties"] = [{"name": "appx:manifest", "value": digest}]
        self._places[place] = component
        self._needs[reference(place)] = set()

    def add(self, place: str, found: Json) -> None:
        for component in found["components"]:
            self._components.setdefault(component["bom-ref"], component)
            self._needs[reference(place)].add(component["bom-ref"])
        for line in found.get("dependencies", []):
            self._needs.setdefault(line["ref"], set()).update(line.get("dependsOn", []))

    def text(self) -> str:
        inner = [component for place, component in self._places.items() if place != BUILDER]
        self._needs[reference(BUILDER)].update(component["bom-ref"] for component in inner)
        known = {*self._components, *(component["bom-ref"] for component in self._places.values())}
        document = {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": self._places[BUILDER]},
            "components": [*inner, *(self._components[each] for each in sorted(self._components))],
            "dependencies": [
                {"ref": each, "dependsOn": sorted(needs & known)}
                for each, needs in sorted(self._needs.items())
                if each in known
            ],
        }
        return json.dumps(document, indent=1) + "\n"


def reference(place: str) -> str:
    return f"appx:{place}"


def digests(images: Path) -> dict[str, str]:
    """The base images' manifests, by short name."""
    names = "org.opencontainers.image.ref.name"
    lines = json.loads((images / "index.json").read_text())["manifests"]
    return {line["annotations"][names].split("/")[-1].split(":")[0]: line["digest"] for line in lines}


def of_debian(root: Path) -> Json:
    with TemporaryDirectory() as directory:
        out = Path(directory, "found")
        run("debsbom", "generate", "-r", str(root), "-t", "cdx", "--cdx-schema-version", "1.6", "-o", str(out))
        found: Json = json.loads(out.with_suffix(".cdx.json").read_text())
    return found


def of_python(environment: Path) -> Json:
    found: Json = json.loads(
        run("cyclonedx-py", "environment", "--output-reproducible", "--sv", "1.6", str(environment / "bin/python"))
    )
    return found


def of_npm(modules: Path) -> Iterator[Json]:
    """npm and the packages that it brings along."""
    for file in sorted(modules.rglob("package.json")):
        package = json.loads(file.read_text())
        if file.parent.parent.name.startswith(("node_modules", "@")) and {"name", "version"} <= package.keys():
            purl = f"pkg:npm/{package['name'].replace('@', '%40')}@{package['version']}"
            yield {
                "type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"],
                "purl": purl,
            }  # fmt: skip


def run(tool: str, *arguments: str) -> str:
    argv = [TOOLS / tool, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603  the tools of this stage
    if done.returncode != 0:
        sys.exit(f"{tool} failed: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
