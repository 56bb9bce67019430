"""What several readers are sent is made once, and nothing that a model says breaks it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.http.once import Once, encode
from appx.http.wire import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_for_the_same_key_nothing_is_made_again() -> None:
    once, made = Once(), []

    def make() -> Json:
        made.append(1)
        return {"type": "text"}

    assert encode({"a": once("k", make), "b": once("k", make)}) == b'{"a":{"type":"text"},"b":{"type":"text"}}'
    assert len(made) == 1
    once("other", make)
    assert len(made) == 2


@pytest.mark.parametrize("budget", [0, 10, 25])
def test_what_does_not_fit_is_made_again_and_is_still_right(budget: int) -> None:
    once = Once(budget)
    for _ in range(3):
        for number in range(5):
            fragment = once(number, lambda number=number: {"n": number})  # type: ignore[misc]
            assert encode(fragment) == b'{"n":%d}' % number


@given(JSON)
def test_all_json_passes_through_whole_also_inside_of_a_piece(value: object) -> None:
    found = json.loads(encode({"piece": Once()("k", lambda: {"v": value}), "v": value}))
    assert found == {"piece": {"v": value}, "v": value}


@pytest.mark.parametrize("value", [10**30, -(2**70), "half \ud83d a pair"])
def test_what_the_quick_encoder_refuses_is_encoded_all_the_same(value: object) -> None:
    assert json.loads(encode({"piece": Once()("k", lambda: {"v": value}), "v": value})) == {
        "piece": {"v": value},
        "v": value,
    }
