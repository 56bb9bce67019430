#!/usr/bin/env python3
"""Looks for known holes in the locked Python packages, by pip-audit; fails when there is one that is not excused.

    audit.py [LOCK]...      default: requirements-dev.lock and requirements-sbom.lock, which hold the other two

``audit.toml`` excuses findings: each with its id, a reason, and a day on which the excuse ends.
Without a network it says within ten seconds that nothing was looked at, and succeeds.
"""

import datetime
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = (ROOT / "requirements-dev.lock", ROOT / "requirements-sbom.lock")
EXCUSES = ROOT / "audit.toml"

SERVICES = ("osv", "pypi")
PROBE_SECONDS = 8.0
"""For all services at once, to tell which can be reached at all."""
SECONDS = 300.0

Json = dict[str, Any]


def main(arguments: list[str]) -> int:
    locks = [Path(each) for each in arguments] or list(LOCKS)
    excuses = tomllib.loads(EXCUSES.read_text()).get("ignore", [])
    wrong = problems_of(excuses, datetime.datetime.now(tz=datetime.UTC).date())
    for problem in wrong:
        print(f"audit.toml: {problem}")
    service = next((each for each in SERVICES if reached(each, locks[0])), None)
    if service is None:
        print("audit skipped: no network, or no service of advisories answers from here")
        return 1 if wrong else 0
    lines, failed = told(
        [found for lock in locks for found in audited(service, lock)], {each["id"] for each in excuses}
    )
    print("\n".join(lines))
    return 1 if wrong or failed else 0


def problems_of(excuses: list[Json], today: datetime.date) -> list[str]:
    """An excuse without a reason, or one that has ended, is none."""
    problems = []
    for each in excuses:
        name, until = each.get("id"), each.get("until")
        if not name or not each.get("reason") or not isinstance(until, datetime.date):
            problems.append(f"{name or 'an entry'} needs an id, a reason, and a day as until.")
        elif until < today:
            problems.append(f"{name} was excused until {until}. Look at it again.")
    return problems


def told(dependencies: list[Json], excused: set[str | None]) -> tuple[list[str], bool]:
    """Lines to read, and whether one of them is a hole that nobody excused."""
    lines, failed = [], False
    for each in {each["name"]: each for each in dependencies}.values():
        if "skip_reason" in each:
            lines.append(f"not looked at: {each['name']}: {each['skip_reason']}")
        for hole in each.get("vulns", []):
            names = {hole["id"], *hole.get("aliases", [])}
            fixed = ", ".join(hole.get("fix_versions", [])) or "nowhere yet"
            known = bool(names & excused)
            failed = failed or not known
            word = "excused" if known else "HOLE"
            lines.append(f"{word}: {each['name']} {each['version']}: {hole['id']}; fixed in {fixed}")
    audited_names = {each["name"] for each in dependencies if "skip_reason" not in each}
    return [*lines, f"{len(audited_names)} packages were looked at"], failed


def reached(service: str, lock: Path) -> bool:
    """Whether the service knows the first package of ``lock``. A stand-in for an index may answer, and know nothing."""
    first, *rest = lock.read_text().splitlines()
    end = next((at for at, line in enumerate(rest) if line[:1].strip()), len(rest))
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as one:
        one.write("\n".join([first, *rest[:end]]) + "\n")
        one.flush()
        try:
            found = audited(service, Path(one.name), seconds=PROBE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return any("skip_reason" not in each for each in found)


def audited(service: str, lock: Path, *, seconds: float = SECONDS) -> list[Json]:
    """What pip-audit found. Raises OSError when the service does not answer, SystemExit for our own fault."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pip_audit", "--vulnerability-service", service, "--disable-pip", "--require-hashes",
            "--requirement", str(lock), "--format", "json", "--progress-spinner", "off", "--timeout", "10",
        ],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    if done.stdout.startswith("{"):
        dependencies: list[Json] = json.loads(done.stdout)["dependencies"]
        return dependencies
    if "Connection" in done.stderr or "Timeout" in done.stderr or "HTTP" in done.stderr:
        raise ConnectionError(done.stderr[-300:])
    sys.exit(f"pip-audit failed: {done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
