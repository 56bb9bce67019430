"""What podman tells of containers, by people's and by hostile accounts."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.ids import ProjectId
from appx.podman.events import MAX_LINE, AppEvent, Splitter, event_in, follow_events, ran_out_of_memory
from tests.unit.podman.calls import run

AT = 1795689417000000001
DIED = {
    "ID": "f" * 64,
    "Name": "shop-app-dev",
    "Status": "died",
    "ContainerExitCode": 3,
    "timeNano": AT,
    "Type": "container",
    "Attributes": {"appx.environment": "dev", "appx.project": "shop", "appx.release": "4"},
}


def told(**changes: object) -> AppEvent | None:
    return event_in(json.dumps({**DIED, **changes}).encode())


def test_an_end_has_its_exit_code_and_a_start_has_none() -> None:
    ended = AppEvent(
        at=AT, to="ended", id="f" * 64, container="shop-app-dev", environment="dev", release=4, exit_code=3
    )
    assert told() == ended
    assert (found := told(Status="start")) is not None
    assert (found.to, found.exit_code) == ("started", None)
    assert [(each := told(Status=status)) and each.to for status in ("restart", "remove")] == ["restarted", "removed"]


def test_a_container_of_the_agents_has_neither_environment_nor_release() -> None:
    for labels in (None, {}, {"appx.environment": "staging", "appx.release": "x" * 99}):
        assert (found := told(Attributes=labels)) is not None
        assert (found.environment, found.release) == (None, None)


def test_trials_and_all_else_are_not_told() -> None:
    assert told(Name="shop-app-dev.next") is None
    assert told(Name="shop-app-dev.last") is None
    assert [told(Status=status) for status in ("exec", "init", "cleanup", "refresh")] == [None] * 4
    assert [event_in(line) for line in (b"", b"null", b"[]", b"{}", b"Error: no", b"[" * 5000, b"\xff")] == [None] * 7
    assert [told(timeNano=time) for time in (-1, 2**63, "x", None, 1e400)] == [None] * 5


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists), st.text())
def test_whatever_an_account_wrote_it_is_an_event_or_none(odd: object, name: str) -> None:
    for field in DIED:
        event_in(json.dumps({**DIED, field: odd}).encode())
    assert told(Name=name) is None or isinstance(told(Name=name), AppEvent)


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 7))
def test_lines_come_whole_however_they_are_cut(wanted: list[bytes], size: int) -> None:
    data, splitter = b"".join(line + b"\n" for line in wanted), Splitter()
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    assert [line for piece in pieces for line in splitter.add(piece)] == wanted


def test_a_line_that_is_too_long_is_left_out_and_not_held() -> None:
    splitter = Splitter()
    for _ in range(100):
        assert list(splitter.add(b"x" * MAX_LINE)) == []
    assert len(splitter._begun) <= MAX_LINE + 1
    assert list(splitter.add(b"y\nshort\n")) == [b"short"]


def test_only_the_projects_own_are_asked_for(folder: Path) -> None:
    _, ((*words,),) = run(folder, follow_events(ProjectId("shop"), 17))
    assert words[:5] == ["events", "--format", "json", "--since", "17"]
    assert "label=appx.project=shop" in words
    assert [word for word in words if word.startswith("event=")] == [
        f"event={each}" for each in ("start", "died", "restart", "remove")
    ]
    _, (words,) = run(folder, ran_out_of_memory("$(touch hacked)"))
    assert words[-1] == "$(touch hacked)"
