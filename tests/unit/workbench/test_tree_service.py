"""What a workbench says of files is what it can be, or is refused."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from appx.workbench.tree import Entry
from appx.workbench.tree_service import ENTRY, HEAD, UNZIPPED, Head

FILE = Entry(path="a", kind="file", size=5, modified=datetime.now(UTC), tag="a" * 24)


def test_what_is_said_of_a_file_is_heard() -> None:
    assert ENTRY.validate_json(ENTRY.dump_json(FILE)) == FILE
    head = Head(entry=FILE, start=0, stop=5)
    assert HEAD.validate_json(HEAD.dump_json(head)) == head


@pytest.mark.parametrize(
    "odd",
    [
        {"tag": "é"}, {"tag": "☃"}, {"tag": 'a"b'}, {"tag": "a\r\nb"}, {"tag": "a b"}, {"tag": ""}, {"tag": "a" * 201},
        {"size": -1}, {"size": 2**63}, {"modified": "2026-01-01T00:00:00"}, {"modified": "0001-01-01T00:00:00+14:00"},
        {"path": "\ud800"},
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused(odd: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ENTRY.validate_json(json.dumps(json.loads(ENTRY.dump_json(FILE)) | odd))


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (3, 2), (0, 2**63), (-2, -1)])
def test_a_part_that_cannot_be_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValidationError):
        HEAD.validate_json(HEAD.dump_json(Head(entry=FILE, start=start, stop=stop)))


def test_an_archive_has_no_files_less_than_none() -> None:
    with pytest.raises(ValidationError):
        UNZIPPED.validate_json('{"files": -1, "size": 0, "left_out": []}')
