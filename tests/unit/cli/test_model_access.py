"""What ``appx model-access`` sends and says."""

from typing import Any

from appx.cli.model_access import changed, described

FOUND: dict[str, Any] = {
    "enabled": True, "models": ["p/a"], "budget": {"dayCost": 2, "dayTokens": 100}, "baseUrl": "http://x/v1",
    "today": {"cost": 0.5, "totalTokens": 40}, "total": {"replies": 3, "totalTokens": 50, "cost": 0.75},
}  # fmt: skip


def given(**changes: object) -> dict[str, Any]:
    return {"enabled": None, "dayCost": None, "dayTokens": None, "models": None, **changes}


def test_what_is_not_given_stays() -> None:
    assert changed(FOUND, given(enabled=False)) == {"enabled": False, "budget": FOUND["budget"], "models": ["p/a"]}


def test_nought_takes_a_limit_away_and_all_takes_away_the_choice_of_models() -> None:
    assert changed(FOUND, given(dayTokens=0, models="all")) == {"enabled": True, "budget": {"dayCost": 2}}


def test_models_are_listed_with_commas() -> None:
    assert changed(FOUND, given(models="p/b, p/c,"))["models"] == ["p/b", "p/c"]


def test_a_person_sees_what_is_allowed_and_what_it_took() -> None:
    assert list(described(FOUND)) == [
        "model access is on", "apps ask at http://x/v1", "models: p/a", "today: $0.50 of $2.00",
        "today: 40 of 100 tokens", "in all: 3 replies, 50 tokens, $0.75",
    ]  # fmt: skip
