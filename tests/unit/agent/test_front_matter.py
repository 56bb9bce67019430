"""Front matter is understood in the forms that people write, and refused with a reason in others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.agent.front_matter import split, words


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("name: tea", "tea"),
        ("name:tea: x\nname: tea", None),
        ("name:   tea  ", "tea"),
        ("name: tea # a comment", "tea"),
        ("name: tea#1", "tea#1"),
        ("name: a: b", "a: b"),
        ('name: "tea: \\"hot\\""', 'tea: "hot"'),
        ('name: "tea" # a comment', "tea"),
        ('name: "tea" and', None),
        ('name: "tea', None),
        ("name: 'it''s'", "it's"),
        ("name: 'it's'", None),
        ("name: |\n  a\n  b", "a b"),
        ("name: >-\n  a\n\n  b", "a b"),
        ("name: a\n  b", "a b"),
        ("name:", ""),
        ("name: |", ""),
        ("# a comment\n\nname: tea\n", "tea"),
        ("metadata:\n  version: 1\n  tags: [a]\nname: tea", "tea"),
        ("tags:\n- a\n- b\nname: tea", "tea"),
        ("name: [tea]", None),
        ("name: {a: b}", None),
        ("name: *x", None),
        ("name: a\nname: b", None),
        ("just words\nname: tea", None),
    ],
)
def test_a_value_is_a_text_or_it_is_refused(front: str, expected: str | None) -> None:
    text = f"---\n{front}\n---\nbody\n"
    if expected is None:
        with pytest.raises(ValueError, match=r"\w"):
            words(split(text)[0]["name"])
    else:
        values, body = split(text)
        assert (words(values["name"]), body) == (expected, "body\n")


@pytest.mark.parametrize("text", ["", "words\n", "----\nname: x\n---\n", "\n---\nname: x\n---\n"])
def test_without_front_matter_the_whole_is_the_body(text: str) -> None:
    assert split(text) == ({}, text)


def test_a_byte_order_mark_and_crlf_do_not_matter() -> None:
    values, body = split("\ufeff---\r\nname: tea\r\n---\r\nbody")
    assert (values["name"], body) == ("tea", "body")


def test_a_front_matter_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        split("---\nname: tea\n")


@given(st.text("-:|>'\"#[] \tab\n\\"))
def test_whatever_stands_there_is_understood_or_refused(front: str) -> None:
    try:
        values, _ = split(f"---\n{front}")
        texts = [words(value) for value in values.values()]
    except ValueError:
        return
    assert all("\n" not in text for text in texts)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1))
def test_what_is_quoted_comes_back_as_it_was(text: str) -> None:
    quoted = text.replace("'", "''")
    assert words(split(f"---\nname: '{quoted}'\n---\n")[0]["name"]) == text
