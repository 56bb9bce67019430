#!/usr/bin/env python3
"""Packs the trees of the inner base images into one OCI layout, in which they share their lower layer.

    pack.py TREES IMAGES.json PYPROJECT.toml OUT

TREES holds one directory per image: ``base`` and what stands on it. A layer is what an image has beyond its
parent. The layout is what ``podman pull oci:OUT:NAME`` reads; layers are zstd. OUT/names has a line for each image:
its short name, its name with the version, its id. No engine takes part, so the result is the same under docker and
podman, and no build history can leak into it.
Format: OCI image specification 1.1 (layout, manifest, config, layer, whiteouts).
"""

import filecmp
import hashlib
import json
import os
import stat
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

Json = dict[str, Any]

REPOSITORY = "localhost/appx"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

# Mounted or filled by an engine while a stage runs: the directory is kept, its content is not.
EMPTIED = {"dev", "proc", "sys", "run", "tmp", "var/tmp", "var/cache", "var/log"}
# Written by an engine, or ours and only for the build.
LEFT_OUT = {
    "host", "etc/hostname", "etc/hosts", "etc/resolv.conf", ".dockerenv",
    "root/.cache", "usr/local/sbin/apt-install", "usr/local/sbin/trust-host",
}  # fmt: skip


def main(arguments: list[str]) -> None:
    trees, images, pyproject, out = (Path(argument) for argument in arguments)
    version = read_version(pyproject)
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    specs: dict[str, Json] = json.loads(images.read_text())
    base = add_layer(blobs, trees / "base", None)
    manifests, names = [], []
    for name, spec in specs.items():
        layers = [base] if name == "base" else [base, add_layer(blobs, trees / name, trees / "base")]
        line, identity = add_image(blobs, name, version, with_parent(specs["base"], spec), layers)
        manifests.append(line)
        names.append(f"{name} {REPOSITORY}/{name}:{version} {identity}\n")
    (out / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    (out / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (out / "names").write_text("".join(names))


def read_version(pyproject: Path) -> str:
    version: str = tomllib.loads(pyproject.read_text())["project"]["version"]
    return version


def with_parent(parent: Json, spec: Json) -> Json:
    """The configuration of an image: its own, and what it does not say, its parent's."""
    variables = dict(line.split("=", 1) for line in parent["Env"] + spec.get("Env", []))
    return parent | spec | {"Env": [f"{key}={value}" for key, value in variables.items()]}


# --- a layer -------------------------------------------------------------------------------------------------


def add_layer(blobs: Path, tree: Path, parent: Path | None) -> Json:
    """Writes what ``tree`` has beyond ``parent`` as a blob; answers its descriptor and its uncompressed digest."""
    partial = blobs / "partial"
    plain = hashlib.sha256()
    with partial.open("wb") as file:
        squeeze = subprocess.Popen(["/usr/bin/zstd", "-q", "-T0", "-12", "-c"], stdin=subprocess.PIPE, stdout=file)
        assert squeeze.stdin is not None
        with tarfile.open(fileobj=Tee(squeeze.stdin, plain), mode="w|", format=tarfile.PAX_FORMAT) as tar:
            write_entries(tar, tree, parent)
        squeeze.stdin.close()
        if squeeze.wait() != 0:
            sys.exit("zstd failed")
    descriptor = store(blobs, partial, "application/vnd.oci.image.layer.v1.tar+zstd")
    return descriptor | {"diff_id": f"sha256:{plain.hexdigest()}"}


class Digest(Protocol):
    """What ``hashlib`` makes; it names no type of its own."""

    def update(self, data: bytes, /) -> None: ...


class Tee:
    """A file to write to that also feeds a hash."""

    def __init__(self, file: IO[bytes], digest: Digest) -> None:
        self._file, self._digest = file, digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._file.write(data)
        return len(data)


def write_entries(tar: tarfile.TarFile, tree: Path, parent: Path | None) -> None:
    mine = set()
    for name in walk(tree):
        mine.add(name)
        if parent is None or differs(tree / name, parent / name):
            tar_entry(tar, tree / name, name)
    if parent is None:
        return
    gone: list[str] = []
    for name in walk(parent):
        inside = any(name.startswith(f"{lost}/") for lost in gone[-1:])
        if name not in mine and not inside:
            gone.append(name)
            directory, _, leaf = name.rpartition("/")
            tar.addfile(tarfile.TarInfo(f"{directory}/.wh.{leaf}".lstrip("/")))


def tar_entry(tar: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tar.gettarinfo(path, arcname=name)
    entry.uname = entry.gname = ""
    entry.mtime = int(entry.mtime)
    if entry.isreg():
        with path.open("rb") as file:
            tar.addfile(entry, file)
    else:
        tar.addfile(entry)


def walk(tree: Path) -> Iterator[str]:
    """The names below ``tree``, parents first, sorted, without what is left out."""
    pending = [""]
    while pending:
        directory = pending.pop()
        names = sorted(entry.name for entry in os.scandir(tree / directory))
        below = []
        for leaf in names:
            name = f"{directory}/{leaf}" if directory else leaf
            if name in LEFT_OUT:
                continue
            yield name
            path = tree / name
            if name not in EMPTIED and path.is_dir() and not path.is_symlink():
                below.append(name)
        pending.extend(reversed(below))


def differs(mine: Path, theirs: Path) -> bool:
    """True unless both are the same in kind, mode, owner and content. Times do not count."""
    try:
        one, other = mine.lstat(), theirs.lstat()
    except FileNotFoundError:
        return True
    if (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid):
        return True
    if stat.S_ISLNK(one.st_mode):
        return mine.readlink() != theirs.readlink()
    if stat.S_ISREG(one.st_mode):
        return one.st_size != other.st_size or not filecmp.cmp(mine, theirs, shallow=False)
    return False


# --- an image ------------------------------------------------------------------------------------------------


def add_image(blobs: Path, name: str, version: str, config: Json, layers: list[Json]) -> tuple[Json, str]:
    """Writes configuration and manifest; answers the line of the index, and the id that podman gives the image."""
    title = f"{REPOSITORY}/{name}:{version}"
    labels = {"org.opencontainers.image.title": f"appx {name}", "org.opencontainers.image.version": version}
    document = {
        "architecture": MACHINES.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": config | {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [layer["diff_id"] for layer in layers]},
        "history": [{"created_by": f"appx image/inner {name}"} for _ in layers],
    }
    stored = store_json(blobs, document, "application/vnd.oci.image.config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": stored,
        "layers": [{key: layer[key] for key in ("mediaType", "digest", "size")} for layer in layers],
    }
    line = store_json(blobs, manifest, manifest["mediaType"])
    named = line | {"annotations": {"org.opencontainers.image.ref.name": title}}
    return named, stored["digest"].removeprefix("sha256:")


def store_json(blobs: Path, document: Json, kind: str) -> Json:
    partial = blobs / "partial"
    partial.write_text(json.dumps(document, sort_keys=True))
    return store(blobs, partial, kind)


def store(blobs: Path, partial: Path, kind: str) -> Json:
    """Names a blob by its digest."""
    digest = hashlib.sha256()
    with partial.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    size = partial.stat().st_size
    partial.rename(blobs / digest.hexdigest())
    return {"mediaType": kind, "digest": f"sha256:{digest.hexdigest()}", "size": size}


if __name__ == "__main__":
    main(sys.argv[1:])
