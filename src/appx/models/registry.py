"""All models of the server: which there are, which can be used, and how to ask one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from appx.domain.errors import Invalid, NotFound
from appx.models.access import Access
from appx.models.asked import AskedModel
from appx.models.builtin import BUILTIN, PROVIDER_NAMES
from appx.models.catalogue import DEMO, ModelInfo
from appx.models.connections import Connections, Patience
from appx.models.credentials import Credentials, KeyStatus
from appx.models.custom import NAME, CustomProvider, CustomProviders
from appx.models.demo import demo
from appx.models.flows import Flows, FlowState
from appx.models.litellm import PROVIDER as LITELLM
from appx.models.litellm import LitellmSettings, litellm
from appx.models.logins import read_logins
from appx.models.model import Model
from appx.models.reach import Network
from appx.models.scripted import ScriptedModel

DEMO_PAUSE = 0.01
DEFAULT_PATIENCE = Patience()
KEYLESS = frozenset({DEMO.provider})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """A provider and whether it can be used. No secret."""

    provider: str
    name: str
    key: KeyStatus
    supports_key: bool
    supports_login: bool
    models: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRow:
    """A provider that somebody added. No secret."""

    provider: str
    custom: CustomProvider
    key_configured: bool


class Models:
    """One for the server. Reading is from memory; what changes is stored first. ``flows``: the logins under way."""

    def __init__(  # noqa: PLR0913  each by its name
        self,
        *,
        state: Path,
        keys: Mapping[str, SecretStr] | None = None,
        addresses: Mapping[str, str | None] | None = None,
        proxy: LitellmSettings | None = None,
        logins: Path | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        allowed: Sequence[Network] = (),
    ) -> None:
        """``state``: the directory of ``credentials.json`` and ``models.json``. ``keys``: provider to key, from the
        environment (anthropic, openai, google, litellm). ``addresses``: provider to base URL, for those that are to be
        asked elsewhere than usual. ``logins``: the file of ``APPX_LOGINS_PATH``. ``patience``: how long a provider may
        take. ``allowed``: networks beside the internet where providers that are added may be.

        Raises Misconfigured, naming the variable or the file.
        """
        self._credentials = Credentials(state / "credentials.json", keys or {})
        self._custom = CustomProviders(state / "models.json")
        self._builtin = tuple(replace(info, base_url=(addresses or {}).get(info.provider) or "") for info in BUILTIN)
        self._litellm = litellm(proxy or LitellmSettings())
        self._logins = read_logins(logins)
        self._access = Access(self._credentials, self._logins)
        self.flows = Flows(self._logins, store=self._credentials.put)
        self._connections = Connections(patience=patience, allowed=allowed)

    def rows(self) -> list[tuple[ModelInfo, bool]]:
        """Every model, and whether it can be used now."""
        return [(info, self._available(info.provider)) for info in self._infos()]

    def find(self, provider: str, model_id: str) -> ModelInfo:
        """Raises NotFound."""
        for info in self._infos():
            if (info.provider, info.id) == (provider, model_id):
                return info
        raise NotFound(f"There is no model {provider}/{model_id}. GET /v1/sessions/models lists them.")

    def usable(self, info: ModelInfo) -> bool:
        """Whether it can be asked now: there is a key, or none is needed."""
        return self._available(info.provider)

    def default(self) -> ModelInfo:
        """For new sessions: the operator's choice, else the first model that can be used, else the demo."""
        if self._litellm.default is not None:
            return self._litellm.default
        return next((info for info, available in self.rows() if available and info != DEMO), DEMO)

    def open(self, info: ModelInfo) -> Model:
        """A model to ask. Its key is looked up at each request, so a new key counts at once."""
        if info.api == "scripted":
            return ScriptedModel(demo, pause=DEMO_PAUSE)
        return AskedModel(
            info,
            key=partial(self._access.secret, info.provider),
            secrets=self._secrets,
            connections=self._connections,
        )

    async def aclose(self) -> None:
        """Close the connections to providers. They open again when a model is asked."""
        await self._connections.aclose()

    def providers(self) -> list[ProviderRow]:
        """Every provider, in the order in which a default is looked for."""
        infos = list(self._infos())
        return [
            ProviderRow(
                provider=provider,
                name=self._names()[provider],
                key=self._credentials.status(provider),
                supports_key=provider not in KEYLESS,
                supports_login=provider in self._logins,
                models=sum(info.provider == provider for info in infos),
                available=sum(info.provider == provider for info in infos) if self._available(provider) else 0,
            )
            for provider in self._names()
        ]

    def replace_environment(self, keys: Mapping[str, SecretStr]) -> None:
        """Take these keys, provider to key, in place of those that the environment gave at the start."""
        self._credentials.replace_environment(keys)

    async def set_key(self, provider: str, key: str) -> None:
        """Raises Invalid for an unknown provider or what cannot be a key."""
        self._check_has_keys(provider)
        await self._credentials.set(provider, key)

    async def remove_key(self, provider: str) -> None:
        """Forget the stored key or login, if there is one; a key of the environment stays.

        Raises Invalid for an unknown provider.
        """
        self._check_has_keys(provider)
        await self._credentials.remove(provider)

    def start_login(self, provider: str) -> FlowState:
        """Raises Invalid for an unknown provider, and for one without a login."""
        self._check_has_keys(provider)
        return self.flows.start(provider, self._names()[provider])

    def custom_providers(self) -> list[CustomRow]:
        return [
            CustomRow(provider=name, custom=custom, key_configured=self._credentials.status(name).configured)
            for name, custom in self._custom.all().items()
        ]

    async def upsert_custom(self, provider: str, custom: CustomProvider, key: str | None = None) -> CustomRow:
        """Add or replace a provider. Without ``key`` the one that is stored stays.

        Raises Invalid for a key that cannot be one, and for a name that cannot or that is a provider of ours.
        """
        if not re.fullmatch(NAME, provider):
            raise Invalid("The name of a provider has letters, digits and _ . : - only.")
        if provider in {*PROVIDER_NAMES, LITELLM, DEMO.provider}:
            raise Invalid(f"{provider} is a provider of appx itself. Take another name.")
        if key:
            await self._credentials.set(provider, key)
        await self._custom.upsert(provider, custom)
        return CustomRow(provider=provider, custom=custom, key_configured=self._credentials.status(provider).configured)

    async def remove_custom(self, provider: str) -> None:
        """Forget the provider and its key, if there is one of that name.

        Raises Invalid for a name that cannot be one.
        """
        if not re.fullmatch(NAME, provider):
            raise Invalid("The name of a provider has letters, digits and _ . : - only.")
        if provider in self._custom.all():
            await self._custom.remove(provider)
            await self._credentials.remove(provider)

    def _infos(self) -> Iterator[ModelInfo]:
        yield from self._builtin
        yield from self._litellm.models
        for provider, custom in self._custom.all().items():
            yield from custom.infos(provider)
        yield DEMO

    def _names(self) -> dict[str, str]:
        proxy = {LITELLM: "LiteLLM"} if self._litellm.models else {}
        custom = {name: custom.name or name for name, custom in self._custom.all().items()}
        return {**PROVIDER_NAMES, **proxy, **custom, DEMO.provider: "Scripted demo"}

    def _secrets(self) -> tuple[str, ...]:
        clients = (login.client_secret for login in self._logins.values() if login.client_secret is not None)
        return (*self._credentials.secrets(), *(secret.get_secret_value() for secret in clients))

    def _available(self, provider: str) -> bool:
        """A proxy without a key is taken for one that needs none: the operator named it."""
        return provider in {DEMO.provider, LITELLM} or self._credentials.status(provider).configured

    def _check_has_keys(self, provider: str) -> None:
        if provider not in self._names() or provider in KEYLESS:
            known = ", ".join(name for name in self._names() if name not in KEYLESS)
            raise Invalid(f"There is no provider {provider!r} that takes a key. There are: {known}.")
