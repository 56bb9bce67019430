"""The seccomp profile is what its generator makes, and opens no more than it says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

IMAGE = Path(__file__).resolve().parents[3] / "image"
NEEDED = {"chroot", "setdomainname", "sethostname", "setns"}


def rules(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((IMAGE / name).read_text())["syscalls"]
    return found


def test_the_profile_is_what_the_script_makes() -> None:
    made = subprocess.run(
        [sys.executable, IMAGE / "make_seccomp.py", "--check"], check=False, capture_output=True, text=True, timeout=20
    )
    assert (made.returncode, made.stderr) == (0, "")


def test_it_opens_only_the_needed_calls() -> None:
    opened = [rule for rule in rules("seccomp.json") if rule not in rules("seccomp.stock.json")]
    added = [rule for rule in opened if set(rule["names"]) & NEEDED]
    assert [(set(rule["names"]), rule["action"]) for rule in added] == [(NEEDED, "SCMP_ACT_ALLOW")]
    for rule in opened:
        if rule not in added:
            stock = [each for each in rules("seccomp.stock.json") if set(each["names"]) - NEEDED == set(rule["names"])]
            assert [each | {"names": rule["names"]} for each in stock] == [rule]


def test_what_the_kernel_gives_only_to_administrators_stays_denied() -> None:
    free = {
        name
        for rule in rules("seccomp.json")
        if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("includes")
        for name in rule["names"]
    }
    assert not free & {
        "bpf",
        "perf_event_open",
        "quotactl",
        "fanotify_init",
        "open_by_handle_at",
        "init_module",
        "clock_settime",
        "kexec_load",
    }
