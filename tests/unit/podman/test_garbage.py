"""The line that removes what builds left, run by bash with a podman that notes what it was told."""

import fcntl
import os
import subprocess
import time
from pathlib import Path

from hypothesis import given, settings

from appx.domain.ids import ProjectId
from appx.podman.garbage import BUSY, collect
from tests.unit.podman.calls import HOSTILE

SHOP = ProjectId("shop")
IMAGE = "a" * 64
PODMAN = """#!/bin/bash
printf '%s\\n' "$*" >>"$CALLS"
case "$1 $2" in
"ps --all")
  printf '%s\\n' 'id1 Up 3 hours lighttpd' 'id2 Storage buildah' 'id3 Storage buildah' 'id4 Storage storage'
  ;;
"images --format") printf 'localhost/shop:%s\\n' r1 r10 r11-web ;;
esac
"""


def ran(folder: Path, line: str) -> tuple[str, list[str]]:
    """What was printed, and the calls of podman."""
    (folder / "podman").write_text(PODMAN)
    (folder / "podman").chmod(0o755)
    calls = folder / "calls"
    calls.write_text("")
    environment = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "CALLS": str(calls),
        "XDG_RUNTIME_DIR": str(folder),
        "TMPDIR": str(folder / "tmp"),
    }
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout, calls.read_text().splitlines()


def test_what_killed_builds_left_goes_and_what_is_old_but_no_container_that_is_being_made(tmp_path: Path) -> None:
    _, calls = ran(tmp_path, collect(SHOP, {}, 168))
    assert calls == [
        "images --format {{.Repository}}:{{.Tag}} --filter reference=localhost/shop",
        "ps --all --external --format {{.ID}} {{.Status}} {{.Command}}",
        "rm --force id2 id3",
        "image prune --force --filter until=168h",
    ]
    assert ran(tmp_path, collect(SHOP, {}, None))[1][-1] == "image prune --force"


def test_a_kept_release_that_lost_its_name_gets_it_again_before(tmp_path: Path) -> None:
    tags = ("r0", "r1", "r2", "r10", "r11", "r11-web", "r11-db")
    _, calls = ran(tmp_path, collect(SHOP, {f"localhost/shop:{each}": IMAGE for each in tags}, 1))
    assert calls[1:5] == [f"tag {IMAGE} localhost/shop:{each}" for each in ("r0", "r2", "r11", "r11-db")]
    assert calls[5].startswith("ps --all")
    assert calls[-1].startswith("image prune")


def test_while_a_build_runs_nothing_is_removed(tmp_path: Path) -> None:
    with (tmp_path / "builds.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert ran(tmp_path, collect(SHOP, {"localhost/shop:r1": IMAGE}, 1)) == (f"{BUSY}\n", [])
    assert ran(tmp_path, collect(SHOP, {}, 1))[1]


def test_directories_of_builds_that_are_long_over_go(tmp_path: Path) -> None:
    old, new, other = (tmp_path / "tmp" / name for name in ("buildah123", "buildah456", "buildah-cache-1"))
    for each in (old, new, other):
        each.mkdir(parents=True)
    for each in (old, other):
        os.utime(each, (time.time() - 4000,) * 2)
    ran(tmp_path, collect(SHOP, {}, 1))
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


@settings(max_examples=20, deadline=None)
@given(image=HOSTILE, name=HOSTILE)
def test_whatever_an_image_is_called_it_is_one_word(image: str, name: str, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    folder = tmp_path_factory.mktemp("hostile")
    ran(folder, collect(SHOP, {name: image}, 1))
    assert not (folder / "hacked").exists()
    assert not Path("hacked").exists()
