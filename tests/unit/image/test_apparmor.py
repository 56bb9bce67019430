"""The AppArmor profile is one that AppArmor takes, on old hosts, too, and forbids what it says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROFILE = Path(__file__).resolve().parents[3] / "image/apparmor/appx-builder"
RULES = re.sub(r"^\s*#.*", "", PROFILE.read_text(), flags=re.MULTILINE)

PARSER = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin")

needs_parser = pytest.mark.skipif(PARSER is None, reason="the package apparmor is not here")


def parsed(path: Path) -> subprocess.CompletedProcess[str]:
    """Without a kernel that has AppArmor, and without a cache."""
    command = [str(PARSER), "--skip-kernel-load", "--skip-cache", "--base", "/etc/apparmor.d", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@needs_parser
def test_the_parser_takes_it() -> None:
    told = parsed(PROFILE)
    assert told.returncode == 0, told.stderr


@needs_parser
def test_the_parser_refuses_a_rule_that_it_does_not_know(tmp_path: Path) -> None:
    """Else the test above proves nothing."""
    wrong = tmp_path / "wrong"
    wrong.write_text(PROFILE.read_text().replace("  pivot_root,", "  pivot_rooot,"))
    assert parsed(wrong).returncode != 0


def test_it_loads_where_the_rule_for_user_namespaces_is_not_known() -> None:
    """AppArmor 3 of Debian 12 does not know it; with the rules of that version it is not needed."""
    assert "abi <abi/3.0>," in RULES
    assert "userns" not in RULES


def test_it_gives_no_capability_of_the_hosts_administrator() -> None:
    given = set(re.findall(r"capability (\w+),", RULES))
    assert {"setuid", "setgid", "sys_admin"} <= given
    assert not given & {
        "sys_module", "sys_rawio", "sys_boot", "sys_time", "sys_tty_config", "sys_pacct", "syslog", "mac_admin",
        "mac_override", "bpf", "perfmon", "checkpoint_restore", "audit_control", "audit_read", "wake_alarm",
        "linux_immutable",
    }  # fmt: skip


def test_it_mounts_no_file_system_of_a_device() -> None:
    kinds = {kind for group in re.findall(r"fstype=\(([\w,]+)\)", RULES) for kind in group.split(",")}
    assert kinds == {"proc", "sysfs", "cgroup", "cgroup2", "overlay", "tmpfs", "ramfs", "devpts", "mqueue"}
    assert not re.search(r"^\s*mount,", RULES, re.MULTILINE), "a rule for all mounts"
