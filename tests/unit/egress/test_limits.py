"""The limits of the kernel on questions and connections: on all services, and no condition for the rules."""

import re
import subprocess
from pathlib import Path

SHARE = Path("image/rootfs/usr/local/share/appx-builder")
RULES = (SHARE / "egress.nft").read_text()
LIMITS = (SHARE / "egress-limits.nft").read_text()
NETWORK = Path("image/rootfs/usr/local/libexec/appx/network").read_text()


def limited(protocol: str) -> set[str]:
    found = re.search(
        rf"{protocol} dport (\{{[^}}]*\}}|\d+) [^\n]*limit rate over \d+/second burst \d+ packets drop", LIMITS
    )
    assert found is not None
    return set(re.findall(r"\d+", found[1]))


def test_each_service_has_a_limit() -> None:
    for protocol in ("udp", "tcp"):
        services = set(re.findall(rf"{protocol} dport \d+ dnat ip to 10\.255\.255\.1:(\d+)", RULES))
        assert services
        assert limited(protocol) == services


def test_the_rules_need_no_feature_that_only_the_limits_need() -> None:
    assert not re.search(r"^\s*[^#\n]*\b(limit|ct count)\b", RULES, re.MULTILINE)


def test_a_kernel_without_limits_is_said_and_starts(tmp_path: Path) -> None:
    function = re.search(r"^limit_floods\(\) \{.*?^\}", NETWORK, re.MULTILINE | re.DOTALL)
    assert function is not None
    script = f"set -eu; limits=none account=p001\nnft() {{ return 1; }}\n{function[0]}\nlimit_floods\necho goes on"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "goes on\n"
    assert "modprobe nft_limit" in done.stderr
    assert done.stderr.startswith("network of p001: ")
