"""A transport of httpx2 that connects only where ``reach`` allows it, to the very address that was looked at."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2
from typing_extensions import override

from appx.models.reach import Lookup, Network, look_up, reachable


class ProviderTransport(httpx2.AsyncBaseTransport):
    """For what was added over the API: straight to where it is, or through the proxy of the environment.

    A proxy looks names up by itself. So behind one a name is only looked at before, where this machine knows it, and
    what else it may reach is for the proxy to say.
    """

    def __init__(self, allowed: Sequence[Network], *, lookup: Lookup = look_up) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._direct = CheckedTransport(allowed, lookup=lookup)
        self._proxies = {
            scheme: httpx2.AsyncHTTPTransport(proxy=proxy if "://" in proxy else f"http://{proxy}")
            for scheme, proxy in getproxies().items()
            if scheme in {"http", "https", "all"}
        }

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        proxy = self._proxies.get(request.url.scheme, self._proxies.get("all"))
        if proxy is None or proxy_bypass(request.url.host):
            return await self._direct.handle_async_request(request)
        with suppress(OSError):
            await reachable(request.url.host, request.url.port or 0, self._allowed, self._lookup)
        return await proxy.handle_async_request(request)

    @override
    async def aclose(self) -> None:
        for each in (self._direct, *self._proxies.values()):
            await each.aclose()


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Every connection is checked, so redirections and names that change their address are, too. TLS still proves the
    name.
    """

    def __init__(self, allowed: Sequence[Network], *, lookup: Lookup = look_up) -> None:
        super().__init__()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=1_000,
            max_keepalive_connections=100,
            keepalive_expiry=5.0,
            network_backend=_Checked(allowed, lookup),
        )


class _Checked(httpcore2.AsyncNetworkBackend):
    def __init__(self, allowed: Sequence[Network], lookup: Lookup) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._inner = httpcore2.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            address = await reachable(host, port, self._allowed, self._lookup)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} has no address: {error.strerror}") from error
        return await self._inner.connect_tcp(
            address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
        )

    @override
    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
