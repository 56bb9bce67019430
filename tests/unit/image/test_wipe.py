"""What a wipe finds and removes of an account, whatever that made of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LOCAL = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local"
ACCOUNT = LOCAL / "share/appx-builder/account"
FLAGS = "libexec/appx/flags_as_above.py"
PYTHON = "/usr/bin/python3" if os.getuid() == 0 else sys.executable  # root's own may be closed to others
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def functions(script: str, call: str) -> str:
    return (ACCOUNT / script).read_text().removesuffix(f"\n{call}\n")


def owners(process: int) -> str:
    """What wipe finds, were this the only process that there is and the account ours."""
    text = functions("wipe", "main").replace("$(sed ", "$(: ").replace("first=", "first=100000 ignored=")
    seen = f'ps() {{ shift; command ps -p {process} "$@"; }}'
    argv = ["sh", "-c", f"{text}\n{seen}\nowners", "wipe", "p001", str(os.getuid())]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def until_dead(process: int) -> None:
    for _ in range(600):
        if state(process) == "Z":
            return
        time.sleep(0.05)
    pytest.fail("it does not end")


def test_a_process_that_goes_on_without_its_first_thread_is_found() -> None:
    with subprocess.Popen([sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD]) as going_on:
        try:
            until_dead(going_on.pid)
            assert owners(going_on.pid) == "0\n"
        finally:
            going_on.kill()


def test_one_that_has_ended_is_not_waited_for() -> None:
    with subprocess.Popen(["true"]) as ended:
        until_dead(ended.pid)
        assert owners(ended.pid) == ""


def test_what_rm_cannot_remove_within_its_memory_goes_all_the_same(tmp_path: Path) -> None:
    """rm takes memory for each level, and gives up when there is none. Here it always does."""
    (tmp_path / "rm").write_text(f"#!/bin/sh\nulimit -v >{tmp_path}/memory\nexit 1\n")
    (tmp_path / "rm").chmod(0o755)
    home = tmp_path / "home"
    (home / "a/b").mkdir(parents=True)
    (home / "a/b/file").touch()
    text = functions("wipe-inside", 'main "$@"').replace("/opt/appx/bin/python", sys.executable)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", f"{text}\naway {home}/; echo went on >{tmp_path}/end"], env=env, check=True)
    assert (tmp_path / "memory").read_text() == f"{256 << 10}\n"
    assert (tmp_path / "end").exists()
    assert list(home.iterdir()) == []


@pytest.fixture
def home() -> Iterator[Path]:
    """In a directory that an unprivileged uid reaches; its own where root runs the tests."""
    if shutil.which("chattr") is None:
        pytest.skip("there is no chattr here")
    above = Path(tempfile.mkdtemp())
    above.chmod(0o755)
    shutil.copy(LOCAL / FLAGS, above)
    place = above / "home"
    place.mkdir()
    if os.getuid() == 0:
        os.chown(place, 64_321, -1)
    yield place
    shutil.rmtree(above)


def as_owner(*argv: str) -> subprocess.CompletedProcess[str]:
    user = 64_321 if os.getuid() == 0 else None
    return subprocess.run(argv, user=user, capture_output=True, text=True, check=False)


def flags(place: Path) -> str:
    """Without how ext4 keeps it, which nobody chose."""
    done = subprocess.run(["lsattr", "-d", place], capture_output=True, text=True, check=True)
    return done.stdout.split()[0].replace("-", "").replace("e", "")


def removed(home: Path) -> None:
    """As far as ``remove`` of wipe-inside goes for a home that is in no namespace."""
    text = functions("wipe-inside", 'main "$@"')
    text = text.replace("/opt/appx/bin/python", PYTHON).replace("/usr/local/libexec/appx", str(home.parent))
    nothing = 'away() { find "$1" -mindepth 1 -delete; }'
    command = f"{text}\n{nothing}\nHOME={home} XDG_RUNTIME_DIR={home} WORKSPACE_DIR={home}; remove"
    done = as_owner("sh", "-c", command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_next_owner_gets_no_flag_that_files_would_inherit(home: Path) -> None:
    chosen = as_owner("chattr", "+S", "+D", "+d", str(home))
    if chosen.returncode:
        pytest.skip(f"its file system has no such flags: {chosen.stderr}")
    (home / "file").touch()
    assert flags(home) == "SDd"
    removed(home)
    assert flags(home) == ""


def test_what_the_directory_above_has_stays(home: Path) -> None:
    chosen = subprocess.run(["chattr", "+A", home.parent, home], capture_output=True, text=True, check=False)
    if chosen.returncode:
        pytest.skip(f"its file system has no such flags: {chosen.stderr}")
    removed(home)
    assert flags(home) == "A"


def test_a_file_system_without_flags_has_nothing_to_change() -> None:
    subprocess.run([sys.executable, "-I", str(LOCAL / FLAGS), "/proc/self/fd", "/sys/kernel"], check=True)
