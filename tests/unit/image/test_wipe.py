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


def mapped(folder: Path, account: str) -> list[tuple[int, int, int]]:
    """What a wipe of the account has the ids of: inside, outside, how many. The files are as image/tools/make-users."""
    numbers = range(1, 251)
    users = "".join(f"p{each:03d}:x:{2000 + each}:{2000 + each}::/home/p{each:03d}:/bin/bash\n" for each in numbers)
    (folder / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nbuilder:x:1000:1000::/home/builder:/bin/bash\n{users}")
    ranges = "".join(f"p{each:03d}:{100_000 + 65_536 * each}:65536\n" for each in numbers)
    (folder / "subuid").write_text(f"builder:100000:65536\n{ranges}")
    (folder / "as-account").write_text("#!/bin/sh\n")
    (folder / "as-account").chmod(0o755)
    text = functions("wipe", "main").replace("/etc/", f"{folder}/").replace("/run/accounts/", f"{folder}/")
    argv = ["sh", "-c", f"{text}\nremove", "wipe", account, str(2000 + int(account[1:]))]
    subprocess.run(argv, env={"PATH": f"{folder}:/usr/bin:/bin"}, check=True)
    lines = (folder / f"{account}.map").read_text().splitlines()
    return [(int(inside), int(outside), int(count)) for inside, outside, count in map(str.split, lines)]


def merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last ids. The kernel takes no overlap, so there is none."""
    kept: list[tuple[int, int]] = []
    for first, last in sorted(found):
        assert not kept or kept[-1][1] < first
        kept = [*kept[:-1], (kept[-1][0], last)] if kept and kept[-1][1] + 1 == first else [*kept, (first, last)]
    return kept


@pytest.mark.parametrize("account", ["p001", "p002", "p125", "p250"])
def test_it_has_the_ids_of_all_whom_an_account_can_let_in_each_once(tmp_path: Path, account: str) -> None:
    """builder works for the projects without an account. Of what nobody's id here owns, nothing could be removed."""
    lines = mapped(tmp_path, account)
    merged([(inside, inside + count - 1) for inside, _, count in lines])
    every = merged([(outside, outside + count - 1) for _, outside, count in lines])
    assert every == [(1000, 1000), (2001, 2250), (100_000, 100_000 + 251 * 65_536 - 1)]


@pytest.mark.parametrize("account", ["p001", "p125"])
def test_only_its_own_ids_are_those_whose_files_in_the_workspace_go(tmp_path: Path, account: str) -> None:
    """``away`` of wipe-inside goes by 0, and by 100000 to 165535."""
    number = int(account[1:])
    goes = [each for each in mapped(tmp_path, account) if each[0] == 0 or 100_000 - each[2] < each[0] < 165_536]
    assert goes == [(0, 2000 + number, 1), (100_000, 100_000 + 65_536 * number, 65_536)]
