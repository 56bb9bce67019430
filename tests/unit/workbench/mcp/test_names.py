"""Names of tools: such as providers take, each another, and the same each time."""

import re

from hypothesis import given
from hypothesis import strategies as st

from appx.workbench.mcp.names import public_names

pairs = st.lists(st.tuples(st.text(max_size=40), st.text(max_size=60)), unique=True, max_size=20)
close = st.lists(st.tuples(st.sampled_from("ab.-_"), st.sampled_from(["a", "a.", "a_", "a__a", "_a"])), unique=True)


def test_a_plain_name_is_server_and_tool() -> None:
    assert public_names([("search", "find-it")]) == {("search", "find-it"): "search__find-it"}


def test_other_letters_become_an_underscore() -> None:
    assert public_names([("my shop", "tée.2"), ("2go", "x")]) == {
        ("my shop", "tée.2"): "my_shop__t_e_2",
        ("2go", "x"): "_2go__x",
    }


def test_names_that_meet_get_a_hash_each_and_a_long_one_too() -> None:
    found = public_names([("a", "b.c"), ("a", "b c"), ("a", "b"), ("s", "x" * 80)])
    assert found["a", "b"] == "a__b"
    assert found["a", "b.c"] == "a__b_c_ad8a94ab"
    assert re.fullmatch(r"a__b_c_[0-9a-f]{8}", found["a", "b c"])
    assert re.fullmatch(r"s__x{52}_[0-9a-f]{8}", found["s", "x" * 80])


@given(pairs | close)
def test_every_name_is_taken_by_providers_and_is_another(tools: list[tuple[str, str]]) -> None:
    found = public_names(tools)
    assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", name) for name in found.values())
    assert len(set(found.values())) == len(tools)


@given(pairs | close)
def test_the_order_does_not_matter(tools: list[tuple[str, str]]) -> None:
    assert public_names(tools) == public_names(reversed(tools))
