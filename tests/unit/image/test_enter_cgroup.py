"""The script that makes an account's part of the container's cgroup, in a directory in place of the hierarchy."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local/share/appx-builder/enter-cgroup"
FILES = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control")


def entered(folder: Path, *controllers: str, **variables: str) -> Path:
    """The part of p001, after a process has entered. The kernel makes the files; here they are there before."""
    part = folder / "work/p001"
    (part / "bench").mkdir(parents=True)
    for each in (part, part / "bench"):
        for name in (*FILES, *controllers):
            (each / name).write_text("max\n")
    (folder / "cgroups").write_text("1\n")
    text = SCRIPT.read_text().replace("/run/cgroups", str(folder / "cgroups"))
    text = text.replace("/proc/$keeper/root/run/cgroup", str(folder)).replace('! -d "$part/bench"', "1 = 1")
    subprocess.run(["sh", "-c", text, "enter-cgroup", "p001", "bench", "42"], env=variables, check=True)
    return part


def test_a_process_enters_and_all_of_the_account_has_the_limits_that_are_set(tmp_path: Path) -> None:
    variables = {"APPX_PROJECT_MEMORY": "300", "APPX_PROJECT_CPUS": "1.5"}
    part = entered(tmp_path, "memory.max", "cpu.max", PATH="/usr/bin:/bin", **variables)
    assert (part / "bench/cgroup.procs").read_text() == "42\n"
    assert (part / "memory.max").read_text() == f"{300 << 20}\n"
    assert (part / "cpu.max").read_text() == "150000 100000\n"
    assert (part / "bench/memory.max").read_text() == "max\n", "the whole is held, not each part"
    assert (part / "memory.max").stat().st_mode & 0o022 == 0, "and the account cannot raise it"


@pytest.mark.parametrize("variables", [{}, {"APPX_PROJECT_MEMORY": "", "APPX_PROJECT_CPUS": ""}])
def test_without_a_setting_there_is_no_limit(tmp_path: Path, variables: dict[str, str]) -> None:
    part = entered(tmp_path, "memory.max", "cpu.max", PATH="/usr/bin:/bin", **variables)
    assert [(part / name).read_text() for name in ("memory.max", "cpu.max")] == ["max\n", "max\n"]


def test_without_the_controller_it_goes_on(tmp_path: Path) -> None:
    part = entered(tmp_path, PATH="/usr/bin:/bin", APPX_PROJECT_MEMORY="300")
    assert not (part / "memory.max").exists()
    assert (part / "bench/cgroup.procs").read_text() == "42\n"
