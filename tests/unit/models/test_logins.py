"""The operator's file of logins."""

import json
import logging
from pathlib import Path

import pytest

from appx.domain.errors import Misconfigured
from appx.models.logins import read_logins

LOGIN = {
    "authorizeUrl": "https://sso.example/authorize",
    "tokenUrl": "https://sso.example/token",
    "clientId": "appx",
    "redirectUri": "http://localhost:1/callback",
}


def written(folder: Path, content: object) -> Path:
    path = folder / "logins.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_without_a_file_there_is_no_login() -> None:
    assert read_logins(None) == {}


def test_a_login_needs_two_addresses_a_name_of_ours_and_where_the_browser_goes(tmp_path: Path) -> None:
    login = read_logins(written(tmp_path, {"my-gateway": LOGIN}))["my-gateway"]
    assert (login.client_id, login.client_secret, login.scopes, login.name) == ("appx", None, (), None)


def test_a_secret_is_in_a_file_beside_it_or_anywhere_and_is_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("  canary-secret\n")
    for name in ("secret", str(secret)):
        login = read_logins(written(tmp_path, {"openai": {**LOGIN, "clientSecretFile": name}}))["openai"]
        assert login.client_secret is not None
        assert login.client_secret.get_secret_value() == "canary-secret"
        assert "canary" not in repr(login)


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", '"x"', {"openai": "x"}, {"openai": {}}, {"two words": LOGIN}, {"": LOGIN}, {"scripted": LOGIN},
        *({"openai": {name: value for name, value in LOGIN.items() if name != left_out}} for left_out in LOGIN),
        *(
            {"openai": {**LOGIN, **wrong}}
            for wrong in (
                {"authorizeUrl": "ftp://x"}, {"authorizeUrl": "https://x/#fragment"}, {"tokenUrl": "https://"},
                {"tokenUrl": "nowhere"}, {"clientId": ""}, {"clientId": 7}, {"redirectUri": "callback"},
                {"redirectUri": "http://x/#y"}, {"scopes": "models"}, {"scopes": ["two words"]}, {"scopes": [""]},
                {"clientSecret": "canary"}, {"clientSecretFile": "absent"}, {"clientSecretFile": 7},
                {"clientSecretFile": "empty"}, {"clientSecretFile": "binary"}, {"clientSecretFile": ""},
            )
        ),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_what_cannot_work_stops_the_start_and_names_the_variable(tmp_path: Path, content: object) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    path = written(tmp_path, content)
    with pytest.raises(Misconfigured, match="APPX_LOGINS_PATH") as raised:
        read_logins(path)
    assert str(path) in str(raised.value)
    assert "canary" not in str(raised.value)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"APPX_LOGINS_PATH cannot be read: .*No such file"):
        read_logins(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("url", "warned"),
    [("http://sso.example/token", True), ("http://127.0.0.1:9/token", False), ("https://sso.example/token", False)],
)
def test_tokens_without_tls_are_warned_of_except_on_this_machine(
    *, tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, warned: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        read_logins(written(tmp_path, {"openai": {**LOGIN, "tokenUrl": url}}))
    assert ("without TLS" in caplog.text) is warned
