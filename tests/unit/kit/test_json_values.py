"""How many values JSON has is told without reading it, and never too low."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.kit import json_values
from appx.kit.json_values import MOST_VALUES, check_values

TEXT = st.text(st.sampled_from('a",:[]{}\\é\u2028\n'), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def values(found: Any) -> int:  # noqa: ANN401  JSON
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return 1 + sum(map(values, inner))


def passes(text: bytes | str, most: int) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "MOST_VALUES", most)
        try:
            check_values(text)
        except ValueError:
            return False
        return True


@given(JSON, st.booleans())
def test_what_has_more_never_passes_and_text_counts_as_one_value(found: Any, plain: bool) -> None:  # noqa: ANN401, FBT001
    text, count = json.dumps(found, ensure_ascii=plain), values(found)
    assert not passes(text, count - 1)
    assert passes(text, 2 * count), "an empty list counts once more"
    assert passes(text.encode(), 2 * count)


@pytest.mark.parametrize(
    "text", ["[" + "0," * MOST_VALUES + "0]", "[" * MOST_VALUES, '["' + '","' * MOST_VALUES + '"]', "{}" * MOST_VALUES]
)
def test_a_hundred_thousand_are_too_many(text: str) -> None:
    with pytest.raises(ValueError, match="more than 100,000 values"):
        check_values(text)


def test_a_long_text_of_commas_is_one_value() -> None:
    check_values(json.dumps({"text": 'a, "b"\\ ' * 1_000_000}))


def test_halves_of_surrogate_pairs_are_no_error_of_ours() -> None:
    check_values('["\ud800"]')
