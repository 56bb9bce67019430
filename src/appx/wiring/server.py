"""A running server: the parts, their tasks, and how they stop."""

import logging
import socket

import anyio
import uvicorn
from anyio.abc import TaskStatus
from pydantic import SecretStr
from typing_extensions import override

from appx.apps.restore import keep_restored
from appx.domain.errors import Misconfigured
from appx.http.app import make_app
from appx.http.auth import Gate
from appx.http.parts import Parts
from appx.models.connections import Patience
from appx.models.litellm import LitellmSettings
from appx.models.registry import Models
from appx.projects.agents import Agents
from appx.projects.checkpoints import Checkpoints
from appx.projects.projects import Projects
from appx.projects.templates import Templates
from appx.sessions.sessions import Sessions
from appx.settings.settings import Settings
from appx.store.database import Database
from appx.wiring import state
from appx.wiring.stopping import Uvicorn, on_signal
from appx.workbench.bench import Workbench

logger = logging.getLogger(__name__)

STOP_SECONDS = 2
"""How long open requests may take once the server stops; streams end at once."""


class Server:
    """All parts, made but not running. Raises Misconfigured when the settings cannot work."""

    def __init__(self, settings: Settings, workbench: Workbench) -> None:
        self.settings = settings
        self.token = state.prepare(settings)
        self.models = _models(settings)
        self._database = Database(settings.state_dir / "appx.db")
        self._workbench = workbench
        self._agents = Agents(
            database=self._database,
            workbench=workbench,
            models=self.models,
            workspace=settings.workspace_dir,
            global_prompt=settings.state_dir / "AGENTS.md",
            runtime=settings.container_runtime,
            ports=settings.app_ports,
            max_steps=settings.max_steps,
            skill_dirs=settings.skill_dirs,
        )
        checkpoints = Checkpoints(workbench)
        self._sessions = Sessions(
            database=self._database,
            open_agent=self._agents.open,
            take_checkpoint=checkpoints.of_turn,
            limits=settings.limits,
        )
        self._projects = Projects(database=self._database, workbench=workbench, sessions=self._sessions)
        parts = Parts(
            templates=Templates(workbench=workbench, shared=settings.state_dir / "prompts"),
            projects=self._projects,
            sessions=self._sessions,
            checkpoints=checkpoints,
            models=self.models,
            workbench=workbench,
            gate=Gate(self.token),
            max_upload=settings.max_upload << 20,
        )
        config = uvicorn.Config(
            make_app(parts),
            host=settings.host,
            port=settings.port,
            access_log=False,  # it would show the codes of login links
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            lifespan="off",
        )
        self._web = _Web(config)
        self._listener = _listen(settings.host, settings.port)

    async def run(self, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until a signal or a cancellation; ``task_status`` is told the port when requests are answered."""
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._sessions.run)
                tasks.start_soon(keep_restored, self._workbench)
                tasks.start_soon(self._workbench.keep)
                tasks.start_soon(self._projects.run)
                tasks.start_soon(on_signal, self.stop)
                tasks.start_soon(self._web.serve_and_tell, self._listener, task_status)
                await self._web.stopping.wait()
                logger.info("stopping: turns end, streams close; apps go on running")
                await self._sessions.stop()
                self._web.should_exit = True
                await self._web.stopped.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self.models.aclose()
            self._database.close()

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


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"AGENT_SERVER_HOST, AGENT_SERVER_PORT: cannot listen on {host} port {port}: {error.strerror}. "
            "Choose another port, or stop the program that has it."
        ) from error


def _models(settings: Settings) -> Models:
    given: dict[str, SecretStr | None] = {
        "anthropic": settings.anthropic_api_key,
        "openai": settings.openai_api_key,
        "google": settings.gemini_api_key or settings.google_api_key,
        "litellm": settings.litellm_api_key,
    }
    proxy = LitellmSettings(
        base_url=settings.litellm_base_url,
        models_path=settings.litellm_models_path,
        default_model=settings.litellm_default_model,
        api=settings.litellm_api,
    )
    keys = {provider: key for provider, key in given.items() if key is not None}
    addresses = {"anthropic": settings.anthropic_base_url, "openai": settings.openai_base_url}
    return Models(
        state=settings.state_dir,
        keys=keys,
        addresses=addresses,
        proxy=proxy,
        logins=settings.logins_path,
        patience=Patience(silence=settings.model_silence, reply=settings.model_reply),
    )
