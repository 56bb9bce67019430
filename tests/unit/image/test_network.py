"""What a network does with the places of an account, whatever that made of them."""

import os
import stat
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NETWORK = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local/libexec/appx/network"
OWNER, STRANGER = 64_321, 64_322


def set_apart(home: Path, *, user: int | None = None, chmod: str = "") -> subprocess.CompletedProcess[str]:
    """With no mounts, which the test may not make."""
    text = NETWORK.read_text().removesuffix('\nmain "$@"\n').replace('"/home/$account', f'"{home}')
    faked = f'mount() {{ echo "$@"; }}; {chmod}'
    argv = ["sh", "-c", f"{text}\n{faked}\naccount=p001; umask 022; set_apart"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, user=user)


def is_open(home: Path) -> bool:
    return stat.S_IMODE((home / "slash-tmp").lstat().st_mode) == 0o1777 and (home / "slash-tmp").is_dir()


@pytest.mark.parametrize("made", ["nothing", "directory", "file", "link", "dangling"])
def test_its_tmp_is_there_whatever_the_account_made_of_it(tmp_path: Path, made: str) -> None:
    place = tmp_path / "home/slash-tmp"
    place.parent.mkdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    if made == "directory":
        place.mkdir()
        (place / "kept").touch()
    elif made == "file":
        place.touch()
    elif made != "nothing":
        place.symlink_to(tmp_path / ("elsewhere" if made == "link" else "not-there"))
    done = set_apart(place.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert is_open(place.parent)
    assert not place.is_symlink()
    assert list(place.parent.iterdir()) == [place]
    assert (place / "kept").exists() == (made == "directory")
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o700


def test_one_that_cannot_be_opened_to_all_makes_room_for_another(tmp_path: Path) -> None:
    """What chmod says of a directory that another account owns."""
    home = tmp_path / "home"
    (home / "slash-tmp/of-another").mkdir(parents=True)
    done = set_apart(home, chmod='chmod() { [ ! -e "$2/of-another" ] && command chmod "$@"; }')
    assert (done.returncode, done.stderr) == (0, "")
    assert is_open(home)
    (aside,) = (each for each in home.iterdir() if each.name != "slash-tmp")
    assert (aside / "of-another").is_dir()
    assert f"--bind {home}/slash-tmp /tmp" in done.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes others")
def test_nor_can_an_accomplice_keep_its_network_from_coming_up() -> None:
    with TemporaryDirectory() as place:  # pytest's own are closed to others
        home = Path(place)
        os.chown(home, OWNER, OWNER)
        home.chmod(0o1777)  # sticky, as an account may make it
        _meets_an_accomplice(home)


def _meets_an_accomplice(home: Path) -> None:
    subprocess.run(["mkdir", "-m", "0700", home / "slash-tmp"], check=True, user=STRANGER)
    done = set_apart(home, user=OWNER)
    assert (done.returncode, done.stderr) == (0, "")
    assert is_open(home)
    assert (home / "slash-tmp").stat().st_uid == OWNER
