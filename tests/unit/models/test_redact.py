"""No secret stands in a text."""

from hypothesis import given
from hypothesis import strategies as st

from appx.models.redact import HIDDEN, LONGEST, scrub

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@given(st.lists(SECRETS, min_size=1, max_size=3), st.text(max_size=30), st.text(max_size=30))
def test_no_secret_stands_in_a_text_whatever_is_around_it(secrets: list[str], before: str, after: str) -> None:
    hidden = scrub(before + " ".join(secrets) + after, tuple(secrets))
    assert not [secret for secret in secrets if secret in hidden.replace(HIDDEN, "")]


@given(st.text())
def test_a_text_is_never_longer_than_its_limit(text: str) -> None:
    assert len(scrub(text * 50, ())) <= LONGEST + 1


@given(st.text(st.characters(categories=["Ll", "Nd"]), min_size=10, max_size=40))
def test_what_looks_like_a_key_is_hidden_also_when_nobody_told_it(tail: str) -> None:
    for key in (f"sk-{tail}", f"sk-ant-{tail}", f"Bearer {tail}"):
        assert tail not in scrub(f"wrong key {key}.", ())


def test_of_two_secrets_the_longer_is_hidden_whole() -> None:
    assert scrub("abcd-efgh", ("abcd", "abcd-efgh")) == HIDDEN
