"""The keys of providers: stored by people, or given by the environment. No key is ever shown."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import anyio.to_thread
from pydantic import BaseModel, RootModel, SecretStr, ValidationError

from appx.domain.errors import Invalid, Misconfigured
from appx.models.private_file import replace_private

Source: TypeAlias = Literal["stored", "environment"]

_KEY = re.compile(r"[!-~]{1,8192}")


class _Stored(BaseModel):
    type: Literal["api_key"] = "api_key"
    key: SecretStr


class _File(RootModel[dict[str, _Stored]]):
    """``{"anthropic": {"type": "api_key", "key": "…"}}``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """Whether there is a key, and where it comes from. Never the key."""

    configured: bool
    source: Source | None = None


class Credentials:
    """The keys by provider. A stored key goes before one of the environment."""

    def __init__(self, path: Path, environment: Mapping[str, SecretStr]) -> None:
        """Raises Misconfigured, naming the file, when it is there and cannot be read."""
        self._path = path
        self._environment = {name: key for name, key in environment.items() if key.get_secret_value()}
        self._stored = _read(path)
        self._writing = anyio.Lock()

    def get(self, provider: str) -> SecretStr | None:
        return self._stored.get(provider) or self._environment.get(provider)

    def status(self, provider: str) -> KeyStatus:
        if provider in self._stored:
            return KeyStatus(configured=True, source="stored")
        if provider in self._environment:
            return KeyStatus(configured=True, source="environment")
        return KeyStatus(configured=False)

    def secrets(self) -> tuple[str, ...]:
        """All keys, for taking them out of texts."""
        return tuple(key.get_secret_value() for key in (*self._stored.values(), *self._environment.values()))

    async def set(self, provider: str, key: str) -> None:
        """Store a key. Raises Invalid when it cannot be one, NoSpace or Unavailable when it cannot be stored."""
        stripped = key.strip()
        if not _KEY.fullmatch(stripped):
            raise Invalid("A key is one word of visible ASCII characters. Copy it again.")
        await self._change(provider, SecretStr(stripped))

    async def remove(self, provider: str) -> None:
        """Forget the stored key, if there is one. One of the environment stays."""
        await self._change(provider, None)

    async def _change(self, provider: str, key: SecretStr | None) -> None:
        async with self._writing:
            changed = {name: old for name, old in self._stored.items() if name != provider}
            if key is not None:
                changed[provider] = key
            if changed == self._stored:
                return
            await anyio.to_thread.run_sync(replace_private, self._path, _encode(changed))
            self._stored = changed


def _encode(keys: Mapping[str, SecretStr]) -> bytes:
    """The one place where keys are written out."""
    plain = {name: {"type": "api_key", "key": key.get_secret_value()} for name, key in sorted(keys.items())}
    return json.dumps(plain, indent=2).encode() + b"\n"


def _read(path: Path) -> dict[str, SecretStr]:
    try:
        entries = _File.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise Misconfigured(f"{path} is not what appx wrote. Repair it, or remove it and set the keys again.") from None
    return {name: entry.key for name, entry in entries.items()}
