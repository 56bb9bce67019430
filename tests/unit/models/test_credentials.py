"""Keys: stored privately, told apart from those of the environment, never shown."""

import json
import stat
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from appx.domain.errors import Invalid, Misconfigured, Unavailable
from appx.models.credentials import AccessToken, Credentials, KeyStatus, Tokens

pytestmark = pytest.mark.anyio

KEY = "canary-key-0123456789"
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def plain(credentials: Credentials, provider: str) -> str | None:
    found = credentials.get(provider)
    return found.get_secret_value() if found else None


@given(st.dictionaries(st.text(min_size=1, max_size=8), KEYS, max_size=4))
def test_what_was_stored_is_there_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("state") / "credentials.json"

    async def store() -> None:
        credentials = Credentials(path, {})
        for provider, key in keys.items():
            await credentials.set(provider, key)

    anyio.run(store)
    again = Credentials(path, {})
    assert {provider: plain(again, provider) for provider in keys} == keys
    assert sorted(again.secrets()) == sorted(keys.values())


async def test_only_the_owner_may_read_the_file_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    credentials = Credentials(path, {})
    await credentials.set("anthropic", f"  {KEY}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["credentials.json"]
    assert json.loads(path.read_bytes()) == {"anthropic": {"type": "api_key", "key": KEY}}


async def test_a_stored_key_goes_before_one_of_the_environment_which_comes_back(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "c.json", {"openai": SecretStr("from-environment"), "google": SecretStr("")})
    assert credentials.status("google") == KeyStatus(configured=False)
    assert credentials.status("openai") == KeyStatus(configured=True, source="environment", type="api_key")
    await credentials.set("openai", KEY)
    assert (plain(credentials, "openai"), credentials.status("openai").source) == (KEY, "stored")
    await credentials.remove("openai")
    assert (plain(credentials, "openai"), credentials.status("openai").source) == ("from-environment", "environment")
    await credentials.remove("never set")


async def test_a_login_is_stored_beside_the_keys_and_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    credentials = Credentials(path, {"openai": SecretStr("from-environment")})
    tokens = Tokens(access=SecretStr("canary-access"), refresh=SecretStr("canary-refresh"), expires=1_800_000_000_000)
    await credentials.put("openai", tokens)
    await credentials.put("google", Tokens(access=SecretStr("canary-alone")))
    await credentials.set("anthropic", KEY)
    assert json.loads(path.read_bytes()) == {
        "anthropic": {"type": "api_key", "key": KEY},
        "google": {"type": "oauth", "access": "canary-alone"},
        "openai": {
            "type": "oauth", "access": "canary-access", "refresh": "canary-refresh", "expires": 1_800_000_000_000,
        },
    }  # fmt: skip
    again = Credentials(path, {})
    assert again.tokens("openai") == tokens
    assert again.tokens("anthropic") is None
    assert again.status("openai") == KeyStatus(configured=True, source="stored", type="oauth")
    assert plain(again, "openai") == "canary-access"
    assert isinstance(again.get("openai"), AccessToken)
    assert not isinstance(again.get("anthropic"), AccessToken)
    assert {*again.secrets()} == {KEY, "canary-access", "canary-alone", "canary-refresh"}
    assert "canary" not in repr(tokens) + repr(again.get("openai")) + repr(again.status("openai"))
    await credentials.remove("openai")
    assert plain(credentials, "openai") == "from-environment"


async def test_a_secret_that_was_replaced_or_removed_is_still_hidden(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "c.json", {})
    await credentials.put("openai", Tokens(access=SecretStr("access-1"), refresh=SecretStr("refresh-1")))
    await credentials.put("openai", Tokens(access=SecretStr("access-2"), refresh=SecretStr("refresh-1")))
    await credentials.set("openai", "key-1")
    await credentials.remove("openai")
    assert {*credentials.secrets()} == {"access-1", "refresh-1", "access-2", "key-1"}
    assert "access-1" not in repr(vars(credentials))


async def test_new_tokens_take_only_the_place_of_those_that_they_renew(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "c.json", {})
    first, second, third = (Tokens(access=SecretStr(f"access-{number}")) for number in range(3))
    await credentials.renew("openai", first, second)
    assert credentials.tokens("openai") is None
    await credentials.put("openai", first)
    await credentials.renew("openai", first, second)
    await credentials.renew("openai", first, third)
    assert credentials.tokens("openai") == second


async def test_a_status_and_a_repr_hold_no_secret(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "c.json", {"openai": SecretStr(KEY)})
    await credentials.set("anthropic", KEY)
    shown = [repr(credentials.status(name)) for name in ("openai", "anthropic")]
    shown += [
        repr(credentials.get("anthropic")),
        str(credentials.get("openai")),
        repr(credentials),
        str(vars(credentials)),
    ]
    assert not [text for text in shown if KEY in text]


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak", "ünïcode-0123456789", "x" * 8193, "nul\0"])
async def test_what_cannot_be_a_key_is_refused_without_repeating_it(tmp_path: Path, key: str) -> None:
    credentials = Credentials(tmp_path / "c.json", {})
    with pytest.raises(Invalid) as raised:
        await credentials.set("anthropic", key)
    assert not key.strip() or key not in str(raised.value)
    assert credentials.get("anthropic") is None


async def test_a_key_that_could_not_be_stored_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    credentials = Credentials(path, {})
    path.mkdir()
    with pytest.raises(Unavailable):
        await credentials.set("anthropic", KEY)
    assert credentials.get("anthropic") is None


async def test_keys_that_are_set_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    credentials = Credentials(path, {})
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(credentials.set, f"provider-{number}", f"key-{number}")
    again = Credentials(path, {})
    assert [plain(again, f"provider-{number}") for number in range(20)] == [f"key-{number}" for number in range(20)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": "' + KEY.encode() + b'"}', b"\xff\xfe"])
def test_a_damaged_file_stops_the_start_and_is_named_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"credentials\.json") as raised:
        Credentials(path, {})
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None
