"""The HTTP connections to providers, kept open between requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appx.models.reach import Network

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
    """Each client is made when a provider is first asked by it. Close them in the event loop that used them.

    ``free``: for what the operator set; it connects anywhere. ``checked``: for what was added over the API; beside the
    internet it reaches the networks of ``allowed``.
    """

    patience: Patience
    allowed: Sequence[Network] = ()
    free: "httpx2.AsyncClient | None" = None
    checked: "httpx2.AsyncClient | None" = None

    async def aclose(self) -> None:
        clients = (self.free, self.checked)
        self.free = self.checked = None
        for each in clients:
            if each is not None:
                await each.aclose()
