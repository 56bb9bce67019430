"""The settings of the server. ``docs/settings.md`` is generated from this file."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from appx.domain.egress import Egress, Policy, checked_hosts
from appx.domain.errors import Invalid, Misconfigured
from appx.domain.limits import Limits
from appx.settings.secret_files import SUFFIX, read_secret_files

PREFIX = "APPX_"
ADDRESS = r"^https?://\S+$"

_NAME = r"(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)"
NAMES = rf"^{_NAME}( *, *{_NAME})*$"
_ORIGIN = r"https?://[a-z0-9.:\[\]_-]+"
ORIGINS = rf"^{_ORIGIN}( *, *{_ORIGIN})*$"

OUTSIDE = frozenset(
    {
        "APPX_ENGINE", "APPX_IMAGE", "APPX_NAME", "APPX_BIND", "APPX_PORT", "APPX_WORKSPACE", "APPX_STORAGE",
        "APPX_RUN_ARGS", "APPX_URL", "APPX_PIDS", "APPX_READY_SECONDS",
    }
)  # fmt: skip
"""Variables of ``run.sh``, which may stand in the same environment and mean nothing here."""

INDEXES = "pypi.org,*.pythonhosted.org,*.npmjs.org,*.debian.org"
"""Where builds get packages."""


def _hosts(text: str) -> str:
    try:
        checked_hosts(text.split(","))
    except Invalid as error:
        raise ValueError(str(error)) from error
    return text


def _networks(text: str | None) -> str | None:
    for each in (text or "").split(","):
        if each.strip():
            ip_network(each.strip())
    return text


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

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(alias="AGENT_SERVER_LOG_LEVEL")] = "info"
    """How much is logged: `debug`, `info`, `warning` or `error`."""

    workbench_socket: Annotated[Path | None, Field(alias="APPX_WORKBENCH_SOCKET")] = None
    """The unix socket of the workbench. Without one, commands run with the rights of the server (`--local` only)."""

    launcher_socket: Annotated[Path | None, Field(alias="APPX_LAUNCHER_SOCKET")] = None
    """The unix socket of the launcher, which starts a workbench for each project. Without one, all share one."""

    project_uids: Annotated[Literal["on", "off"], Field(alias="APPX_PROJECT_UIDS")] = "on"
    """Whether each new project gets a uid of its own, where the container has them. With `off` new ones share one."""

    idle_minutes: Annotated[float, Field(alias="APPX_IDLE_MINUTES", gt=0, le=10_080)] = 15
    """After how many minutes without work a project's workbench ends. Its apps go on; it comes back by itself."""

    builder_prompt: Annotated[Path | None, Field(alias="APPX_BUILDER_PROMPT")] = None
    """The builder prompt, copied to `.pi-global/AGENTS.md` at start unless the workspace has one."""

    skill_paths: Annotated[str | None, Field(alias="PI_SKILL_PATHS", pattern=r"^/[^:]*(:/[^:]*)*$")] = None
    """Directories with skills for all projects, absolute, with `:` between them."""

    template_dir: Annotated[Path | None, Field(alias="APPX_TEMPLATE_DIR")] = None
    """A directory with templates of your own for new projects, a directory for each; they go before those of appx."""

    llm_port: Annotated[int, Field(alias="APPX_LLM_PORT", ge=0, le=65_535)] = 0
    """The port of the loopback on which apps ask models, where a person lets them. 0: none. The image has 4080."""

    app_ports: Annotated[str, Field(alias="APPX_APP_PORTS", pattern=r"^\d{1,5}(-\d{1,5})?$")] = "3000-3010"
    """The ports of apps that reach the host: what the builder container publishes."""

    app_memory: Annotated[int, Field(alias="APPX_APP_MEMORY", ge=16, le=1_000_000)] = 1_024
    """How much memory an app that the server deploys may take, in MiB, where the host can limit it."""

    app_processes: Annotated[int, Field(alias="APPX_APP_PROCESSES", ge=8, le=100_000)] = 512
    """How many processes and threads such an app may have, where the host can limit it."""

    app_cpus: Annotated[float | None, Field(alias="APPX_APP_CPUS", gt=0, le=1_000)] = None
    """How many processors such an app may use, for example `0.5`, where the host can limit it."""

    health_seconds: Annotated[int, Field(alias="APPX_HEALTH_SECONDS", ge=1, le=3_600)] = 30
    """How long an app that the server deploys has to answer well for the first time, in seconds."""

    disk_reserve: Annotated[int, Field(alias="APPX_DISK_RESERVE", ge=0, le=10_000_000)] = 1_024
    """How much of the disk of the images has to be free for a deploy to build, in MiB."""

    project_disk: Annotated[int | None, Field(alias="APPX_PROJECT_DISK", ge=100, le=1_000_000_000)] = None
    """How much of the disk a project may take for a deploy to build, in MiB: its files, and all that its account's
    podman keeps, about 260 MiB of base images included. Without one, as much as there is."""

    project_memory: Annotated[int | None, Field(alias="APPX_PROJECT_MEMORY", ge=128, le=1_000_000)] = None
    """How much memory all apps and commands of a project may take together, in MiB, where the host can limit it.
    Without one, three quarters of what the builder container has for all of them."""

    project_processes: Annotated[int, Field(alias="APPX_PROJECT_PROCESSES", ge=256, le=4_096)] = 4_096
    """How many processes and threads all apps of a project may have together, those of its podman among them."""

    project_cpus: Annotated[float | None, Field(alias="APPX_PROJECT_CPUS", ge=0.1, le=1_000)] = None
    """How many processors all apps and commands of a project may use together, where the host can limit it."""

    image_days: Annotated[float, Field(alias="APPX_IMAGE_DAYS", gt=0, le=36_500)] = 7
    """After how many days images without a name, and layers of builds, are removed. Those of releases stay."""

    image_room: Annotated[int, Field(alias="APPX_IMAGE_ROOM", ge=0, le=1_000_000_000)] = 4_096
    """When the images of a project's account take more than that, in MiB, all without a name go, however new."""

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

    max_connections: Annotated[int, Field(alias="APPX_MAX_CONNECTIONS", ge=4, le=100_000)] = 1_000
    """How many connections to the API may be open at once, streams of events included; three of four of these from
    one address. Fewer when the machine gives the server fewer open files."""

    hosts: Annotated[str | None, Field(alias="APPX_HOSTS", pattern=NAMES)] = None
    """Names by which browsers and clients may call the server, besides IP addresses and `localhost`, with `,` between
    them; `*.example.com` is every name below it, `*` is any name."""

    cors_origins: Annotated[str | None, Field(alias="APPX_CORS_ORIGINS", pattern=ORIGINS)] = None
    """Origins whose pages may call the API with a token, for example `https://builder.example.com`, with `,` between
    them. Without it, no other page may."""

    provider_networks: Annotated[str | None, Field(alias="APPX_PROVIDER_NETWORKS")] = None
    """Networks beside the internet in which providers that are added over the API may be: CIDRs with `,` between them,
    or `private` for those of RFC 1918, RFC 6598 and RFC 4193. What the operator sets, such as `LITELLM_BASE_URL`, may
    be anywhere. A cloud's metadata addresses stay closed."""

    audit_days: Annotated[int, Field(alias="APPX_AUDIT_DAYS", ge=1, le=36_500)] = 90
    """How many days the entries of the audit log are kept."""

    max_turn_minutes: Annotated[float, Field(alias="APPX_MAX_TURN_MINUTES", gt=0, le=10_080)] = 60
    """How many minutes one turn may take, without the time in which the agent waits for a person's answer."""

    max_session_cost: Annotated[float | None, Field(alias="APPX_MAX_SESSION_COST", gt=0, allow_inf_nan=False)] = None
    """How many US dollars one session may cost, for example `5`. Without one, there is no limit."""

    max_day_cost: Annotated[float | None, Field(alias="APPX_MAX_DAY_COST", gt=0, allow_inf_nan=False)] = None
    """How many US dollars all sessions and apps together may cost in a day of UTC."""

    max_session_tokens: Annotated[int | None, Field(alias="APPX_MAX_SESSION_TOKENS", ge=1)] = None
    """How many tokens one session may take, all kinds together: for models whose price is not known."""

    max_day_tokens: Annotated[int | None, Field(alias="APPX_MAX_DAY_TOKENS", ge=1)] = None
    """How many tokens all sessions and apps together may take in a day of UTC."""

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

    egress: Annotated[Policy, Field(alias="APPX_EGRESS")] = "open"
    """What projects may reach, unless they say so themselves: `open` (public addresses), `list` (hosts) or `none`."""

    egress_hosts: Annotated[str, Field(alias="APPX_EGRESS_HOSTS"), AfterValidator(_hosts)] = INDEXES
    """The hosts of `list`, with commas between them; `*.example.com` stands for all below example.com."""

    egress_private: Annotated[str | None, Field(alias="APPX_EGRESS_PRIVATE"), AfterValidator(_networks)] = None
    """Private ranges that projects may reach under `open`, with commas between them, for example `10.1.0.0/16`."""

    egress_socket: Annotated[Path | None, Field(alias="APPX_EGRESS_SOCKET")] = None
    """The unix socket by which the rules of egress are set. Without one, nothing is refused (`--local` only)."""

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
    def host_names(self) -> tuple[str, ...]:
        """The names of ``hosts``, in lower case."""
        return _parts((self.hosts or "").lower())

    @property
    def origins(self) -> tuple[str, ...]:
        """Those of ``cors_origins``."""
        return _parts(self.cors_origins or "")

    @property
    def default_egress(self) -> Egress:
        """Of projects without a policy of their own."""
        return Egress(policy=self.egress, hosts=checked_hosts(self.egress_hosts.split(",")))

    @property
    def template_dirs(self) -> tuple[Path, ...]:
        """The directory of ``template_dir``, if there is one."""
        return () if self.template_dir is None else (self.template_dir,)

    @property
    def skill_dirs(self) -> tuple[Path, ...]:
        """The directories of ``skill_paths``."""
        return tuple(Path(each) for each in (self.skill_paths or "").split(":") if each)


SECRETS = {
    str(field.alias): name
    for name, field in Settings.model_fields.items()
    if field.annotation is not None and SecretStr in get_args(field.annotation)
}
"""The variables that hold a secret, and the names of their fields. Each may be given as NAME_FILE, too."""


def _parts(value: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in value.split(",") if each.strip())


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Check all of it before anything starts. An empty variable counts as not set.

    Where the environment says NAME_FILE of a secret, the file is read.

    Raises Misconfigured with one sentence for each variable that is wrong.
    """
    given = {name: value for name, value in environment.items() if value.strip()}
    known = {field.alias for field in Settings.model_fields.values()} | OUTSIDE
    problems = [
        f"{name} is not a setting of appx. `appx settings` lists them." for name in sorted(given)
        if name.startswith(PREFIX) and name not in known
    ]  # fmt: skip
    given, unread = read_secret_files(given, SECRETS, apart="APPX_WORKBENCH_SOCKET" in given)
    problems += unread
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
        file = f" Or `{field.alias}{SUFFIX}`: a file that holds it." if field.alias in SECRETS else ""
        lines.append(f"| `{field.alias}` | {default} | {' '.join((field.description or '').split())}{file} |")
    return "\n".join(lines) + "\n"
