from pathlib import Path

import pytest

from appx.domain.errors import Misconfigured
from appx.domain.limits import Limits
from appx.settings.settings import SECRETS, Settings, manual, read_settings


def test_the_defaults_need_nothing_but_a_workspace() -> None:
    settings = read_settings({"WORKSPACE_DIR": "/workspace", "HOME": "/root", "LITELLM_BASE_URL": ""})
    assert (settings.host, settings.port) == ("127.0.0.1", 4001)
    assert settings.litellm_base_url is None


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ["WORKSPACE_DIR"]),
        ({"WORKSPACE_DIR": "here"}, ["WORKSPACE_DIR"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MAX_STEP": "3"}, ["APPX_MAX_STEP"]),
        ({"WORKSPACE_DIR": "/w", "AGENT_SERVER_PORT": "http"}, ["AGENT_SERVER_PORT"]),
        ({"WORKSPACE_DIR": "/w", "AGENT_SERVER_PORT": "70000", "APPX_X": "1"}, ["AGENT_SERVER_PORT", "APPX_X"]),
        ({"WORKSPACE_DIR": "/w", "APP_CONTAINER_RUNTIME": "docker"}, ["APP_CONTAINER_RUNTIME"]),
        ({"WORKSPACE_DIR": "/w", "AGENT_SERVER_LOG_LEVEL": "loud"}, ["AGENT_SERVER_LOG_LEVEL"]),
        ({"WORKSPACE_DIR": "/w", "ANTHROPIC_BASE_URL": "gateway:80"}, ["ANTHROPIC_BASE_URL"]),
        ({"WORKSPACE_DIR": "/w", "OPENAI_BASE_URL": "ftp://x"}, ["OPENAI_BASE_URL"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MODEL_SILENCE_SECONDS": "0"}, ["APPX_MODEL_SILENCE_SECONDS"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MODEL_REPLY_SECONDS": "an hour"}, ["APPX_MODEL_REPLY_SECONDS"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MAX_TURN_MINUTES": "nan"}, ["APPX_MAX_TURN_MINUTES"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MAX_DAY_COST": "nan"}, ["APPX_MAX_DAY_COST"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MAX_SESSION_COST": "0"}, ["APPX_MAX_SESSION_COST"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MAX_DAY_TOKENS": "-1"}, ["APPX_MAX_DAY_TOKENS"]),
        ({"WORKSPACE_DIR": "/w", "APPX_MAX_SESSION_TOKENS": "2.5"}, ["APPX_MAX_SESSION_TOKENS"]),
        ({"WORKSPACE_DIR": "/w", "PI_SKILL_PATHS": "/a:b"}, ["PI_SKILL_PATHS"]),
        ({"WORKSPACE_DIR": "/w", "PI_SKILL_PATHS": "~/skills"}, ["PI_SKILL_PATHS"]),
    ],
)
def test_what_cannot_work_is_named(environment: dict[str, str], names: list[str]) -> None:
    with pytest.raises(Misconfigured) as raised:
        read_settings(environment)
    assert all(name in str(raised.value) for name in names)


@pytest.mark.parametrize(
    ("given", "paths"),
    [("", []), ("/a", ["/a"]), ("/a:/b c", ["/a", "/b c"]), ("/a/:/b", ["/a", "/b"])],
)
def test_directories_of_skills_stand_between_colons(given: str, paths: list[str]) -> None:
    settings = read_settings({"WORKSPACE_DIR": "/w", "PI_SKILL_PATHS": given})
    assert [str(path) for path in settings.skill_dirs] == paths


def test_no_secret_is_shown() -> None:
    secret = "sk-canary-123456"
    settings = read_settings({"WORKSPACE_DIR": "/w", "OPENAI_API_KEY": secret, "AGENT_SERVER_TOKEN": secret})
    assert secret not in repr(settings)
    with pytest.raises(Misconfigured) as raised:
        read_settings({"WORKSPACE_DIR": "/w", "AGENT_SERVER_PORT": "x", "OPENAI_API_KEY": secret})
    assert secret not in str(raised.value)


def test_every_secret_can_be_a_file_and_the_manual_says_so() -> None:
    assert set(SECRETS) == {
        "AGENT_SERVER_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY",
        "LITELLM_API_KEY",
    }  # fmt: skip
    assert all(f"Or `{name}_FILE`" in manual() for name in SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_a_file_is_as_good_as_its_variable(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("sk-canary-123456\n")
    settings = read_settings({"WORKSPACE_DIR": "/w", f"{name}_FILE": str(file)})
    assert getattr(settings, SECRETS[name]).get_secret_value() == "sk-canary-123456"


def test_a_file_that_is_no_secret_and_a_secret_given_twice_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as raised:
        read_settings(
            {
                "WORKSPACE_DIR": "/w", "OPENAI_API_KEY": "sk-canary-1", "OPENAI_API_KEY_FILE": "/x",
                "LITELLM_API_KEY_FILE": str(tmp_path / "none"), "AGENT_SERVER_PORT_FILE": "/x",
            }
        )  # fmt: skip
    told = str(raised.value)
    assert "OPENAI_API_KEY and OPENAI_API_KEY_FILE are both set" in told
    assert "LITELLM_API_KEY_FILE" in told
    assert "sk-canary" not in told


def test_every_setting_has_a_meaning() -> None:
    assert all(field.description and field.alias for field in Settings.model_fields.values())
    assert manual().count("\n| `") == len(Settings.model_fields)


def test_what_may_be_spent_is_read_and_all_else_has_no_limit() -> None:
    given = {"APPX_MAX_TURN_MINUTES": "1.5", "APPX_MAX_DAY_COST": "20", "APPX_MAX_SESSION_TOKENS": "1000000"}
    limits = read_settings({"WORKSPACE_DIR": "/w"} | given).limits
    assert limits == Limits(steps=200, minutes=1.5, day_cost=20.0, session_tokens=1_000_000)
    assert read_settings({"WORKSPACE_DIR": "/w"}).limits == Limits()
