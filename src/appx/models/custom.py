"""Providers that people add: ``models.json``. Their keys are with the other keys, not here."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import AnyHttpUrl, Field, RootModel, ValidationError, field_validator

from appx.domain.errors import Misconfigured
from appx.models.catalogue import ModelInfo
from appx.models.entry import ConfiguredApi, ModelEntry, Wire
from appx.models.private_file import replace_private

NAME = r"^[a-zA-Z0-9_.:-]+$"


class CustomProvider(Wire):
    """A provider that speaks a known dialect at an address of its own."""

    name: str | None = None
    base_url: str
    api: ConfiguredApi
    models: tuple[ModelEntry, ...] = Field(min_length=1)

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        AnyHttpUrl(value)
        return value

    @field_validator("models")
    @classmethod
    def _has_no_model_twice(cls, value: tuple[ModelEntry, ...]) -> tuple[ModelEntry, ...]:
        if len({entry.id for entry in value}) < len(value):
            raise ValueError("names a model twice")
        return value

    def infos(self, provider: str) -> tuple[ModelInfo, ...]:
        infos = (entry.info(provider=provider, api=self.api, base_url=self.base_url) for entry in self.models)
        return tuple(replace(info, added=True) for info in infos)


class _File(RootModel[dict[str, CustomProvider]]):
    """``{"my-server": {"baseUrl": …, "api": …, "models": […]}}``"""


class CustomProviders:
    """What ``models.json`` holds, in the order in which it was added."""

    def __init__(self, path: Path) -> None:
        """Raises Misconfigured, naming the file, when it is there and cannot be read."""
        self._path = path
        self._providers = _read(path)
        self._writing = anyio.Lock()

    def all(self) -> Mapping[str, CustomProvider]:
        return self._providers

    async def upsert(self, provider: str, custom: CustomProvider) -> None:
        """Raises NoSpace or Unavailable when it cannot be stored."""
        async with self._writing:
            await self._save({**self._providers, provider: custom})

    async def remove(self, provider: str) -> None:
        """Forget the provider, if there is one of that name."""
        async with self._writing:
            if provider in self._providers:
                await self._save({name: custom for name, custom in self._providers.items() if name != provider})

    async def _save(self, changed: dict[str, CustomProvider]) -> None:
        data = _File(changed).model_dump_json(indent=2, by_alias=True, exclude_none=True).encode() + b"\n"
        await anyio.to_thread.run_sync(replace_private, self._path, data)
        self._providers = changed


def _read(path: Path) -> dict[str, CustomProvider]:
    try:
        return _File.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise Misconfigured(f"{path} is not a file of providers: {place}: {first['msg']}.") from None
