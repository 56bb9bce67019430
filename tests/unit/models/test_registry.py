"""Which models there are, which can be used, and which one is the default."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appx.domain.errors import Invalid, NotFound
from appx.models.builtin import BUILTIN, PROVIDER_NAMES
from appx.models.catalogue import DEMO
from appx.models.custom import CustomProvider
from appx.models.litellm import LitellmSettings
from appx.models.registry import Models
from appx.models.scripted import ScriptedModel

pytestmark = pytest.mark.anyio

NOWHERE = Path("/nowhere")
KEY = "canary-key-0123456789"


def nothing_in(folder: Path) -> bool:
    return not any(folder.iterdir())


def custom(model: str = "m") -> CustomProvider:
    return CustomProvider.model_validate(
        {"baseUrl": "http://localhost:1", "api": "openai-completions", "models": [{"id": model}]}
    )


def keys(*providers: str) -> dict[str, SecretStr]:
    return {provider: SecretStr(KEY) for provider in providers}


def test_without_a_key_the_demo_is_the_default_and_the_only_one_that_can_be_used() -> None:
    models = Models(state=NOWHERE)
    assert models.default() == DEMO
    assert [info for info, available in models.rows() if available] == [DEMO]
    assert isinstance(models.open(DEMO), ScriptedModel)


@given(st.sets(st.sampled_from(sorted(PROVIDER_NAMES))))
def test_a_model_can_be_used_when_its_provider_has_a_key(providers: set[str]) -> None:
    models = Models(state=NOWHERE, keys=keys(*providers))
    for info, available in models.rows():
        assert available is (info.provider in providers or info == DEMO)
    default = models.default()
    first = next((info for info in BUILTIN if info.provider in providers), DEMO)
    assert default == first


def test_the_operators_choice_is_the_default_before_all() -> None:
    proxy = LitellmSettings(base_url="http://proxy:4000", default_model="openai/gpt-5.5")
    models = Models(state=NOWHERE, keys=keys("anthropic"), proxy=proxy)
    default = models.default()
    assert (default.provider, default.id) == ("litellm", "openai/gpt-5.5")
    assert (default, True) in models.rows()


def test_every_model_is_found_by_its_name_and_no_other() -> None:
    models = Models(state=NOWHERE)
    for info, _ in models.rows():
        assert models.find(info.provider, info.id) == info
    with pytest.raises(NotFound, match="openai/gpt-1"):
        models.find("openai", "gpt-1")
    with pytest.raises(NotFound):
        models.find("anthropic", "gpt-5.5")


def test_an_address_of_the_operator_counts_for_that_provider_alone() -> None:
    models = Models(state=NOWHERE, addresses={"anthropic": "http://gateway/anthropic", "openai": None})
    asked = {info.provider: info.base_url for info, _ in models.rows()}
    assert asked == {"anthropic": "http://gateway/anthropic", "openai": "", "google": "", "scripted": ""}


async def test_a_key_that_is_set_makes_models_available_and_removing_it_takes_them_back(tmp_path: Path) -> None:
    models = Models(state=tmp_path)
    await models.set_key("google", KEY)
    assert models.default().provider == "google"
    row = next(row for row in models.providers() if row.provider == "google")
    assert (row.key.source, row.available) == ("stored", row.models)
    assert KEY not in repr(models.providers())
    await models.remove_key("google")
    assert models.default() == DEMO


@pytest.mark.parametrize("provider", ["scripted", "litellm", "unheard-of", ""])
async def test_a_provider_that_takes_no_key_gets_none(tmp_path: Path, provider: str) -> None:
    models = Models(state=tmp_path)
    with pytest.raises(Invalid, match="anthropic, openai, google"):
        await models.set_key(provider, KEY)
    with pytest.raises(Invalid):
        await models.remove_key(provider)
    assert nothing_in(tmp_path)


async def test_a_provider_that_somebody_adds_has_models_and_a_key_of_its_own(tmp_path: Path) -> None:
    models = Models(state=tmp_path)
    assert not (await models.upsert_custom("mine", custom())).key_configured
    assert (await models.upsert_custom("mine", custom("n"), KEY)).key_configured
    assert (await models.upsert_custom("mine", custom("n"))).key_configured, "the key stays when none is sent"
    assert models.default().ref == models.find("mine", "n").ref
    again = Models(state=tmp_path)
    assert [(row.provider, row.key_configured) for row in again.custom_providers()] == [("mine", True)]
    assert KEY not in (tmp_path / "models.json").read_text()
    await again.remove_custom("mine")
    await again.remove_custom("never-there")
    assert again.custom_providers() == []
    assert KEY not in (tmp_path / "credentials.json").read_text(), "its key goes with it"


@pytest.mark.parametrize("name", ["", "two words", "../x", "ü"])
async def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    models = Models(state=tmp_path)
    with pytest.raises(Invalid):
        await models.upsert_custom(name, custom())
    with pytest.raises(Invalid):
        await models.remove_custom(name)


@pytest.mark.parametrize("name", [*PROVIDER_NAMES, "litellm", "scripted"])
async def test_a_provider_of_ours_cannot_be_replaced_nor_its_key_be_taken(tmp_path: Path, name: str) -> None:
    models = Models(state=tmp_path, keys=keys("anthropic"))
    with pytest.raises(Invalid):
        await models.upsert_custom(name, custom(), KEY)
    await models.remove_custom(name)
    assert nothing_in(tmp_path)


def test_no_repr_holds_a_key() -> None:
    models = Models(state=NOWHERE, keys=keys("anthropic", "openai"))
    assert KEY not in repr(models.providers()) + repr(models.rows()) + repr(vars(models))
