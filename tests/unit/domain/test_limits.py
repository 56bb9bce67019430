"""Each limit holds by itself, from exactly its number on, and says what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.limits import Limits, Spent, dollars, used_up

HUGE = Spent(input=10**12, cost=10.0**9)


def test_without_a_limit_anything_may_be_spent() -> None:
    assert used_up(Limits(), session=HUGE, day=HUGE) == ""


@pytest.mark.parametrize(
    ("limits", "what", "names"),
    [
        (Limits(session_cost=5.0), "$5.00 of the $5.00", "APPX_MAX_SESSION_COST"),
        (Limits(day_cost=5.0), "$5.00 of the $5.00", "APPX_MAX_DAY_COST"),
        (Limits(session_tokens=5_000), "5,000 of the 5,000 tokens", "APPX_MAX_SESSION_TOKENS"),
        (Limits(day_tokens=5_000), "5,000 of the 5,000 tokens", "APPX_MAX_DAY_TOKENS"),
    ],
)
def test_each_limit_is_reached_at_its_number_and_not_before(limits: Limits, what: str, names: str) -> None:
    at = Spent(input=2_000, output=1_000, cache_read=1_500, cache_write=500, cost=5.0)
    below = Spent(input=1_999, output=1_000, cache_read=1_500, cache_write=500, cost=4.999)
    session = "session" in names.lower()
    told = used_up(limits, session=at if session else below, day=at if not session else below)
    assert what in told
    assert names in told
    assert "aise the limit" in told
    assert used_up(limits, session=below if session else HUGE, day=HUGE if session else below) == ""


@given(st.floats(1e-6, 1e9))
def test_an_amount_is_told_closely(amount: float) -> None:
    told = float(dollars(amount).lstrip("$").replace(",", ""))
    assert told == pytest.approx(amount, abs=0.005 if amount >= 1 else 1e-6)
