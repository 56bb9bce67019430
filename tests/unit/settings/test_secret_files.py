"""Secrets that come as files: one line, one secret, and for nobody else's eyes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.settings.secret_files import MOST, read_secret_files

NAMES = ("TOKEN", "KEY")
CANARY = "sk-canary-0123456789"
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)


def read(path: Path, *, apart: bool = False) -> tuple[dict[str, str], list[str]]:
    return read_secret_files({"KEY_FILE": str(path)}, NAMES, apart=apart)


@given(SECRETS, st.sampled_from(["", "\n", "\r\n"]))
def test_one_line_end_is_no_part_of_the_secret(tmp_path_factory: pytest.TempPathFactory, secret: str, end: str) -> None:
    file = tmp_path_factory.mktemp("secrets") / "key"
    file.write_bytes(f"{secret}{end}".encode())
    found, problems = read(file)
    assert (found["KEY"], problems) == (secret, [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"  \r\n", "is empty"),
        (f"{CANARY}\nsecond".encode(), "has more than one line"),
        (f"{CANARY}\n\n".encode(), "has more than one line"),
        (b"\xff" * 20, "is no text"),
        (b"x" * (MOST + 1), "is too large"),
        (b"x" * 10_000_000, "is too large"),
    ],
)
def test_what_is_no_secret_is_refused_by_name_and_not_shown(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    found, problems = read(file)
    assert "KEY" not in found
    assert len(problems) == 1
    assert problems[0].startswith(f"KEY_FILE: {file} {says}")
    assert CANARY not in problems[0]


def test_the_largest_secret_may_end_with_a_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"x" * MOST + b"\r\n")
    assert read(file)[1] == []


def test_a_file_that_is_not_there_and_a_directory_are_named(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        for apart in (False, True):
            assert read(path, apart=apart)[1][0].startswith(f"KEY_FILE: {path} ")
        assert says in read(path)[1][0]


def test_both_are_one_too_many_and_other_names_are_left_alone(tmp_path: Path) -> None:
    found, problems = read_secret_files({"KEY": CANARY, "KEY_FILE": "/x", "OTHER_FILE": "/y"}, NAMES, apart=False)
    assert problems == ["KEY and KEY_FILE are both set. Set one of them."]
    assert found["OTHER_FILE"] == "/y"


def test_beside_other_users_a_file_must_be_closed_to_them_by_its_mode_or_by_a_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_to_all = not any(above.stat().st_mode & 0o001 == 0 for above in tmp_path.parents)
    shut = tmp_path / "shut"
    shut.mkdir(0o700)
    for place, mode, refused in ((tmp_path, 0o644, open_to_all), (tmp_path, 0o640, False), (shut, 0o644, False)):
        file = place / f"key-{mode:o}"
        file.write_text(CANARY)
        file.chmod(mode)
        assert bool(read(file, apart=True)[1]) == refused
        assert read(file, apart=False)[1] == []


def test_a_link_into_the_open_is_seen_through(tmp_path: Path) -> None:
    file = Path("/etc/hostname")
    link = tmp_path / "key"
    link.symlink_to(file)
    assert "can be read by every user" in read(link, apart=True)[1][0]
