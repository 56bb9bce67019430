"""A running server: the parts, their tasks, and how they stop."""

import logging
import resource
import socket
from pathlib import Path

import anyio
import uvicorn
from anyio import to_thread
from anyio.abc import TaskStatus
from pydantic import SecretStr
from starlette.types import ASGIApp
from typing_extensions import override

from appx.apps.restore import keep_restored
from appx.audit.log import AuditLog
from appx.domain.leases import ports_of
from appx.egress.rules import Rules
from appx.gateway.gateway import Gateway
from appx.http import connections
from appx.http.app import make_app
from appx.http.auth import Gate
from appx.http.parts import Parts
from appx.models.connections import Patience
from appx.models.litellm import LitellmSettings
from appx.models.reach import networks
from appx.models.registry import Models
from appx.podman.apps import Limits
from appx.projects.agents import Agents
from appx.projects.beginnings import Beginnings
from appx.projects.checkpoints import Checkpoints
from appx.projects.egress import EgressPolicies
from appx.projects.projects import Projects
from appx.projects.prompt_templates import PromptTemplates
from appx.projects.templates import BUILT_IN, Templates
from appx.sessions.sessions import Sessions
from appx.settings.handed import with_handed
from appx.settings.settings import Settings
from appx.store.database import Database
from appx.wiring import for_apps, state
from appx.wiring.egress import POLICIES, REFUSED
from appx.wiring.listening import listen
from appx.wiring.running import running
from appx.wiring.stopping import Uvicorn, on_signal
from appx.workbench.accounts import Accounts
from appx.workbench.bench import Workbench

logger = logging.getLogger(__name__)

OWN_FILES = 200
PROJECT_MEMORY = Path("/run/project-memory")
"""What PID 1 of the builder container worked out where no setting says it."""

STOP_SECONDS = 2
"""How long open requests may take once the server stops; streams end at once."""


