"""What podman cannot tell is left out, and is no zero."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.podman.stats import Stats, stats_in

WHOLE: dict[str, Any] = {
    "AvgCPU": 0.5, "ContainerID": "a" * 64, "Name": "shop-app-dev", "PerCPU": None, "CPU": 0.5,
    "CPUNano": 2_500_000_000, "CPUSystemNano": 1, "SystemNano": 2, "MemUsage": 4_096, "MemLimit": 1 << 30,
    "MemPerc": 0.1,
    "Network": {"eth0": {"RxBytes": 10, "TxBytes": 20}, "eth1": {"RxBytes": 1, "TxBytes": 2}},
    "BlockInput": 0, "BlockOutput": 0, "PIDs": 3, "UpTime": 1, "Duration": 1,
}  # fmt: skip
KNOWN = Stats(memory=4_096, memory_limit=1 << 30, cpu_seconds=2.5, processes=3, received=11, sent=22)


def test_all_of_it_is_read_behind_warnings() -> None:
    assert stats_in(f'time="now" level=warning msg="{{x"\n{json.dumps(WHOLE)}\n') == KNOWN


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({"MemUsage": 0, "MemLimit": 0, "PIDs": 0, "CPUNano": 0, "Network": None}, Stats()),
        ({"Network": {}}, replace(KNOWN, received=None, sent=None)),
        ({"Network": {"lo": {"RxBytes": 0, "TxBytes": 0}}}, replace(KNOWN, received=0, sent=0)),
        ({"Network": {"eth0": None, "eth1": {"RxBytes": 7}}}, replace(KNOWN, received=7, sent=0)),
        ({"Network": None, "NetInput": 5, "NetOutput": 6}, replace(KNOWN, received=5, sent=6)),
        ({"PIDs": 0}, replace(KNOWN, processes=None)),
    ],
)
def test_a_controller_that_is_missing_makes_no_zero(changed: dict[str, Any], known: Stats) -> None:
    assert stats_in(json.dumps(WHOLE | changed)) == known


@given(
    st.dictionaries(st.sampled_from(sorted(WHOLE)), st.none() | st.booleans() | st.text() | st.floats() | st.integers())
)
def test_odd_values_are_left_out(odd: dict[str, Any]) -> None:
    found = stats_in(json.dumps(WHOLE | odd))
    for each in (found.memory, found.memory_limit, found.processes, found.cpu_seconds):
        assert each is None or each > 0


@pytest.mark.parametrize("text", ["", "Error: no such container", "[]", "{"])
def test_what_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        stats_in(text)
