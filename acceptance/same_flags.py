"""Compares what two containers may do, as ``inspect`` tells it, a JSON array of both on standard input."""

import json
import sys
from typing import Any

DIFFERENT = {"PortBindings", "Binds", "Mounts", "ContainerIDFile", "LogConfig", "CgroupParent", "CgroupConf"}
"""Names, ports and volumes are their own, and with them the files that an engine keeps for each."""


def flags(container: dict[str, Any]) -> dict[str, Any]:
    host = {name: value for name, value in container["HostConfig"].items() if name not in DIFFERENT}
    # podman tells the bounding set here, docker nothing.
    return host | {name: container.get(name) for name in ("EffectiveCaps", "BoundingCaps")}


def main() -> None:
    one, other = (flags(container) for container in json.load(sys.stdin))
    wrong = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    for name in sorted(wrong):
        print(f"{name}: {one.get(name)} and {other.get(name)}")
    if not one["CapDrop"] or not one["ReadonlyRootfs"]:
        sys.exit("the flags are not those of the contract")
    sys.exit(1 if wrong else 0)


main()
