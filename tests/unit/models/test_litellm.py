"""A proxy that is set up wrongly stops the start, and the sentence names the variable."""

import json
import logging
from pathlib import Path

import pytest

from appx.domain.errors import Misconfigured
from appx.models.litellm import LitellmSettings, litellm

URL = "http://proxy:4000/v1"


def models_file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "models.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_without_an_address_there_is_no_proxy() -> None:
    assert litellm(LitellmSettings()).models == ()


def test_a_default_model_alone_is_enough() -> None:
    found = litellm(LitellmSettings(base_url=URL, default_model="litellm/openai/gpt-5.5"))
    (info,) = found.models
    assert found.default == info
    assert (info.provider, info.id, info.base_url, info.api) == ("litellm", "openai/gpt-5.5", URL, "openai-completions")


@pytest.mark.parametrize("name", ["b/two", "litellm/b/two"])
def test_the_default_is_one_of_the_file(tmp_path: Path, name: str) -> None:
    path = models_file(tmp_path, [{"id": "a/one"}, {"id": "b/two", "name": "Two", "api": "anthropic-messages"}])
    settings = LitellmSettings(base_url=URL, models_path=path, default_model=name, api="openai-responses")
    found = litellm(settings)
    assert [(info.id, info.api) for info in found.models] == [
        ("a/one", "openai-responses"),
        ("b/two", "anthropic-messages"),
    ]
    assert found.default == found.models[1]


def test_without_a_default_there_is_none(tmp_path: Path) -> None:
    path = models_file(tmp_path, [{"id": "a"}])
    assert litellm(LitellmSettings(base_url=URL, models_path=path)).default is None


def test_an_address_without_models_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert litellm(LitellmSettings(base_url=URL)).models == ()
    assert "LITELLM_MODELS_PATH" in caplog.text


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        (LitellmSettings(models_path=Path("/m.json")), "LITELLM_MODELS_PATH"),
        (LitellmSettings(default_model="m"), "LITELLM_DEFAULT_MODEL"),
        (LitellmSettings(base_url="proxy:4000"), "LITELLM_BASE_URL"),
        (LitellmSettings(base_url="ftp://proxy"), "LITELLM_BASE_URL"),
        (LitellmSettings(base_url=URL, api="smoke-signals"), "LITELLM_API"),
        (LitellmSettings(base_url=URL, models_path=Path("/nowhere/m.json")), "LITELLM_MODELS_PATH"),
        (LitellmSettings(base_url=URL, models_path=Path("/")), "LITELLM_MODELS_PATH"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: LitellmSettings, variable: str) -> None:
    with pytest.raises(Misconfigured, match=variable):
        litellm(settings)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file"),
        ("{", "the file"),
        ({}, "array"),
        ([{}], "0.id"),
        ([{"id": "a"}, {"id": "b", "maxTokens": "many"}], "1.maxTokens"),
        ([{"id": "a"}, {"id": "a"}], "twice"),
    ],
)
def test_a_file_that_cannot_work_is_named_with_the_place(tmp_path: Path, content: object, says: str) -> None:
    path = models_file(tmp_path, content)
    with pytest.raises(Misconfigured, match="LITELLM_MODELS_PATH") as raised:
        litellm(LitellmSettings(base_url=URL, models_path=path))
    assert says in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_default_that_the_file_does_not_have_is_named(tmp_path: Path) -> None:
    path = models_file(tmp_path, [{"id": "a"}])
    with pytest.raises(Misconfigured, match="LITELLM_DEFAULT_MODEL is 'b'"):
        litellm(LitellmSettings(base_url=URL, models_path=path, default_model="b"))
