"""The settings of the server. ``docs/settings.md`` is generated from this file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from appx.domain.errors import Misconfigured
from appx.domain.limits import Limits

PREFIX = "APPX_"
ADDRESS = r"^https?://\S+$"

OUTSIDE = frozenset(
    {
        "APPX_ENGINE", "APPX_IMAGE", "APPX_NAME", "APPX_BIND", "APPX_PORT", "APPX_WORKSPACE", "APPX_STORAGE",
        "APPX_RUN_ARGS", "APPX_URL", "APPX_PIDS", "APPX_READY_SECONDS",
    }
)  # fmt: skip
"""Variables of ``run.sh``, which may stand in the same environment and mean nothing here."""


class Settings(BaseModel):
    """One field is one variable; its alias is the variable's name."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, hide_input_in_errors=True)

    workspace_dir: Annotated[Path, Field(alias="WORKSPACE_DIR")]
    """The directory that holds all projects, and the server's own state in `.pi-global`. Required; absolute."""

    host: Annotated[str, Field(alias="AGENT_SERVER_HOST")] = "127.0.0.1"
    """The address on which the server listens."""

    port: Annotated[int, Field(alias="AGENT_SERVER_PORT", ge=0, le=65_535)] = 4001
    """The port on which the server listens. 0 takes any free one."""

    token: Annotated[SecretStr | None, Field(alias="AGENT_SERVER_TOKEN")] = None
    """The bearer token of the API. Without one, a token is made at the first start and kept in the workspace."""

    token_file: Annotated[Path | None, Field(alias="AGENT_SERVER_TOKEN_FILE")] = None
    """A file that holds the bearer token."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(alias="AGENT_SERVER_LOG_LEVEL")] = "info"
    """How much is logged: `debug`, `info`, `warning` or `error`."""

    workbench_socket: Annotated[Path | None, Field(alias="APPX_WORKBENCH_SOCKET")] = None
    """The unix socket of the workbench. Without one, commands run with the rights of the server (`--local` only)."""

    builder_prompt: Annotated[Path | None, Field(alias="APPX_BUILDER_PROMPT")] = None
    """The builder prompt, copied to `.pi-global/AGENTS.md` at start unless the workspace has one."""

    skill_paths: Annotated[str | None, Field(alias="PI_SKILL_PATHS", pattern=r"^/[^:]*(:/[^:]*)*$")] = None
    """Directories with skills for all projects, absolute, with `:` between them."""

    app_ports: Annotated[str, Field(alias="APPX_APP_PORTS", pattern=r"^\d{1,5}(-\d{1,5})?$")] = "3000-3010"
    """The ports of apps that reach the host: what the builder container publishes."""

    container_runtime: Annotated[str, Field(alias="APP_CONTAINER_RUNTIME", pattern="^podman$")] = "podman"
    """What runs the apps. Only `podman` is known."""

    max_steps: Annotated[int, Field(alias="APPX_MAX_STEPS", ge=1, le=10_000)] = 200
    """How many replies of the model one turn may take."""

    max_upload: Annotated[int, Field(alias="APPX_MAX_UPLOAD", ge=1, le=1_000_000)] = 100
    """How large a file or an archive may be that is uploaded into a project, in MiB."""

    model_silence: Annotated[float, Field(alias="APPX_MODEL_SILENCE_SECONDS", gt=0, le=86_400)] = 180
    """How many seconds a provider may be silent, before the first piece of a reply and between two."""

    model_reply: Annotated[float, Field(alias="APPX_MODEL_REPLY_SECONDS", gt=0, le=86_400)] = 3_600
    """How many seconds one reply of the model may take in all."""

    max_turn_minutes: Annotated[float, Field(alias="APPX_MAX_TURN_MINUTES", gt=0, le=10_080)] = 60
    """How many minutes one turn may take, without the time in which the agent waits for a person's answer."""

    max_session_cost: Annotated[float | None, Field(alias="APPX_MAX_SESSION_COST", gt=0, allow_inf_nan=False)] = None
    """How many US dollars one session may cost, for example `5`. Without one, there is no limit."""

    max_day_cost: Annotated[float | None, Field(alias="APPX_MAX_DAY_COST", gt=0, allow_inf_nan=False)] = None
    """How many US dollars all sessions together may cost in a day of UTC."""

    max_session_tokens: Annotated[int | None, Field(alias="APPX_MAX_SESSION_TOKENS", ge=1)] = None
    """How many tokens one session may take, all kinds together: for models whose price is not known."""

    max_day_tokens: Annotated[int | None, Field(alias="APPX_MAX_DAY_TOKENS", ge=1)] = None
    """How many tokens all sessions together may take in a day of UTC."""

    anthropic_api_key: Annotated[SecretStr | None, Field(alias="ANTHROPIC_API_KEY")] = None
    """Key for Anthropic's models."""

    anthropic_base_url: Annotated[str | None, Field(alias="ANTHROPIC_BASE_URL", pattern=ADDRESS)] = None
    """Where Anthropic's models are asked instead of `https://api.anthropic.com`, for example at a gateway."""

    openai_api_key: Annotated[SecretStr | None, Field(alias="OPENAI_API_KEY")] = None
    """Key for OpenAI's models."""

    openai_base_url: Annotated[str | None, Field(alias="OPENAI_BASE_URL", pattern=ADDRESS)] = None
    """Where OpenAI's models are asked instead of `https://api.openai.com/v1`."""

    gemini_api_key: Annotated[SecretStr | None, Field(alias="GEMINI_API_KEY")] = None
    """Key for Google's models."""

    google_api_key: Annotated[SecretStr | None, Field(alias="GOOGLE_API_KEY")] = None
    """A second name for `GEMINI_API_KEY`, which goes before."""

    litellm_base_url: Annotated[str | None, Field(alias="LITELLM_BASE_URL")] = None
    """The base URL of an OpenAI-compatible server, for example a LiteLLM proxy. Makes the provider `litellm`."""

    litellm_api_key: Annotated[SecretStr | None, Field(alias="LITELLM_API_KEY")] = None
    """Key for that server."""

    litellm_models_path: Annotated[Path | None, Field(alias="LITELLM_MODELS_PATH")] = None
    """A JSON file: an array of that server's models."""

    litellm_default_model: Annotated[str | None, Field(alias="LITELLM_DEFAULT_MODEL")] = None
    """Which of them new sessions use, for example `openai/gpt-5.5`."""

    litellm_api: Annotated[str, Field(alias="LITELLM_API")] = "openai-completions"
    """The dialect of that server: `openai-completions` or `openai-responses`."""

    logins_path: Annotated[Path | None, Field(alias="APPX_LOGINS_PATH")] = None
    """A JSON file: by provider, the OAuth 2.0 login by which people can give access in place of a key."""

    @property
    def state_dir(self) -> Path:
        """The server's own directory."""
        return self.workspace_dir / ".pi-global"

    @property
    def limits(self) -> Limits:
        """What a turn, a session and a day may take."""
        return Limits(
            steps=self.max_steps,
            minutes=self.max_turn_minutes,
            session_cost=self.max_session_cost,
            day_cost=self.max_day_cost,
            session_tokens=self.max_session_tokens,
            day_tokens=self.max_day_tokens,
        )

    @property
    def skill_dirs(self) -> tuple[Path, ...]:
        """The directories of ``skill_paths``."""
        return tuple(Path(each) for each in (self.skill_paths or "").split(":") if each)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Check all of it before anything starts. An empty variable counts as not set.

    Raises Misconfigured with one sentence for each variable that is wrong.
    """
    given = {name: value for name, value in environment.items() if value.strip()}
    known = {field.alias for field in Settings.model_fields.values()} | OUTSIDE
    problems = [
        f"{name} is not a setting of appx. `appx settings` lists them." for name in sorted(given)
        if name.startswith(PREFIX) and name not in known
    ]  # fmt: skip
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems += [f"{each['loc'][0]}: {each['msg']}." for each in error.errors()]
        raise Misconfigured(" ".join(problems)) from None
    if not settings.workspace_dir.is_absolute():
        problems.append("WORKSPACE_DIR: give an absolute path.")
    if problems:
        raise Misconfigured(" ".join(problems))
    return settings


def manual() -> str:
    """The settings as a Markdown table."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for field in Settings.model_fields.values():
        default = "required" if field.is_required() else "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `{field.alias}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
