"""Providers that people add are in ``models.json``, whole or not at all."""

import json
import stat
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from appx.domain.errors import Misconfigured, Unavailable
from appx.models.custom import CustomProvider, CustomProviders

pytestmark = pytest.mark.anyio

NAMES = st.text("abcxyz019-._:", min_size=1, max_size=8)
PROVIDERS = st.builds(
    CustomProvider.model_validate,
    st.fixed_dictionaries(
        {
            "baseUrl": st.sampled_from(["http://localhost:1234/v1", "https://x.example.com"]),
            "api": st.sampled_from(["openai-completions", "openai-responses", "anthropic-messages"]),
            "models": st.lists(
                st.fixed_dictionaries(
                    {"id": NAMES},
                    optional={
                        "contextWindow": st.integers(1, 1_000_000),
                        "reasoning": st.booleans(),
                        "thinkingLevelMap": st.fixed_dictionaries({"high": st.none() | st.just("max")}),
                    },
                ),
                min_size=1,
                max_size=3,
                unique_by=lambda entry: entry["id"],
            ),
        },
        optional={"name": st.text(max_size=8)},
    ),
)


def provider(**fields: object) -> CustomProvider:
    whole = {"baseUrl": "http://localhost:1234", "api": "openai-completions", "models": [{"id": "m"}]}
    return CustomProvider.model_validate(whole | fields)


@given(st.dictionaries(NAMES, PROVIDERS, max_size=3))
def test_what_was_added_is_there_after_a_restart_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, added: dict[str, CustomProvider]
) -> None:
    path = tmp_path_factory.mktemp("state") / "models.json"

    async def add() -> None:
        providers = CustomProviders(path)
        for name, custom in added.items():
            await providers.upsert(name, custom)

    anyio.run(add)
    again = CustomProviders(path).all()
    assert list(again) == list(added)
    for name, custom in added.items():
        assert again[name].infos(name) == custom.infos(name)


async def test_a_provider_can_be_replaced_and_removed_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    providers = CustomProviders(path)
    await providers.upsert("mine", provider())
    await providers.upsert("mine", provider(name="Mine", models=[{"id": "n"}]))
    assert [info.id for info in providers.all()["mine"].infos("mine")] == ["n"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await providers.remove("mine")
    await providers.remove("never there")
    assert json.loads(path.read_bytes()) == {}


async def test_what_could_not_be_stored_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    providers = CustomProviders(path)
    path.mkdir()
    with pytest.raises(Unavailable):
        await providers.upsert("mine", provider())
    assert providers.all() == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"baseUrl": "localhost:1234"},
        {"baseUrl": "file:///etc/passwd"},
        {"api": "google-generative-ai"},
        {"models": []},
        {"models": [{"id": "m"}, {"id": "m"}]},
    ],
)
def test_what_cannot_be_a_provider_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        provider(**fields)


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "the file"), ('{"mine": {}}', "mine.baseUrl"), ('{"mine": {"baseUrl": "http://x", "api": 1}}', "mine.api")],
)
def test_a_damaged_file_stops_the_start_and_is_named_with_the_place(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "models.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=r"models\.json") as raised:
        CustomProviders(path)
    assert says in str(raised.value)
