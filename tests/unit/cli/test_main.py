"""The commands as a person types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appx.cli.main import main
from appx.settings.settings import Settings

NOTHING: dict[str, str | None] = {"WORKSPACE_DIR": None, "AGENT_SERVER_TOKEN": None, "APPX_WORKBENCH_SOCKET": None}


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(main, arguments, env=NOTHING | variables)


def test_settings_lists_every_variable() -> None:
    done = run("settings")
    assert done.exit_code == 0
    for field in Settings.model_fields.values():
        assert f"`{field.alias}`" in done.output


def test_openapi_is_a_document_that_can_be_read() -> None:
    done = run("openapi")
    assert done.exit_code == 0
    assert "/v1/projects" in json.loads(done.output)["paths"]


@pytest.mark.parametrize("command", ["serve", "workbench"])
@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "WORKSPACE_DIR"),
        ({"WORKSPACE_DIR": "/nowhere", "APPX_TYPO": "1"}, "APPX_TYPO is not a setting of appx"),
        ({"WORKSPACE_DIR": "/nowhere", "AGENT_SERVER_LOG_LEVEL": "loud"}, "AGENT_SERVER_LOG_LEVEL"),
        ({"WORKSPACE_DIR": "/nowhere"}, "APPX_WORKBENCH_SOCKET"),
    ],
)
def test_a_setting_that_cannot_work_ends_a_command_with_one_sentence(
    command: str, variables: dict[str, str], says: str, tmp_path: Path
) -> None:
    done = run(command, **{name: value.replace("/nowhere", str(tmp_path)) for name, value in variables.items()})
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert says in done.output
    assert "Traceback" not in done.output
    assert len(done.output.splitlines()) == 1


def test_a_command_without_a_token_says_where_it_looks(tmp_path: Path) -> None:
    for command in (["health"], ["login-url"], ["chat", "demo"]):
        done = run(*command, WORKSPACE_DIR=str(tmp_path))
        assert done.exit_code == 1
        assert "No token: set AGENT_SERVER_TOKEN" in done.output


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("health", "--url", "http://127.0.0.1:9", WORKSPACE_DIR=str(tmp_path), AGENT_SERVER_TOKEN="x" * 20)
    assert done.exit_code == 1
    assert "http://127.0.0.1:9 does not answer" in done.output


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_help_and_version_need_no_settings(option: str) -> None:
    assert run(option).exit_code == 0
