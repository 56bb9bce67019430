"""The audit fails for a hole and for an excuse that has ended, and for nothing else."""

import datetime
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
AUDIT = runpy.run_path(str(ROOT / "scripts/audit.py"), run_name="audit")
TODAY = datetime.date(2026, 11, 25)
GOOD = {"id": "GHSA-1", "reason": "not reached", "until": TODAY}


def package(name: str, *holes: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(holes)}


HOLE = {"id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"], "fix_versions": ["1.1"]}


@pytest.mark.parametrize(
    ("found", "excused", "failed"),
    [
        ([package("a"), package("b")], set(), False),
        ([package("a", HOLE)], set(), True),
        ([package("a", HOLE)], {"PYSEC-1"}, False),
        ([package("a", HOLE)], {"GHSA-1"}, False),
        ([package("a", HOLE)], {"GHSA-2"}, True),
        ([package("a", HOLE, {**HOLE, "id": "PYSEC-2", "aliases": []})], {"PYSEC-1"}, True),
        ([{"name": "a", "skip_reason": "not found"}], set(), False),
    ],
)
def test_only_a_hole_without_an_excuse_fails(found: list[Any], excused: set[str], failed: bool) -> None:  # noqa: FBT001
    lines, bad = AUDIT["told"](found, excused)
    assert bad == failed
    assert any(line.startswith("HOLE: a 1.0: ") for line in lines) == failed


@pytest.mark.parametrize(
    "excuse",
    [
        {**GOOD, "until": TODAY - datetime.timedelta(days=1)},
        {**GOOD, "until": "2099-01-01"},
        {**GOOD, "reason": ""},
        {"id": "GHSA-1"},
        {},
    ],
)
def test_an_excuse_needs_a_reason_and_ends(excuse: dict[str, Any]) -> None:
    assert len(AUDIT["problems_of"]([excuse, GOOD], TODAY)) == 1


def test_without_a_network_it_says_so_soon_and_succeeds() -> None:
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/audit.py"],
        env=nowhere, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "audit skipped")


def test_every_lock_holds_a_hash_for_each_package_and_names_no_registry() -> None:
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert len(locks) == 4
    for lock in locks:
        text = lock.read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip()]
        assert all("==" in line and "--hash=sha256:" in line for line in lines), lock
        assert "://" not in text


def test_the_locks_that_are_audited_hold_all_that_others_lock() -> None:
    def names(path: Path) -> set[str]:
        return {line.split(" ")[0] for line in path.read_text().splitlines() if line[:1].isalnum()}

    audited = {name for lock in AUDIT["LOCKS"] for name in names(lock)}
    assert {name for lock in ROOT.glob("requirements*.lock") for name in names(lock)} - audited == set()
