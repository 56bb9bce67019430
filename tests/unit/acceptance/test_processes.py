"""Which rights of processes the suite takes for wrong: not what an agent can make of its own at any time."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "acceptance/inside/processes.py"
TOOL: Any = SimpleNamespace(**runpy.run_path(str(FILE), run_name="processes"))
FULL, NONE = "000001ffffffffff", "0000000000000000"


def process(uid: int, id_map: list[str], held: str = FULL, bounding: str = FULL) -> Any:  # noqa: ANN401
    status = {"Name": "x", "Uid": f"{uid}\t{uid}\t{uid}\t{uid}", "CapInh": NONE, "CapAmb": NONE, "CapBnd": bounding}
    status |= {"CapEff": held, "CapPrm": held}
    return TOOL.Process("7", status, nested=True, id_map=id_map, ours=False, administers=False)


@pytest.mark.parametrize(
    ("uid", "id_map"),
    [
        (2_001, ["0 2001 1", "1 165536 65536"]),
        (2_001, ["0 2001 1"]),
        (2_001, ["2001 2001 1"]),
        (2_001, []),
        (165_540, []),
        (165_540, ["0 165540 1"]),
        (1_000, ["0 1000 1"]),
    ],
)
def test_a_namespace_that_an_agent_makes_of_its_own_ids_is_no_fault(uid: int, id_map: list[str]) -> None:
    made = process(uid, id_map)
    assert (TOOL.capabilities(made), TOOL.bounding(made)) == (None, None)


@pytest.mark.parametrize(
    ("uid", "id_map"),
    [
        (2_001, ["0 0 1"]),
        (2_001, ["0 997 1"]),
        (2_001, ["0 2001 2"]),
        (2_001, ["0 2001 163536"]),
        (2_001, ["0 2001 1", "1 231072 65536"]),
        (2_001, ["0 165536 65537"]),
        (0, ["0 0 4294967295"]),
    ],
)
def test_one_with_ids_of_others_is(uid: int, id_map: list[str]) -> None:
    assert "other ids" in TOOL.capabilities(process(uid, id_map))


def test_who_keeps_the_mount_of_cgroups_has_no_capability() -> None:
    assert TOOL.capabilities(process(0, [], NONE, NONE)) is None
    assert "CapEff" in TOOL.capabilities(process(0, [], FULL, NONE))
    assert "CapBnd" in TOOL.bounding(process(0, [], NONE, FULL))


def test_a_name_of_any_bytes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = b"Name:\t\xff\x1b]0;\x1cx\nUid:\t2001\t2001\t2001\t2001\n"
    monkeypatch.setattr(Path, "read_bytes", lambda _: told)
    status = TOOL.status_of("7")
    assert (status["Name"], status["Uid"].split()[0]) == ("\\xff\x1b]0;\x1cx", "2001")
