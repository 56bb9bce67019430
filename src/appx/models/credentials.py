"""The keys and logins of providers: stored by people, or given by the environment. No secret is ever shown."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, RootModel, SecretStr, ValidationError

from appx.domain.errors import Invalid, Misconfigured
from appx.models.private_file import replace_private

Source: TypeAlias = Literal["stored", "environment"]
CredentialType: TypeAlias = Literal["api_key", "oauth"]

FORMER = 200
"""How many secrets that were replaced are still taken out of texts: a provider may yet repeat one."""

SECRET = re.compile(r"[!-~]{1,8192}")
"""What fits in a header."""


class AccessToken(SecretStr):
    """Not a key: every provider takes it as a bearer token (RFC 6750)."""


class ApiKey(BaseModel):
    model_config = ConfigDict(frozen=True)

    type: Literal["api_key"] = "api_key"
    key: SecretStr


class Tokens(BaseModel):
    """What a login gave. ``expires``: of the access token, in milliseconds since 1970; None when nobody told."""

    model_config = ConfigDict(frozen=True)

    type: Literal["oauth"] = "oauth"
    access: SecretStr
    refresh: SecretStr | None = None
    expires: int | None = None


Credential: TypeAlias = ApiKey | Tokens


class _File(RootModel[dict[str, Credential]]):
    """``{"anthropic": {"type": "api_key", "key": "…"}, "openai": {"type": "oauth", "access": "…", …}}``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """Whether there is a key or a login, and where it comes from. Never the secret."""

    configured: bool
    source: Source | None = None
    type: CredentialType | None = None


class Credentials:
    """One credential for each provider. A stored one goes before a key of the environment."""

    def __init__(self, path: Path, environment: Mapping[str, SecretStr]) -> None:
        """Raises Misconfigured, naming the file, when it is there and cannot be read."""
        self._path = path
        self._environment = _not_empty(environment)
        self._stored = _read(path)
        self._former: deque[SecretStr] = deque(maxlen=FORMER)
        self._writing = anyio.Lock()

    def get(self, provider: str) -> SecretStr | None:
        """What the provider is asked with: a key, or an AccessToken, which may have expired."""
        match self._stored.get(provider):
            case ApiKey(key=key):
                return key
            case Tokens(access=access):
                return AccessToken(access.get_secret_value())
            case None:
                return self._environment.get(provider)

    def tokens(self, provider: str) -> Tokens | None:
        """The login of the provider, when that is what counts."""
        found = self._stored.get(provider)
        return found if isinstance(found, Tokens) else None

    def status(self, provider: str) -> KeyStatus:
        if provider in self._stored:
            return KeyStatus(configured=True, source="stored", type=self._stored[provider].type)
        if provider in self._environment:
            return KeyStatus(configured=True, source="environment", type="api_key")
        return KeyStatus(configured=False)

    def secrets(self) -> tuple[str, ...]:
        """All keys and tokens, also those that were replaced, for taking them out of texts."""
        stored = (secret for credential in self._stored.values() for secret in _secrets(credential))
        return tuple(key.get_secret_value() for key in (*stored, *self._former, *self._environment.values()))

    async def set(self, provider: str, key: str) -> None:
        """Store a key. Raises Invalid when it cannot be one, NoSpace or Unavailable when it cannot be stored."""
        stripped = key.strip()
        if not SECRET.fullmatch(stripped):
            raise Invalid("A key is one word of visible ASCII characters. Copy it again.")
        await self.put(provider, ApiKey(key=SecretStr(stripped)))

    async def put(self, provider: str, credential: Credential) -> None:
        """Store a key or a login. Raises NoSpace or Unavailable when it cannot be stored."""
        async with self._writing:
            await self._save({**self._stored, provider: credential})

    async def renew(self, provider: str, old: Tokens, new: Tokens) -> None:
        """Store ``new`` where ``old`` still stands: not over what people set or removed meanwhile.

        Raises NoSpace or Unavailable when it cannot be stored.
        """
        async with self._writing:
            if self._stored.get(provider) == old:
                await self._save({**self._stored, provider: new})

    async def remove(self, provider: str) -> None:
        """Forget the stored key or login, if there is one. A key of the environment stays."""
        async with self._writing:
            await self._save({name: each for name, each in self._stored.items() if name != provider})

    def replace_environment(self, keys: Mapping[str, SecretStr]) -> None:
        """Take ``keys`` in place of those of the environment. They count from the next request on."""
        self._former.extend(old for name, old in self._environment.items() if keys.get(name) != old)
        self._environment = _not_empty(keys)

    async def _save(self, changed: dict[str, Credential]) -> None:
        if changed == self._stored:
            return
        await anyio.to_thread.run_sync(replace_private, self._path, _encode(changed))
        for name, old in self._stored.items():
            if changed.get(name) != old:
                self._former.extend(_secrets(old))
        self._stored = changed


def _not_empty(keys: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    return {name: key for name, key in keys.items() if key.get_secret_value()}


def _secrets(credential: Credential) -> Iterator[SecretStr]:
    match credential:
        case ApiKey(key=key):
            yield key
        case Tokens(access=access, refresh=refresh):
            yield access
            if refresh is not None:
                yield refresh


def _encode(credentials: Mapping[str, Credential]) -> bytes:
    """The one place where secrets are written out."""
    plain = {name: _plain(credential) for name, credential in sorted(credentials.items())}
    return json.dumps(plain, indent=2).encode() + b"\n"


def _plain(credential: Credential) -> dict[str, object]:
    fields = credential.model_dump(exclude_none=True)
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in fields.items()}


def _read(path: Path) -> dict[str, Credential]:
    try:
        return _File.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise Misconfigured(f"{path} is not what appx wrote. Repair it, or remove it and set the keys again.") from None
