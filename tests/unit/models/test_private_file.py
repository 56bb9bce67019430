"""A private file is whole and private, or as it was."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Unavailable
from appx.models.private_file import replace_private


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_what_was_written_last_is_there_and_only_the_owner_may_read_it(
    tmp_path_factory: pytest.TempPathFactory, writes: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("state") / "deep" / "file"
    for data in writes:
        replace_private(path, data)
    assert path.read_bytes() == writes[-1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path], "no temporary file stays"


def test_it_replaces_the_file_and_does_not_write_through_it(tmp_path: Path) -> None:
    """Whoever had opened the old file keeps the old file; a link is replaced, not followed."""
    path, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    elsewhere.write_text("not ours")
    path.symlink_to(elsewhere)
    replace_private(path, b"ours")
    assert elsewhere.read_text() == "not ours"
    assert not path.is_symlink()


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (path / "sub").mkdir(parents=True)
    with pytest.raises(Unavailable, match="file cannot be written"):
        replace_private(path, b"x")
    assert list(tmp_path.iterdir()) == [path]