class Server:
    """All parts, made but not running. Raises Misconfigured when the settings cannot work."""

    def __init__(self, settings: Settings, workbench: Workbench, accounts: Accounts) -> None:
        self.settings = settings
        self.token = state.prepare(settings)
        self.models = _models(settings)
        self._gate = Gate(self.token)
        self._database = Database(settings.state_dir / "appx.db")
        self._audit = AuditLog(self._database, days=settings.audit_days)
        self._workbench = workbench
        self._egress = _egress(settings, self._database)
        checkpoints = Checkpoints(workbench)
        self._running = running(
            settings, database=self._database, workbench=workbench, egress=self._egress, checkpoints=checkpoints
        )
        self._agents = self._new_agents()
        self._sessions = Sessions(
            database=self._database,
            open_agent=self._agents.open,
            take_checkpoint=checkpoints.of_turn,
            limits=settings.limits,
        )
        self._projects = Projects(
            database=self._database,
            accounts=accounts,
            sessions=self._sessions,
            egress=self._egress,
            end_apps=self._running.end,
            beginnings=Beginnings(workbench, checkpoints),
        )
        self._gateway = Gateway(database=self._database, models=self.models, limits=settings.limits)
        self._web = _Web(_config(settings, make_app(self._new_parts(checkpoints))))
        self._listener = listen(settings.host, settings.port, variables="AGENT_SERVER_HOST, AGENT_SERVER_PORT")
        self._for_apps = for_apps.endpoint(settings, self._gateway)

    def _new_parts(self, checkpoints: Checkpoints) -> Parts:
        settings = self.settings
        return Parts(
            prompt_templates=PromptTemplates(workbench=self._workbench, shared=settings.state_dir / "prompts"),
            templates=Templates((BUILT_IN, *settings.template_dirs)),
            projects=self._projects,
            apps=self._running.apps,
            rollouts=self._running.rollouts,
            variables=self._running.variables,
            visits=self._running.visits,
            disks=self._running.disks,
            sessions=self._sessions,
            checkpoints=checkpoints,
            models=self.models,
            workbench=self._workbench,
            gateway=self._gateway,
            egress=self._egress,
            gate=self._gate,
            audit=self._audit,
            max_upload=settings.max_upload << 20,
            read_secrets=self.read_secrets,
            hosts=settings.host_names,
            origins=settings.origins,
            project_limits=_project_limits(settings),
        )

    def _new_agents(self) -> Agents:
        settings = self.settings
        return Agents(
            database=self._database,
            workbench=self._workbench,
            models=self.models,
            workspace=settings.workspace_dir,
            global_prompt=settings.state_dir / "AGENTS.md",
            runtime=settings.container_runtime,
            ports=settings.app_ports,
            max_steps=settings.max_steps,
            skill_dirs=settings.skill_dirs,
            egress=self._egress,
            apps=self._running.apps,
            rollouts=self._running.rollouts,
        )

    async def run(self, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until a signal or a cancellation; ``task_status`` is told the port when requests are answered."""
        try:
            async with anyio.create_task_group() as tasks:
                await self._projects.introduce()
                await self._gateway.start()
                await tasks.start(self._sessions.run)
                if self._for_apps is not None:
                    await tasks.start(self._for_apps.serve_and_tell)
                await tasks.start(self._running.run)
                tasks.start_soon(keep_restored, self._workbench)
                await tasks.start(self._workbench.keep)
                tasks.start_soon(self._audit.run)
                tasks.start_soon(self._projects.run)
                tasks.start_soon(self._egress.run)
                tasks.start_soon(on_signal, self.stop)
                tasks.start_soon(self._web.serve_and_tell, self._listener, task_status)
                await self._web.stopping.wait()
                logger.info("stopping: turns end, streams close; apps go on running")
                await self._end_work()
                self._web.should_exit = True
                await self._web.stopped.wait()
                if self._for_apps is not None:
                    await self._for_apps.stop()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self.models.aclose()
                await self._audit.close()
            self._database.close()

    async def _end_work(self) -> None:
        await self._sessions.stop()
        await self._running.visits.stop()

    async def read_secrets(self) -> None:
        """Take what ``run.sh`` has handed over meanwhile, without a restart. Raises Misconfigured."""
        token = await to_thread.run_sync(state.token, self.settings)
        self.models.replace_environment(await to_thread.run_sync(_keys, self.settings))
        self._gate.renew(token)
        self.token = token

    def stop(self) -> None:
        """Begin to stop; ``run`` returns when all is stored and closed."""
        self._web.stopping.set()


class _Web(Uvicorn):
    """uvicorn, told by us when to stop: it would first wait for the streams, which end only when we say so."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = anyio.Event()
        self.stopped = anyio.Event()
        self._told: TaskStatus[int] = anyio.TASK_STATUS_IGNORED

    async def serve_and_tell(self, listener: socket.socket, told: TaskStatus[int]) -> None:
        self._told = told
        try:
            await self.serve([listener])
        finally:
            self.stopping.set()
            self.stopped.set()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        host, port = sockets[0].getsockname()[:2]
        logger.info("listening on %s port %d", host, port)
        self._told.started(port)


def _project_limits(settings: Settings) -> Limits:
    """The workbench of each account sets them; without one of its own, nobody does."""
    if settings.workbench_socket is None:
        return Limits()
    memory = given_memory(PROJECT_MEMORY) if settings.project_memory is None else settings.project_memory << 20
    return Limits(memory=memory, processes=settings.project_processes, cpus=settings.project_cpus)


def given_memory(file: Path) -> int | None:
    """Of each project, in bytes; None where nothing is held."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=connections.protocol(_most(settings)),  # type: ignore[arg-type]  # it is called, whatever it is
        ws=connections.Socket,
        ws_max_size=connections.MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_timeout=connections.PING_SECONDS,
        access_log=False,  # it would show the codes of login links
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=connections.KEPT_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="off",
    )


def _most(settings: Settings) -> int:
    """Connections. Files of the server's own need room among those that it may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return settings.max_connections if files < 0 else max(4, min(settings.max_connections, files - OWN_FILES))


def _keys(settings: Settings) -> dict[str, SecretStr]:
    """By provider: of the environment, and what ``run.sh`` handed over. Raises Misconfigured."""
    known = with_handed(settings)
    given: dict[str, SecretStr | None] = {
        "anthropic": known.anthropic_api_key,
        "openai": known.openai_api_key,
        "google": known.gemini_api_key or known.google_api_key,
        "litellm": known.litellm_api_key,
    }
    return {provider: key for provider, key in given.items() if key is not None}


def _egress(settings: Settings, database: Database) -> EgressPolicies:
    return EgressPolicies(
        database=database,
        default=settings.default_egress,
        rules=None if settings.egress_socket is None else Rules(socket=settings.egress_socket),
        policies=POLICIES,
        refused=REFUSED,
        published=ports_of(settings.app_ports),
    )


def _models(settings: Settings) -> Models:
    proxy = LitellmSettings(
        base_url=settings.litellm_base_url,
        models_path=settings.litellm_models_path,
        default_model=settings.litellm_default_model,
        api=settings.litellm_api,
    )
    addresses = {"anthropic": settings.anthropic_base_url, "openai": settings.openai_base_url}
    return Models(
        state=settings.state_dir,
        keys=_keys(settings),
        addresses=addresses,
        proxy=proxy,
        logins=settings.logins_path,
        allowed=networks(settings.provider_networks or ""),
        patience=Patience(silence=settings.model_silence, reply=settings.model_reply),
    )
