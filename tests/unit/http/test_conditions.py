"""What headers ask for, and what a browser is told about a file."""

import pytest

from appx.domain.errors import Invalid
from appx.http import conditions, inert
from appx.workbench.tree import ANY, Span, When


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("bytes=0-99", Span(first=0, last=99)),
        ("bytes=5-", Span(first=5, last=None)),
        ("bytes=-5", Span(first=None, last=5)),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("lines=0-1", None),
        (f"bytes={'9' * 30}-", None),
    ],
)
def test_one_range_is_understood_and_all_else_is_everything(text: str | None, expected: Span | None) -> None:
    assert conditions.span(text) == expected


def test_a_write_has_one_condition() -> None:
    assert conditions.when(None, None) == When()
    assert conditions.when("*", None) == When(tags=(ANY,))
    assert conditions.when(' "a" , W/"b"', None) == When(tags=("a", 'W/"b'))
    assert conditions.when(None, "*") == When(absent=True)


@pytest.mark.parametrize(("match", "none"), [("a", None), ('"a', None), ("", None), (None, '"a"'), ('"a"', "*")])
def test_a_condition_that_says_nothing_is_refused(match: str | None, none: str | None) -> None:
    with pytest.raises(Invalid):
        conditions.when(match, none)


def test_who_has_the_content_is_known() -> None:
    assert [conditions.has(each, "a") for each in (None, "*", '"a"', 'W/"a"', '"b", "a"', '"b"', "a")] == [
        False, True, True, True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["x.html", "x.HTM", "x.svg", "x.xhtml", "x.xml", "x.pdf", "x.swf", "x.mht", "x", ".html", "x.png.html", "x.wasm"],
)
def test_what_could_run_in_a_browser_can_only_be_saved(name: str) -> None:
    told = inert.headers(f"dir/{name}")
    assert told["Content-Type"] == "application/octet-stream"
    assert told["Content-Disposition"].startswith("attachment; ")


def test_no_type_that_is_shown_can_run() -> None:
    kinds = {kind.partition(";")[0] for kind in inert.SHOWN.values()}
    assert {kind.partition("/")[0] for kind in kinds} == {"image", "audio", "video", "text"}
    assert kinds & {"text/html", "image/svg+xml", "text/javascript", "text/css"} == set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b.txt", "inline; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ('a"b\\c', "inline; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"),
        ("☃\r\nX: y", "inline; filename=\"___X: y\"; filename*=UTF-8''%E2%98%83%0D%0AX%3A%20y"),
    ],
)
def test_a_name_cannot_leave_its_header(name: str, expected: str) -> None:
    assert inert.disposition("inline", name) == expected
