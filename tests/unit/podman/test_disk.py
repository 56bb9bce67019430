"""What a project takes of the disk, as du tells it."""

import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.podman.disk import MEASURE, MIB, Disk, described, disk_in, mebibytes

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
SAID = "\n".join(
    (
        f"container\tshop-app-dev\t{A}",
        "directory\t\t1000",
        f"layer\t{A}\t7",
        f"layer\t{B}\t100",
        f"layer\t{C}\t20",
        "layer\tl\t3",
        "layer\todd\t999",
        "volume\tshop-app-dev-data\t50",
        "other\t\t5",
    )
)


def test_each_thing_is_counted_once() -> None:
    found = disk_in(SAID)
    volumes = {"shop-app-dev-data": 50}
    assert found == Disk(
        directory=1000, images=123, containers={"shop-app-dev": 7}, volumes=volumes, other=5, whole=True
    )
    assert found.total == 1185


def test_who_shares_an_account_has_a_directory() -> None:
    assert disk_in("directory\t\t1000\n") == Disk(directory=1000)


@pytest.mark.parametrize("odd", ["", "bash: jq: command not found", "directory\t\tx", "layer\tl\t3"])
def test_what_is_no_answer_is_said(odd: str) -> None:
    with pytest.raises(ValueError, match="no sizes in"):
        disk_in(odd)


LINES = st.lists(st.sampled_from([*SAID.splitlines(), "directory\tx\t5", "layer\t5", "other"]) | st.text())


@given(LINES.map("\n".join))
def test_whatever_an_account_wrote_there_it_is_an_answer_or_none(text: str) -> None:
    with suppress(ValueError):
        assert disk_in(text).total >= 0


def test_the_largest_come_first_and_small_ones_are_left_out() -> None:
    disk = Disk(directory=MIB, images=300 * MIB, containers={"a": 5 * MIB, "b": 10}, volumes={"v": 9 * MIB})
    assert described(disk) == "images 300 MiB, the volume v 9 MiB, the container a 5 MiB, its directory 1 MiB"
    many = Disk(directory=0, containers={f"c{number}": number * MIB for number in range(1, 9)})
    assert described(many).endswith("the container c4 4 MiB, 3 others 6 MiB")
    assert described(Disk(directory=5)) == "nothing that is as large as 1 MiB"


def test_nothing_that_is_there_is_zero() -> None:
    assert [mebibytes(each) for each in (0, 1, MIB, MIB + 1)] == [0, 1, 1, 2]


def test_the_line_measures_the_directory_where_there_is_no_account(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100_000)
    assert not pwd.getpwuid(os.getuid()).pw_name.startswith("p0")
    done = subprocess.run(["bash", "-c", MEASURE], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert disk_in(done.stdout).directory >= 100_000
