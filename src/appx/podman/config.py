"""What compose makes of its file, in the form in which the server reads it. Pure."""

from typing import Annotated, Any, NotRequired, TypeAlias

from pydantic import AfterValidator, ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from appx.podman.reading import Text, understood

MORE = ConfigDict(extra="allow")
"""What the server does not read is kept for compose."""


def _pairs(found: object) -> object:
    if found is None or isinstance(found, dict | list):
        return found
    raise ValueError("write it as a map or as a list")


Pairs: TypeAlias = Annotated[Any, AfterValidator(_pairs)]


@with_config(MORE)
class _Build(TypedDict):
    context: Text
    labels: NotRequired[Pairs]


@with_config(MORE)
class _Waits(TypedDict):
    condition: NotRequired[str]


@with_config(MORE)
class _Service(TypedDict, total=False):
    image: Text | None
    build: _Build | None
    depends_on: dict[str, _Waits] | None
    deploy: dict[str, Any] | None
    environment: Pairs
    labels: Pairs
    volumes: list[Any] | None
    ports: list[Any] | None
    expose: list[Any] | None


@with_config(MORE)
class _Named(TypedDict, total=False):
    """A network or a volume."""

    labels: Pairs
    driver_opts: dict[str, Any] | None


class _Config(TypedDict, total=False):
    services: dict[str, _Service] | None
    networks: dict[str, _Named | None] | None
    volumes: dict[str, _Named | None] | None


_CONFIG = TypeAdapter(_Config)


def config_in(text: str) -> dict[str, Any]:
    """From ``compose config``. Raises ValueError with what is wrong."""
    found = understood(_CONFIG, text)
    return {**found}
