"""The HTTP connections to providers, kept open between requests."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

IDLE_SECONDS = 180.0
"""How long a provider may be silent: before the first piece and between two pieces."""


@dataclass(slots=True, kw_only=True)
class Connections:
    """``http`` is made when a provider is first asked. Close it in the event loop that used it."""

    idle_seconds: float = IDLE_SECONDS
    http: "httpx2.AsyncClient | None" = None

    async def aclose(self) -> None:
        http, self.http = self.http, None
        if http is not None:
            await http.aclose()
