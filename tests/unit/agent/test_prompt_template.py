"""A prompt that calls a template becomes its text, with the words that stood behind the name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.agent.prompt_template import MAX_EXPANSION, Call, called, expanded
from appx.domain.errors import Invalid


@pytest.mark.parametrize(
    ("prompt", "name", "arguments"),
    [
        ("/review", "review", ""),
        ("/review ", "review", ""),
        ("/review the tests", "review", "the tests"),
        ("/review\nthe\ntests\n", "review", "the\ntests"),
        ("/a_b-C9 x", "a_b-C9", "x"),
    ],
)
def test_a_slash_and_a_name_call_a_template(prompt: str, name: str, arguments: str) -> None:
    assert called(prompt) == Call(name=name, arguments=arguments)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "/",
        "/ review",
        "review",
        " /review",
        "//review",
        "/etc/passwd is there",
        "/../x",
        "/a.b",
        "/-x",
        "/" + "x" * 65,
    ],
)
def test_another_prompt_calls_none(prompt: str) -> None:
    assert called(prompt) is None


@pytest.mark.parametrize(
    ("template", "arguments", "text"),
    [
        ("Review it.\n", "", "Review it."),
        ("Review $1, then $2.", "a b", "Review a, then b."),
        ("Review $1, then $2.", "a", "Review a, then ."),
        ("Review $1 and $2.", "\"the tests\" 'it all'", "Review the tests and it all."),
        ("Review $1 $2", "don't do", "Review don't do"),
        ("Review $@.", 'a  "b c"', 'Review a  "b c".'),
        ("$ARGUMENTS / $@", "x y", "x y / x y"),
        ("$9$8", "1 2 3 4 5 6 7 8 9 10", "98"),
        ("It costs $100 or $10, $x, $", "now", "It costs $100 or $10, $x, $\n\nnow"),
        ("Say $1", "$2 $@ \\1", "Say $2"),
        ("Review it.", "only the tests", "Review it.\n\nonly the tests"),
        ("---\ndescription: d\n---\nReview $1", "a", "Review a"),
        ("---\nno front matter", "", "---\nno front matter"),
    ],
)
def test_the_words_stand_where_the_template_names_them(template: str, arguments: str, text: str) -> None:
    assert expanded(template, Call(name="review", arguments=arguments)) == text


@pytest.mark.parametrize("template", ["", "\n", "$1", "---\ndescription: d\n---\n"])
def test_a_template_without_a_text_is_refused(template: str) -> None:
    with pytest.raises(Invalid, match=r"review\.md is empty"):
        expanded(template, Call(name="review", arguments=""))


def test_a_template_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(Invalid, match=r"/x makes a prompt of [\d,]+ characters"):
        expanded("$@" * 30_000, Call(name="x", arguments="y" * MAX_EXPANSION))
    assert len(expanded("$@", Call(name="x", arguments="y" * MAX_EXPANSION))) == MAX_EXPANSION


@given(st.text("x", min_size=1), st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool))
def test_nothing_that_a_person_wrote_is_lost(template: str, arguments: str) -> None:
    assert arguments in expanded(template, Call(name="x", arguments=arguments))
