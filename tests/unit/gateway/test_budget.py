"""What a request may take at most, what is booked for it, and when there is no room for it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.ids import CallId, ProjectId
from appx.domain.limits import Limits
from appx.domain.messages import Image, Message, ModelRef, Reply, Text, ToolCall, ToolSpec, Usage, UserMessage
from appx.gateway.bound import PER_PICTURE, Bound, booked, bound_of
from appx.gateway.budget import Taken, Wish, no_room
from appx.gateway.grant import Budget
from appx.models.catalogue import DEMO, ModelInfo, Prices
from appx.models.model import Form, Request

SHOP = ProjectId("shop")
PRICED = ModelInfo(
    provider="p",
    id="m",
    name="m",
    api="openai-completions",
    prices=Prices(input=2, output=10, cache_read=0.2, cache_write=2.5),
    long_prices=Prices(input=4, output=15, cache_read=0.4, cache_write=5),
    long_from=10_000,
)
UNPRICED = ModelInfo(provider="p", id="u", name="u", api="openai-completions")

counts = st.integers(0, 20_000)


def request(text: str = "", *, max_tokens: int | None = 100, images: tuple[Image, ...] = ()) -> Request:
    said: list[Message] = [UserMessage(text=text, images=images)]
    return Request(system="", messages=said, tools=(), thinking="off", session="s", form=Form(max_tokens=max_tokens))


def wish(*, cost: float = 0.0, tokens: int = 0, priced: bool = True) -> Wish:
    return Wish(project=SHOP, name="p/m", bound=Bound(input=tokens, output=0, cost=cost), priced=priced)


def refusal(asked: Wish, budget: Budget, gone: Taken = Taken(), limits: Limits = Limits(), day: Taken = Taken()) -> str:  # noqa: B008  frozen
    return no_room(asked, budget=budget, apps=gone, limits=limits, everything=day)


@given(st.text(max_size=400))
def test_no_text_has_more_tokens_than_it_has_bytes(text: str) -> None:
    assert bound_of(PRICED, request(text)).input >= len(text.encode())


def test_everything_that_is_sent_counts() -> None:
    words = "tea " * 100
    call = ToolCall(id=CallId("1"), name="t", arguments={"a": words})
    tool = ToolSpec(name="t", description=words, schema={"type": "object", "title": words})
    plain = request("")
    reply = Reply(model=ModelRef(provider="", id="", api=""), blocks=(Text(text=words), call))
    full = replace(plain, system=words, tools=[tool], messages=[*plain.messages, reply])
    assert bound_of(PRICED, full).input - bound_of(PRICED, plain).input >= 5 * len(words)
    picture = request("", images=(Image(data="AAAA", media_type="image/png"),))
    assert bound_of(PRICED, picture).input - bound_of(PRICED, plain).input == PER_PICTURE


@given(counts, counts, counts, counts)
def test_no_use_of_caches_costs_more_than_the_bound(fresh: int, read: int, write: int, output: int) -> None:
    cost = PRICED.cost(fresh=fresh, output=output, cache_read=read, cache_write=write).total
    assert cost <= PRICED.most(input=fresh + read + write, output=output) + 1e-12


@given(counts, counts, counts)
def test_what_may_take_more_has_the_higher_bound(input_: int, more: int, output: int) -> None:
    assert PRICED.most(input=input_, output=output) <= PRICED.most(input=input_ + more, output=output + more)


def test_a_reply_is_bound_by_what_the_app_asks_and_by_what_the_model_gives() -> None:
    assert bound_of(PRICED, request(max_tokens=7)).output == 7
    assert bound_of(PRICED, request(max_tokens=None)).output == PRICED.max_tokens
    assert bound_of(PRICED, request(max_tokens=10**9)).output == PRICED.max_tokens


BOUND = Bound(input=1_000, output=500, cost=0.0075)
COUNTED = Usage(input=70, output=20, cost=PRICED.cost(fresh=70, output=20, cache_read=0, cache_write=0))


def test_a_whole_reply_is_booked_as_the_provider_counted_it() -> None:
    assert booked(PRICED, BOUND, COUNTED, "whole") == COUNTED


def test_a_provider_that_counts_nothing_is_booked_with_the_bound() -> None:
    found = booked(PRICED, BOUND, Usage(), "whole")
    assert (found.input, found.output, found.cost.total) == (1_000, 500, 0.0075)


def test_what_a_provider_refused_costs_nothing() -> None:
    assert booked(PRICED, BOUND, Usage(), "free") == Usage()


def test_of_a_reply_that_was_cut_off_the_rest_is_taken_for_written() -> None:
    begun = replace(COUNTED, output=1)
    found = booked(PRICED, BOUND, begun, "cut")
    assert (found.input, found.output) == (70, 500)
    assert found.cost == PRICED.cost(fresh=70, output=500, cache_read=0, cache_write=0)
    assert booked(PRICED, BOUND, Usage(), "cut").cost.total == BOUND.cost


@given(st.sampled_from(["whole", "cut"]), st.integers(0, 1_000), st.integers(0, 500))
def test_what_keeps_to_its_bound_is_never_booked_above_it(end: str, input_: int, output: int) -> None:
    info = replace(PRICED, long_prices=None)
    bound = Bound(input=1_000, output=500, cost=info.most(input=1_000, output=500))
    heard = Usage(input=input_, output=output, cost=info.cost(fresh=input_, output=output, cache_read=0, cache_write=0))
    found = booked(info, bound, heard, "whole" if end == "whole" else "cut")
    assert found.total <= bound.tokens
    assert found.cost.total <= bound.cost + 1e-12


def test_the_last_cent_can_be_spent_and_no_more() -> None:
    budget = Budget(day_cost=1.0)
    ten = sum([0.1] * 9)
    assert refusal(wish(cost=0.1), budget, Taken(cost=ten)) == ""
    told = refusal(wish(cost=0.1001), budget, Taken(cost=ten))
    assert told.startswith("Budget spent: $0.90 of the $1.00 that the apps of shop may cost in a day")
    assert "max_tokens" in told
    assert refusal(wish(tokens=51), Budget(day_tokens=100), Taken(tokens=50)).startswith("Budget spent: 50 of the 100")


def test_the_day_of_the_whole_server_holds_for_apps_too() -> None:
    own = Budget(day_cost=100.0, day_tokens=10**9)
    day = Taken(cost=4.99, tokens=990)
    assert "APPX_MAX_DAY_COST" in refusal(wish(cost=0.02), own, limits=Limits(day_cost=5), day=day)
    assert "APPX_MAX_DAY_TOKENS" in refusal(wish(tokens=11), own, limits=Limits(day_tokens=1_000), day=day)
    assert refusal(wish(cost=0.01, tokens=10), own, limits=Limits(day_cost=5, day_tokens=1_000), day=day) == ""


def test_dollars_do_not_hold_a_model_without_a_price() -> None:
    assert "no known price" in refusal(wish(priced=False), Budget(day_cost=1))
    assert refusal(wish(priced=False), Budget(day_cost=1, day_tokens=10)) == ""
    assert (PRICED.is_priced, UNPRICED.is_priced, DEMO.is_priced) == (True, False, True)
