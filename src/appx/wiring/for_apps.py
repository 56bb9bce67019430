"""The endpoint at which apps ask models: a listener of its own, on the loopback, apart from the API."""

import logging
import socket

import anyio
import uvicorn
from anyio.abc import TaskStatus
from typing_extensions import override

from appx.gateway.gateway import Gateway
from appx.http.llm.app import make_llm_app
from appx.http.llm.connections import LOOK_SECONDS, Watched
from appx.settings.settings import Settings
from appx.wiring.listening import listen
from appx.wiring.stopping import Uvicorn

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 2


def endpoint(settings: Settings, gateway: Gateway) -> "Endpoint | None":
    """None when there is to be none. Raises Misconfigured."""
    if not settings.llm_port:
        return None
    config = uvicorn.Config(
        make_llm_app(gateway),
        http=Watched,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the address of the other end tells who asks
        timeout_keep_alive=int(2 * LOOK_SECONDS),  # ``Watched`` breaks idle ones off before
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="off",
    )
    return Endpoint(config, listen(LOOPBACK, settings.llm_port, variables="APPX_LLM_PORT"), gateway)


class Endpoint(Uvicorn):
    """Serves until ``stop`` or a cancellation; what runs then is broken off, and booked."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, gateway: Gateway) -> None:
        super().__init__(config)
        self._listener = listener
        self._gateway = gateway
        self._stopped = anyio.Event()
        self._told: TaskStatus[None] = anyio.TASK_STATUS_IGNORED

    async def serve_and_tell(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        self._told = task_status
        try:
            await self.serve([self._listener])
        finally:
            self._stopped.set()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        logger.info("apps may ask models at %s:%d, where a person lets them", *self._listener.getsockname())
        self._told.started()

    async def stop(self) -> None:
        self._gateway.stop()
        self.should_exit = True
        await self._stopped.wait()
