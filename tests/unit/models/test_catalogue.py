"""Levels are clamped to what a model has; tokens cost what the catalogue says."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.messages import ThinkingLevel
from appx.models.catalogue import LEVELS, ModelInfo, Prices, clamp, levels

LEVEL = st.sampled_from(LEVELS)
SETS = st.lists(LEVEL, unique=True).map(tuple)
TOKENS = st.integers(0, 10_000_000)
PRICES = st.builds(
    Prices,
    input=st.floats(0, 100),
    output=st.floats(0, 100),
    cache_read=st.floats(0, 100),
    cache_write=st.floats(0, 100),
)


def info(prices: Prices, long_prices: Prices | None = None, long_from: int = 0) -> ModelInfo:
    return ModelInfo(
        provider="p", id="m", name="m", api="openai-completions", prices=prices, long_prices=long_prices,
        long_from=long_from,
    )  # fmt: skip


@given(LEVEL, SETS)
def test_a_clamped_level_is_one_that_the_model_has(level: ThinkingLevel, supported: tuple[ThinkingLevel, ...]) -> None:
    assert clamp(level, supported) in (supported or ("off",))


@given(SETS, st.data())
def test_a_level_that_the_model_has_stays_itself(supported: tuple[ThinkingLevel, ...], data: st.DataObject) -> None:
    if supported:
        level = data.draw(st.sampled_from(supported))
        assert clamp(level, supported) == level


@given(LEVEL, SETS)
def test_clamping_twice_is_clamping_once(level: ThinkingLevel, supported: tuple[ThinkingLevel, ...]) -> None:
    once = clamp(level, supported)
    assert clamp(once, supported) == once


@given(LEVEL, SETS)
def test_it_thinks_less_than_asked_only_when_there_is_no_more(
    level: ThinkingLevel, supported: tuple[ThinkingLevel, ...]
) -> None:
    got = LEVELS.index(clamp(level, supported))
    if got < LEVELS.index(level):
        assert all(LEVELS.index(each) <= got for each in supported)


@given(LEVEL, LEVEL, SETS)
def test_asking_for_more_never_gives_less(
    first: ThinkingLevel, second: ThinkingLevel, supported: tuple[ThinkingLevel, ...]
) -> None:
    less, more = sorted((first, second), key=LEVELS.index)
    assert LEVELS.index(clamp(less, supported)) <= LEVELS.index(clamp(more, supported))


@given(st.dictionaries(LEVEL, st.none() | st.text(min_size=1, max_size=5)))
def test_a_level_mapped_to_null_is_not_there_and_xhigh_only_when_it_is_mapped(
    mapped: Mapping[ThinkingLevel, str | None],
) -> None:
    found = levels(reasoning=True, mapped=mapped)
    assert list(found) == sorted(found, key=LEVELS.index)
    for level in LEVELS:
        named = mapped.get(level) is not None
        assert (level in found) is (named or (level not in mapped and level != "xhigh"))
    assert levels(reasoning=False, mapped=mapped) == ("off",)


@given(PRICES, PRICES, TOKENS, TOKENS, TOKENS, TOKENS)
def test_a_reply_costs_its_tokens_times_the_price_of_its_length(
    prices: Prices, long_prices: Prices, fresh: int, output: int, read: int, write: int
) -> None:
    cost = info(prices, long_prices, 200_000).cost(fresh=fresh, output=output, cache_read=read, cache_write=write)
    used = long_prices if fresh + read + write > 200_000 else prices
    assert cost.input == fresh * used.input / 1_000_000
    assert cost.output == output * used.output / 1_000_000
    assert cost.cache_read == read * used.cache_read / 1_000_000
    assert cost.cache_write == write * used.cache_write / 1_000_000
    assert cost.total == cost.input + cost.output + cost.cache_read + cost.cache_write


@given(TOKENS)
def test_a_long_reply_is_no_long_request(output: int) -> None:
    cheap, dear = Prices(input=1, output=1), Prices(input=9, output=9)
    cost = info(cheap, dear, 100).cost(fresh=100, output=output, cache_read=0, cache_write=0)
    assert cost.output == output / 1_000_000
