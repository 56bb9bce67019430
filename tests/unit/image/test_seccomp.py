"""The seccomp profile is what its generator makes, and opens no more than it says."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IMAGE = Path(__file__).resolve().parents[3] / "image"
SCRIPT = runpy.run_path(str(IMAGE / "make_seccomp.py"), run_name="make_seccomp")
NEEDED, ABSENT, FORBIDDEN, NETLINK = (SCRIPT[name] for name in ("NEEDED", "ABSENT", "FORBIDDEN", "NETLINK"))
OURS = {*NEEDED, *ABSENT, *FORBIDDEN}
Rule = dict[str, Any]
PROFILE = json.loads((IMAGE / "seccomp.json").read_text())
STOCK = json.loads((IMAGE / "seccomp.stock.json").read_text())


def names(rules: list[Rule], action: str) -> set[str]:
    """Of the rules that always apply, whatever capabilities the container has."""
    return {
        name
        for rule in rules
        if rule["action"] == action and not rule.get("includes") and not rule.get("excludes") and not rule["args"]
        for name in rule["names"]
    }


def answer(kind: int, protocol: int, call: str = "socket") -> str | int:
    """What the profile says to ``socket(kind, …, protocol)``; every rule that applies says the same."""
    values = {0: kind, 2: protocol}
    found = {
        "allowed" if rule["action"] == "SCMP_ACT_ALLOW" else rule["errnoRet"]
        for rule in PROFILE["syscalls"]
        if call in rule["names"]
        and all(
            values[each["index"]] == each["value"]
            if each["op"] == "SCMP_CMP_EQ"
            else values[each["index"]] > each["value"]
            for each in rule["args"]
        )
    }
    assert len(found) == 1, (kind, protocol, found)
    (only,) = found
    assert isinstance(only, str | int)
    return only


def test_the_profile_is_what_the_script_makes() -> None:
    made = subprocess.run(
        [sys.executable, IMAGE / "make_seccomp.py", "--check"], check=False, capture_output=True, text=True, timeout=20
    )
    assert (made.returncode, made.stderr) == (0, "")


def test_it_opens_only_the_needed_calls_and_shuts_more() -> None:
    before, after = (names(each["syscalls"], "SCMP_ACT_ALLOW") for each in (STOCK, PROFILE))
    assert after - before <= set(NEEDED) == {"chroot", "sethostname", "setns"} <= after
    assert before - after == {*ABSENT, *FORBIDDEN, "socketpair"} & before
    assert len(before - after) >= 19


def test_rules_with_a_condition_are_those_of_the_stock_profile() -> None:
    ours = {"socket", "socketpair", *OURS}
    for rule in PROFILE["syscalls"]:
        if rule.get("includes") or rule.get("excludes"):
            assert any(
                {**each, "names": [name for name in each["names"] if name not in ours]} == rule
                for each in STOCK["syscalls"]
            )


@pytest.mark.parametrize(("group", "number"), [("ABSENT", 38), ("FORBIDDEN", 1)])
def test_what_is_shut_has_one_rule_and_its_errno(group: str, number: int) -> None:
    for name in SCRIPT[group]:
        rules = [rule for rule in PROFILE["syscalls"] if name in rule["names"]]
        assert [(rule["action"], rule["errnoRet"]) for rule in rules] == [("SCMP_ACT_ERRNO", number)], name


@pytest.mark.parametrize("kind", range(64))
def test_only_four_kinds_of_sockets_can_be_made(kind: int) -> None:
    if kind == NETLINK:
        return
    assert answer(kind, 0) == ("allowed" if kind in {1, 2, 10} else 97)
    assert answer(kind, 9) == answer(kind, 0)


@pytest.mark.parametrize("kind", [*range(64), 2**32 + 1, 2**32 + 30])
def test_pairs_of_sockets_are_of_one_kind(kind: int) -> None:
    """A pair is two sockets: what ``socket`` does not give, no other call may."""
    assert answer(kind, 0, "socketpair") == ("allowed" if kind == 1 else 97)


@pytest.mark.parametrize("protocol", range(40))
def test_of_netlink_only_five_protocols_can_be_spoken(protocol: int) -> None:
    assert answer(NETLINK, protocol) == ("allowed" if protocol in {0, 4, 12, 15, 16} else 93)


def test_a_number_with_high_bits_does_not_pass() -> None:
    """The kernel looks at 32 bits of it, the filter at 64."""
    assert answer(2**32 + 17, 0) == answer(2**32 + 1, 0) == 97


def test_programs_for_other_machines_have_no_second_set_of_calls() -> None:
    assert {machine["architecture"] for machine in PROFILE["archMap"]} >= {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}
    assert all(machine["subArchitectures"] == [] for machine in PROFILE["archMap"])


def test_what_the_kernel_gives_only_to_administrators_stays_denied() -> None:
    assert not names(PROFILE["syscalls"], "SCMP_ACT_ALLOW") & {
        "bpf",
        "perf_event_open",
        "quotactl",
        "fanotify_init",
        "open_by_handle_at",
        "init_module",
        "finit_module",
        "delete_module",
        "clock_settime",
        "kexec_load",
        "kexec_file_load",
        "userfaultfd",
        "nfsservctl",
        "acct",
        "iopl",
        "swapon",
        "vm86",
        "setdomainname",
    }
