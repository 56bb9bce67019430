import pytest

from appx.http import throttle
from appx.http.throttle import ADDRESSES, BURST, FORGET, FREE, LONGEST, Throttle, neighbourhood


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_first_failures_are_refused_as_ever_and_then_the_wait_doubles(clock: Clock) -> None:
    made = Throttle(now=clock)
    assert [made.failed("a") for _ in range(FREE)] == [0] * FREE
    waits = []
    for _ in range(10):
        waits.append(made.failed("a"))
        clock.at += waits[-1]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, LONGEST, LONGEST]


def test_who_fails_while_it_waits_does_not_wait_longer(clock: Clock) -> None:
    made = Throttle(now=clock)
    for _ in range(FREE + 2):
        clock.at += 3
        made.failed("a")
    assert [made.failed("a") for _ in range(100)] == [4] * 100
    clock.at += 3.5
    assert made.failed("a") == 1


def test_an_address_does_not_wait_for_another(clock: Clock) -> None:
    made = Throttle(now=clock)
    assert max(made.failed("a") for _ in range(FREE + 5)) > 0
    assert made.failed("b") == 0


def test_an_address_that_is_quiet_begins_anew(clock: Clock) -> None:
    made = Throttle(now=clock)
    for _ in range(FREE + 5):
        clock.at += LONGEST
        made.failed("a")
    clock.at += FORGET + 1
    assert made.failed("a") == 0


def test_many_addresses_together_have_a_limit_and_take_little_memory(clock: Clock) -> None:
    made = Throttle(now=clock)
    answers = [made.failed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(3 * ADDRESSES)]
    assert answers.count(0) == BURST
    assert len(made) == ADDRESSES
    clock.at += 10
    assert made.failed("192.0.2.1") == 0


def test_a_household_of_ipv6_is_one_address() -> None:
    assert neighbourhood("2001:db8:0:1::1") == neighbourhood("2001:db8:0:1:ffff::2") == "2001:db8:0:1::/64"
    assert neighbourhood("2001:db8:0:2::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1") == "192.0.2.1"
    assert neighbourhood("") == neighbourhood("") != neighbourhood("fe80::1%eth0")
    assert throttle.neighbourhood("a name") == "a name"
