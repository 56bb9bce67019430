"""Who floods the resolver takes its own turns only."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.egress.datagrams import CROWDED, WAITING, Asked, Turns

NUMBERS = count()


def asked(port: int = 1) -> Asked:
    return Asked(question=f"{next(NUMBERS)}".encode(), peer=("127.0.0.1", port))


def sure(_: Asked) -> bool:
    return True


@given(st.lists(st.sampled_from([None, 1, 2, 3]), max_size=1_000))
def test_each_account_is_served_in_each_round_and_in_its_own_order(uids: list[int | None]) -> None:
    turns, put = Turns(), {uid: [asked() for each in uids if each == uid] for uid in set(uids)}
    left = {uid: iter(waiting) for uid, waiting in put.items()}
    for uid in uids:
        turns.put(uid, next(left[uid]), sure)
    rounds = []
    while turns:
        rounds.append(turns.next())
    for uid, waiting in put.items():
        kept = waiting[:WAITING]
        assert [each for round_ in rounds for each in round_ if each in waiting] == kept
        assert all(kept[place] in rounds[place] for place in range(len(kept))), uid


def test_a_flood_of_one_account_costs_another_no_question_and_no_wait() -> None:
    turns, mine = Turns(), asked()
    for _ in range(100_000):
        turns.put(1, asked(), sure)
    turns.put(2, mine, sure)
    assert mine in turns.next()


@pytest.mark.parametrize("kept", [WAITING, CROWDED])
def test_a_crowded_queue_takes_only_what_is_surely_of_its_account(kept: int) -> None:
    """Others who send from its ports, in its name, do not fill it."""
    turns, looked = Turns(), []

    def surely(each: Asked) -> bool:
        looked.append(each)
        return kept == WAITING

    for _ in range(CROWDED):
        turns.put(1, asked(), surely)
    assert looked == [], "the kernel is asked about no others"
    for _ in range(1_000):
        turns.put(1, asked(), surely)
    left = 0
    while turns:
        left += len(turns.next())
    assert left == kept
