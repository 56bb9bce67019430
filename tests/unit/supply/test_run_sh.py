"""``run.sh`` and its caller's secrets: refused before anything is started, and never in the command that it prints."""

import subprocess
from pathlib import Path

import pytest

from appx.settings.secret_files import MOST
from appx.settings.settings import SECRETS
from appx.wiring.state import MIN_TOKEN

ROOT = Path(__file__).resolve().parents[3]
CANARY = "sk-canary-0123456789"


def printed(**variables: str) -> subprocess.CompletedProcess[str]:
    """``run.sh --print`` starts nothing, and needs no engine."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        "APPX_ENGINE": "docker",
        "APPX_NAME": "never-started",
        **variables,
    }
    return subprocess.run(
        [ROOT / "docker/builder/run.sh", "--print"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_printed_command_holds_no_secret_and_its_names_neither(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{CANARY}\n")
    some = dict.fromkeys(sorted(SECRETS)[1:], CANARY) | {f"{min(SECRETS)}_FILE": str(file)}
    done = printed(**some)
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert not any(name in done.stdout for name in SECRETS)
    assert "appx keys set" in done.stderr
    assert done.stdout == printed().stdout, "keys are no part of how the container is made"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"OPENAI_API_KEY": CANARY, "OPENAI_API_KEY_FILE": "/etc/hostname"}, "are both set"),
        ({"GEMINI_API_KEY_FILE": "/nowhere"}, "no such file, or it cannot be read: /nowhere (GEMINI_API_KEY_FILE)"),
        ({"GEMINI_API_KEY_FILE": "/etc"}, "no such file, or it cannot be read: /etc (GEMINI_API_KEY_FILE)"),
        ({"GEMINI_API_KEY_FILE": "/dev/null"}, "there is nothing in /dev/null (GEMINI_API_KEY_FILE)"),
        ({"GEMINI_API_KEY_FILE": "/etc/passwd"}, "GEMINI_API_KEY has more than one line"),
        ({"LITELLM_API_KEY": f"{CANARY}\n{CANARY}"}, "LITELLM_API_KEY has more than one line"),
        ({"LITELLM_API_KEY": f"{CANARY} x"}, "LITELLM_API_KEY has a blank"),
        ({"LITELLM_API_KEY": "x" * (MOST + 1)}, f"at most {MOST} characters"),
        ({"AGENT_SERVER_TOKEN": "x" * (MIN_TOKEN - 1)}, f"the token needs at least {MIN_TOKEN} characters"),
    ],
)
def test_what_is_no_secret_is_refused_by_name_and_not_shown(variables: dict[str, str], says: str) -> None:
    done = printed(**variables)
    assert done.returncode == 1
    assert says in done.stderr
    assert "canary" not in done.stdout + done.stderr
