"""What the suite and run.sh do in a builder runs nothing of its agents, and shows nothing that commands a terminal."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*ROOT.glob("acceptance/*.sh"), *ROOT.glob("acceptance/falsify/*.toml"), *ROOT.glob("docker/**/*.sh")])
# Python with a program that is no file: it takes modules from where it starts.
_OPEN = re.compile(r"(?:\bpython3?|\"\$@\") +(?!-I )-(?:[a-zA-Z]*[cm])?(?=[\s'])")
FORGOTTEN = {"new = '''\"$who\" python3 -c'''", "(cd / && python3 -m pip config list) 2>/dev/null || true"}
"""One is to be seen to fail; the other is the host's, with what its user installed."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_python_takes_no_module_from_where_it_starts(file: Path) -> None:
    """With ``--running`` that is /workspace, where an agent may have put a socket.py."""
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", file.read_text()).splitlines()]
    assert [line for line in lines if _OPEN.search(line) and line not in FORGOTTEN] == []


@pytest.mark.parametrize("who", ["as_root", "as_appx", "feed_appx", "as_stranger"])
def test_who_is_no_agent_begins_where_no_agent_writes(who: str) -> None:
    """Other programs look around there, too."""
    code = (ROOT / "acceptance/lib.sh").read_text()
    assert re.search(rf'^{who}\(\) .* exec (-i )?--workdir / "\$BUILDER"', code, re.MULTILINE)


def test_what_failed_is_told_without_what_commands_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "tally").touch()
    text = rf"""ENGINE=true TALLY={tmp_path}/tally BUILDER=b ROOT={ROOT} RUN={tmp_path}
        source {ROOT}/acceptance/lib.sh; trap - EXIT
        failed one $'a\e]0;x\ab\n\xc2\x9b2Jc'
        skipped two $'\e[2J'"""
    done = subprocess.run(["bash", "-c", text], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"FAIL  one\n      | a]0;xb\n      | 2Jc\nskip  two, because [2J\n"
