"""What a project takes of the disk: how it is measured, and how that is read. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from appx.podman.reading import lines_in

_SIZE = 'size() { du --one-file-system --block-size=1 "$@" 2>/dev/null; }'

MEASURE = rf"""
{_SIZE}
case $(id -un) in p[0-9][0-9][0-9]) ;; *) printf 'directory\t\t%s\n' "$(size -s "$PWD" | cut -f 1)"; exit ;; esac
export home="$(realpath "$HOME")"
jq -r '.[] | ["container", .names[0] // .id, .layer] | @tsv' "$home/storage/overlay-containers/containers.json"
exec podman unshare bash -c '
{_SIZE}
named() {{ sed -n "s|^\([0-9]*\)\t.*/$1/\([^/]*\)$|$2\t\2\t\1|p"; }}
printf "directory\t\t%s\n" "$(size -s "$PWD" | cut -f 1)"
size --max-depth=1 "$home/storage/overlay" | named overlay layer
size --max-depth=1 "$home/storage/volumes" | named volumes volume
rest="$(size -s --exclude="$home/storage/overlay" --exclude="$home/storage/volumes" "$home")"
printf "other\t\t%s\n" "${{rest%%[!0-9]*}}"'"""
"""As its account, in podman's namespace: there all ids of its containers are its own. Prints what ``disk_in`` reads.

What is mounted for a container that runs is not counted again. Who shares an account has a directory of its own only.
"""

_LAYER = re.compile(r"[0-9a-f]{64}|l")
_BYTES = re.compile(r"[0-9]{1,15}")
MOST_NAMED = 5
MOST_NAME = 100
"""Characters. podman's names are shorter as a rule, and the account can write into what is read here."""

MOST_LINES = 50_000
"""Images have up to 127 layers, most of them in common; 4 MiB of such lines are as many."""

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes. ``containers`` and ``volumes`` by name. ``images``: with the base images. ``whole``: that this is all.

    Who shares an account with others is measured by its directory alone.
    """

    directory: int
    images: int = 0
    containers: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    whole: bool = False

    @property
    def total(self) -> int:
        things = sum(self.containers.values()) + sum(self.volumes.values())
        return self.directory + self.images + things + self.other


def disk_in(text: str) -> Disk:
    """Raises ValueError for what is no answer of ``MEASURE``."""
    sizes: dict[str, dict[str, int]] = {"directory": {}, "layer": {}, "volume": {}, "other": {}}
    layers: dict[str, str] = {}
    for line in lines_in(text, MOST_LINES):
        kind, _, rest = line.partition("\t")
        name, _, value = rest.rpartition("\t")
        if kind == "container":
            layers[value] = name[:MOST_NAME]
        elif kind in sizes and _BYTES.fullmatch(value):
            sizes[kind][name[:MOST_NAME]] = int(value)
    if "" not in sizes["directory"]:
        raise ValueError(f"no sizes in {text[:200]!r}")
    images = {layer: size for layer, size in sizes["layer"].items() if layer not in layers}
    return Disk(
        directory=sizes["directory"][""],
        images=sum(size for layer, size in images.items() if _LAYER.fullmatch(layer)),
        containers={layers[layer]: size for layer, size in sizes["layer"].items() if layer in layers},
        volumes=sizes["volume"],
        other=sizes["other"].get("", 0),
        whole="" in sizes["other"],
    )


def described(disk: Disk) -> str:
    """What takes how much, the largest first; small things together."""
    named = {"images": disk.images, "its directory": disk.directory, "files in its account's home": disk.other}
    named |= {f"the container {name}": size for name, size in disk.containers.items()}
    named |= {f"the volume {name}": size for name, size in disk.volumes.items()}
    ordered = sorted(((size, name) for name, size in named.items() if size >= MIB), reverse=True)
    return ", ".join(_parts(ordered)) or "nothing that is as large as 1 MiB"


def _parts(ordered: list[tuple[int, str]]) -> Iterator[str]:
    yield from (f"{name} {mebibytes(size)} MiB" for size, name in ordered[:MOST_NAMED])
    if rest := sum(size for size, _ in ordered[MOST_NAMED:]):
        yield f"{len(ordered) - MOST_NAMED} others {mebibytes(rest)} MiB"


def mebibytes(size: int) -> int:
    """Rounded up: nothing that is there is 0."""
    return -(-size // MIB)
