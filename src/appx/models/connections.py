"""The HTTP connections to providers, kept open between requests."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """``silence``: how many seconds a provider may send nothing, before the first piece and between two.
    ``reply``: how many one reply may take in all.
    """

    silence: float = 180.0
    reply: float = 3_600.0


@dataclass(slots=True, kw_only=True)
class Connections:
    """``http`` is made when a provider is first asked. Close it in the event loop that used it."""

    patience: Patience
    http: "httpx2.AsyncClient | None" = None

    async def aclose(self) -> None:
        http, self.http = self.http, None
        if http is not None:
            await http.aclose()
