"""What ``run.sh`` hands over is kept for the server alone, and until the next ``run.sh``."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Invalid, Misconfigured
from appx.settings.handed import Taken, read_handed, take, with_handed
from appx.settings.settings import SECRETS, read_settings

CANARY = "sk-canary-0123456789"
GIVEN = st.dictionaries(st.sampled_from(sorted(SECRETS)), st.sampled_from(["one", "two", "three"]))


def plain(state: Path) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in read_handed(state).items()}


@given(first=GIVEN, second=GIVEN, only=st.booleans())
def test_what_is_told_is_what_was_done(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, str], second: dict[str, str], *, only: bool
) -> None:
    state = tmp_path_factory.mktemp("state")
    assert take(state, first, only=True).new == tuple(sorted(first))
    told = take(state, second, only=only)
    now = plain(state)
    assert now == (second if only else {**first, **second})
    assert set(told.new) == now.keys() - first.keys()
    assert set(told.removed) == first.keys() - now.keys()
    assert set(told.changed) == {name for name in now.keys() & first.keys() if now[name] != first[name]}
    assert set(told.kept) == now.keys() - second.keys()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    take(tmp_path, {"OPENAI_API_KEY": CANARY}, only=True)
    assert [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()] == [0o600]
    assert CANARY not in repr(read_handed(tmp_path))


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    take(tmp_path, {"OPENAI_API_KEY": CANARY}, only=True)
    before = (tmp_path / "handed.json").stat()
    assert take(tmp_path, {"OPENAI_API_KEY": CANARY}, only=True) == Taken(new=(), changed=(), removed=(), kept=())
    assert (tmp_path / "handed.json").stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    "given",
    [
        {"AGENT_SERVER_PORT": "80"},
        {"OPENAI_API_KEY": f"{CANARY} x"},
        {"OPENAI_API_KEY": ""},
        {"OPENAI_API_KEY": CANARY * 500},
    ],
)
def test_what_cannot_be_a_secret_changes_nothing_and_is_not_repeated(tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(Invalid) as raised:
        take(tmp_path, {"GEMINI_API_KEY": "good"} | given, only=False)
    assert CANARY not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_the_environment_goes_before_it(tmp_path: Path) -> None:
    state = tmp_path / ".pi-global"
    take(state, {"OPENAI_API_KEY": "handed", "GEMINI_API_KEY": "handed"}, only=True)
    settings = with_handed(read_settings({"WORKSPACE_DIR": str(tmp_path), "OPENAI_API_KEY": "variable"}))
    keys = (settings.openai_api_key, settings.gemini_api_key, settings.anthropic_api_key)
    assert [key and key.get_secret_value() for key in keys] == ["variable", "handed", None]


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"OPENAI_API_KEY": [CANARY]})])
def test_a_damaged_file_is_named_and_not_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "handed.json").write_text(content)
    with pytest.raises(Misconfigured, match=r"handed\.json is not what appx wrote") as raised:
        read_handed(tmp_path)
    assert CANARY not in str(raised.value)
