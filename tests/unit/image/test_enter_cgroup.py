"""The script that makes an account's part of the container's cgroup, in a directory in place of the hierarchy."""

import subprocess
from pathlib import Path

import pytest

from appx.wiring.server import given_memory

SCRIPT = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local/share/appx-builder/enter-cgroup"
INIT = SCRIPT.parents[3] / "local/sbin/appx-init"
FILES = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control")


def entered(folder: Path, *controllers: str, memory: str = "", **variables: str) -> Path:
    """The part of p001, after a process has entered. The kernel makes the files; here they are there before."""
    part = folder / "work/p001"
    (part / "bench").mkdir(parents=True)
    for each in (part, part / "bench"):
        for name in (*FILES, "cgroup.max.descendants", "cgroup.max.depth", *controllers):
            (each / name).write_text("max\n")
    (folder / "cgroups").write_text("1\n")
    (folder / "project-memory").write_text(memory)
    text = SCRIPT.read_text().replace("/proc/$keeper/root/run/cgroup", str(folder)).replace("/run/", f"{folder}/")
    text = text.replace('! -d "$part/bench"', "1 = 1")
    subprocess.run(["sh", "-c", text, "enter-cgroup", "p001", "bench", "42"], env=variables, check=True)
    return part


def test_a_process_enters_and_all_of_the_account_has_the_limits_that_are_set(tmp_path: Path) -> None:
    memory = f"{300 << 20}\n"
    part = entered(tmp_path, "memory.max", "cpu.max", memory=memory, PATH="/usr/bin:/bin", APPX_PROJECT_CPUS="1.5")
    assert (part / "bench/cgroup.procs").read_text() == "42\n"
    assert (part / "memory.max").read_text() == f"{300 << 20}\n"
    assert (part / "cpu.max").read_text() == "150000 100000\n"
    assert (part / "bench/memory.max").read_text() == "max\n", "the whole is held, not each part"
    assert (part / "memory.max").stat().st_mode & 0o022 == 0, "and the account cannot raise it"
    assert int((part / "cgroup.max.descendants").read_text()) == 2_000
    assert int((part / "cgroup.max.depth").read_text()) == 8, "no tree whose paths are too long for who removes it"
    assert part.stat().st_mode & 0o7777 == 0o1777, "it puts nothing in the place of bench"
    closed = (part / "bench", part / "bench/cgroup.subtree_control", part / "bench/cgroup.threads")
    assert all(each.stat().st_mode & 0o022 == 0 for each in closed), "and makes it none that lets nobody in"


@pytest.mark.parametrize("variables", [{}, {"APPX_PROJECT_CPUS": ""}])
def test_without_a_setting_there_is_no_limit(tmp_path: Path, variables: dict[str, str]) -> None:
    part = entered(tmp_path, "memory.max", "cpu.max", PATH="/usr/bin:/bin", **variables)
    assert [(part / name).read_text() for name in ("memory.max", "cpu.max")] == ["max\n", "max\n"]


def test_without_the_controller_it_goes_on(tmp_path: Path) -> None:
    part = entered(tmp_path, memory="300000000\n", PATH="/usr/bin:/bin")
    assert not (part / "memory.max").exists()
    assert (part / "bench/cgroup.procs").read_text() == "42\n"


def project_memory(folder: Path, most: str, **variables: str) -> str:
    (folder / "work").mkdir()
    (folder / "work/memory.max").write_text(f"{most}\n")
    text = INIT.read_text().removesuffix("\nmain\n").replace("/proc/$holder/root/run/cgroup", str(folder))
    command = ["sh", "-c", f"{text}\nproject_memory"]
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", **variables}, check=True, text=True, capture_output=True
    ).stdout


def test_a_project_may_take_three_quarters_of_what_there_is_for_all(tmp_path: Path) -> None:
    assert project_memory(tmp_path, str(4 << 30)) == f"{3 << 30}\n"


def test_or_what_the_setting_says(tmp_path: Path) -> None:
    assert project_memory(tmp_path, str(4 << 30), APPX_PROJECT_MEMORY="300") == f"{300 << 20}\n"


def test_or_all_where_the_container_has_no_limit(tmp_path: Path) -> None:
    assert project_memory(tmp_path, "max") == ""


def test_the_server_reads_what_was_worked_out(tmp_path: Path) -> None:
    file = tmp_path / "project-memory"
    assert given_memory(file) is None
    file.write_text("")
    assert given_memory(file) is None
    file.write_text("300\n")
    assert given_memory(file) == 300
