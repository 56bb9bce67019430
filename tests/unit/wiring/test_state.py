"""The server's own directory: made once, private, and with a token that holds."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Misconfigured
from appx.settings.settings import Settings, read_settings
from appx.wiring import state

TOKEN = "0123456789abcdef"
STRONG = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=state.MIN_TOKEN, max_size=80)


def settings(workspace: Path, **variables: str) -> Settings:
    return read_settings({"WORKSPACE_DIR": str(workspace), **variables})


def test_the_first_start_makes_a_token_that_only_the_server_may_read_and_the_next_keeps_it(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert state.known_token(given) is None
    token = state.prepare(given)
    assert state.prepare(given) == token == state.known_token(given)
    assert len(token) >= 40
    assert stat.S_IMODE(state.token_path(given).stat().st_mode) == 0o600
    assert state.prepare(settings(tmp_path / "other")) != token


def test_others_may_pass_through_the_state_and_not_list_it(tmp_path: Path) -> None:
    given = settings(tmp_path)
    state.prepare(given)
    assert stat.S_IMODE(given.state_dir.stat().st_mode) & 0o066 == 0, "the agent reads AGENTS.md there, nothing else"


@given(STRONG)
def test_a_token_of_the_operator_is_taken_as_it_is(token: str) -> None:
    assert state.known_token(settings(Path("/nowhere"), AGENT_SERVER_TOKEN=token)) == token


@given(st.text(alphabet="qxzQXZ€ß0", max_size=state.MIN_TOKEN - 1))
def test_a_short_token_is_refused_without_showing_it(token: str) -> None:
    if not token.strip():
        return
    with pytest.raises(Misconfigured, match="AGENT_SERVER_TOKEN") as raised:
        state.known_token(settings(Path("/nowhere"), AGENT_SERVER_TOKEN=token))
    assert len(token) < 4 or token not in str(raised.value)


def test_a_token_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    given = settings(tmp_path / "workspace", AGENT_SERVER_TOKEN_FILE=str(file))
    assert state.prepare(given) == TOKEN
    assert not state.token_path(given).exists(), "it is not copied"


def test_the_variable_goes_before_what_run_sh_handed_over_and_that_before_the_state(tmp_path: Path) -> None:
    made = state.prepare(settings(tmp_path))
    handed = tmp_path / ".pi-global/handed.json"
    handed.write_text(json.dumps({"AGENT_SERVER_TOKEN": "h" * 20}))
    assert state.prepare(settings(tmp_path)) == "h" * 20
    assert state.prepare(settings(tmp_path, AGENT_SERVER_TOKEN="v" * 20)) == "v" * 20
    handed.unlink()
    assert state.prepare(settings(tmp_path)) == made


def test_a_file_with_a_weak_token_is_refused_by_the_name_of_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("short")
    with pytest.raises(Misconfigured, match="AGENT_SERVER_TOKEN: the token needs"):
        state.prepare(settings(tmp_path, AGENT_SERVER_TOKEN_FILE=str(tmp_path / "token")))


def test_the_builder_prompt_is_installed_once_and_can_be_read_by_the_agent(tmp_path: Path) -> None:
    source = tmp_path / "AGENTS.builder.md"
    source.write_text("from the image")
    given = settings(tmp_path / "workspace", APPX_BUILDER_PROMPT=str(source))
    installed = given.state_dir / "AGENTS.md"
    state.prepare(given)
    assert installed.read_text() == "from the image"
    assert stat.S_IMODE(installed.stat().st_mode) == 0o644
    installed.write_text("my own")
    state.prepare(given)
    assert installed.read_text() == "my own"


def test_a_builder_prompt_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="APPX_BUILDER_PROMPT"):
        state.prepare(settings(tmp_path, APPX_BUILDER_PROMPT=str(tmp_path / "nothing")))


def test_a_workspace_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="WORKSPACE_DIR"):
        state.prepare(settings(tmp_path / "file"))


@pytest.mark.parametrize("kind", ["open to all", "a link"])
def test_a_directory_in_which_others_could_put_a_token_is_refused(tmp_path: Path, kind: str) -> None:
    given = settings(tmp_path)
    own = given.state_dir
    if kind == "a link":
        (tmp_path / "elsewhere").mkdir()
        own.symlink_to(tmp_path / "elsewhere")
    else:
        own.mkdir()
        own.chmod(0o1777)
    with pytest.raises(Misconfigured, match="own user"):
        state.prepare(given)
    with pytest.raises(Misconfigured, match="own user"), state.only_one(given):
        pass
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
