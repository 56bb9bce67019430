#!/usr/bin/env python3
"""Makes image/seccomp.json: podman's own profile, with the four calls that nested rootless podman needs.

The input, ``seccomp.stock.json``, is /usr/share/containers/seccomp.json of Debian's package
golang-github-containers-common (containers/common, Apache-2.0), unchanged.
That profile already lets an unprivileged process make namespaces and mount inside them. Only these calls are
tied to a capability that this container does not have; the kernel itself still checks the capability, but in
the *inner* user namespace, where podman has it.

    make_seccomp.py            writes seccomp.json
    make_seccomp.py --check    exits 1 when seccomp.json is not what this script makes
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STOCK = HERE / "seccomp.stock.json"
PROFILE = HERE / "seccomp.json"

NEEDED = {
    "chroot": "buildah and podman unpack layers in a chroot",
    "setdomainname": "crun names the domain of a new UTS namespace",
    "sethostname": "crun names the host of a new UTS namespace",
    "setns": "every podman command joins the prepared user namespace",
}

Profile = dict[str, Any]


def main(arguments: list[str]) -> int:
    made = render(tailored(json.loads(STOCK.read_text())))
    if "--check" not in arguments:
        PROFILE.write_text(made)
        return 0
    if PROFILE.read_text() == made:
        return 0
    sys.stderr.write(f"{PROFILE.name} differs from what {Path(__file__).name} makes: run it and commit the result.\n")
    return 1


def tailored(stock: Profile) -> Profile:
    """The stock profile, minus every rule that denies or gates a needed call, plus one rule that allows them.

    A call may stand in several rules ("allow with this capability", "refuse without it"), and the engine adds
    up what applies. So the needed names leave all of them first.
    """
    rules = []
    for rule in stock["syscalls"]:
        names = [name for name in rule["names"] if name not in NEEDED]
        if names:
            rules.append(rule | {"names": names})
    rules.append(
        {"names": sorted(NEEDED), "action": "SCMP_ACT_ALLOW", "args": [], "comment": "appx: nested rootless podman"}
    )
    return stock | {"syscalls": rules}


def render(profile: Profile) -> str:
    return json.dumps(profile, indent="\t") + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
