import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.projects.slug import slug, with_suffix


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My Cool App", "my-cool-app"),
        ("  Crème brûlée!  ", "creme-brulee"),
        ("a--b__c", "a-b-c"),
        ("ﬁne ①", "fine-1"),
        ("x" * 100, "x" * 63),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_a_name_becomes_an_id(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize("name", ["", "   ", "漢字", "...", "/", ".pi-global", "🙂"])
def test_a_name_without_an_id_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        slug(name)


@given(st.text())
def test_an_id_is_always_safe_as_a_directory_and_a_label(name: str) -> None:
    try:
        found = slug(name)
    except Invalid:
        return
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found)
    assert len(found) <= 63
    assert slug(found) == found


@given(st.from_regex(r"[a-z0-9]{1,63}", fullmatch=True))
def test_a_suffix_keeps_an_id_short_enough(base: str) -> None:
    found = with_suffix(ProjectId(base), "1a2b")
    assert len(found) <= 63
    assert found.endswith("-1a2b")
