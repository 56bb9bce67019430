"""``.pi/mcp.json``: which MCP servers a project has. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from appx.workbench.mcp.bounds import MAX_SERVER_NAME, MAX_SERVERS

FILE = ".pi/mcp.json"
MAX_FILE = 64 * 1024

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a NUL character")
    return text


def _plain(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("only printable ASCII goes into a header")
    return text


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("it must be an address such as https://example.com/mcp")
    return url


Argument: TypeAlias = Annotated[str, AfterValidator(_without_nul)]
VariableName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class _Server(BaseModel):
    """Numbers count as texts; what is null counts as left out; other keys are passed over."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in given.items() if value is not None}


class Stdio(_Server):
    """A command that is talked with by its stdin and stdout. ``cwd`` is relative to the project's directory."""

    command: Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]
    args: list[Argument] = Field(default_factory=list)
    env: dict[VariableName, Argument] = Field(default_factory=dict)
    cwd: Argument = "."

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self.env.values())


class Http(_Server):
    """A server at an address, by the transport "streamable HTTP"."""

    url: Annotated[str, AfterValidator(_address), Field(validation_alias=AliasChoices("url", "httpUrl", "serverUrl"))]
    headers: dict[HeaderName, Annotated[str, AfterValidator(_plain)]] = Field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Also what follows ``Bearer``, and what an address carries besides its place."""
        words = [word for value in self.headers.values() for word in (value, value.partition(" ")[2])]
        parts = urlsplit(self.url)
        asked = [value for pair in parts.query.split("&") for value in (pair, pair.partition("=")[2])]
        return (*words, parts.query, *asked, parts.username or "", parts.password or "")


Server: TypeAlias = Stdio | Http


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """``servers``, in the order of the file: how to reach one, None when it is switched off, or what is wrong."""

    servers: Mapping[str, Server | str | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read(data: bytes, environment: Mapping[str, str]) -> Config:
    """``${NAME}`` stands for a variable of ``environment``, ``${NAME:-else}`` for it or ``else``."""
    if len(data) > MAX_FILE:
        return Config(problems=(f"{FILE} has more than {MAX_FILE} bytes, the most.",))
    try:
        found = from_json(data) if data.strip() else {}
    except ValueError as error:
        return Config(problems=(f"{FILE} is not JSON: {error}.",))
    listed = found.get("mcpServers", found.get("servers", {})) if isinstance(found, dict) else None
    if not isinstance(listed, dict):
        return Config(problems=(f'{FILE} must be {{"mcpServers": {{"name": {{…}}}}}}.',))
    servers = {name: _server(name, given, environment) for name, given in list(listed.items())[:MAX_SERVERS]}
    more = len(listed) - MAX_SERVERS
    problems = (f"{FILE} names {len(listed)} servers; only the first {MAX_SERVERS} are used.",) if more > 0 else ()
    return Config(servers=servers, problems=problems)


def _server(name: str, given: object, environment: Mapping[str, str]) -> Server | str | None:
    if not name.strip() or len(name) > MAX_SERVER_NAME or not name.isprintable():
        return f"Its name must have 1 to {MAX_SERVER_NAME} printable characters."
    if not isinstance(given, dict):
        return 'It must be an object: {"command": …} or {"url": …}.'
    if given.get("disabled") is True or given.get("enabled") is False:
        return None
    if given.get("type") == "sse" or given.get("transport") == "sse":
        return "The transport sse is not spoken here; use streamable HTTP (type http)."
    missing: list[str] = []
    filled = {key: _filled(given[key], environment, missing) for key in _read_keys(given)}
    if missing:
        return f"The workbench has no variable {missing[0]}. Write its value into {FILE}, or ${{{missing[0]}:-…}}."
    return _checked(filled)


def _checked(given: dict[str, Any]) -> Server | str:
    reachable = any(key in given for key in ("url", "httpUrl", "serverUrl"))
    if ("command" in given) == reachable:
        return 'It needs either "command" or "url".'
    try:
        return Http.model_validate(given) if reachable else Stdio.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # the input may be a secret
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        return f"{place}: {first['msg'].removeprefix('Value error, ')}."


def _read_keys(given: Mapping[str, object]) -> Iterator[str]:
    known = ("command", "args", "env", "cwd", "url", "httpUrl", "serverUrl", "headers")
    return (key for key in known if given.get(key) is not None)


def _filled(value: Any, environment: Mapping[str, str], missing: list[str]) -> Any:  # noqa: ANN401  JSON
    match value:
        case str():
            return _VARIABLE.sub(lambda found: _value(found, environment, missing), value)
        case list():
            return [_filled(each, environment, missing) for each in value]
        case dict():
            return {key: _filled(each, environment, missing) for key, each in value.items()}
        case _:
            return value


def _value(found: re.Match[str], environment: Mapping[str, str], missing: list[str]) -> str:
    name, otherwise = found[1], found[2]
    value = environment.get(name) or otherwise
    if value is None:
        missing.append(name)
        return ""
    return value
