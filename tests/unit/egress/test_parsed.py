"""A file is parsed once for each of its states."""

from pathlib import Path

import pytest

from appx.egress.parsed import Parsed


def test_a_file_is_parsed_again_when_it_has_changed_and_not_before(tmp_path: Path) -> None:
    texts: list[str] = []
    file = tmp_path / "hosts"

    def parse(text: str) -> int:
        texts.append(text)
        return len(texts)

    parsed = Parsed(file, parse)
    file.write_text("one")
    assert [parsed.now() for _ in range(5)] == [1] * 5
    file.write_text("one and two")
    assert [parsed.now() for _ in range(5)] == [2] * 5
    assert texts == ["one", "one and two"]


def test_without_the_file_there_is_no_answer_of_before(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("one")
    parsed = Parsed(file, str)
    assert parsed.now() == "one"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        parsed.now()
