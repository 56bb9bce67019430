"""The rules of the kernel around an account: set, and asked for what they refused, by the root-side script."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import anyio

from appx.domain.egress import Policy
from appx.domain.errors import Unavailable
from appx.egress.refused import DAY, Refusal
from appx.kit.unix_socket import connect

SECONDS = 20.0
MAX_ANSWER = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``socket``: that of the service ``egress-rules``, which only the server may ask."""

    socket: Path

    async def apply(self, account: str, policy: Policy) -> None:
        """At once, and for open connections, too. Raises Unavailable."""
        await self._ask(f"policy {account} {policy}")

    async def lease(self, account: str, ports: Iterable[int]) -> None:
        """These of the published ports lead to it from now on, and no others. Raises Unavailable."""
        await self._ask(f"ports {account} {','.join(map(str, ports)) or 'none'}")

    async def refusals(self, account: str) -> list[Refusal]:
        """Of the last day. Raises Unavailable."""
        return listed(await self._ask(f"refusals {account}"), now=time.time())

    async def _ask(self, line: str) -> str:
        try:
            with anyio.fail_after(SECONDS):
                async with await connect(self.socket) as stream:
                    await stream.send(f"{line}\n".encode())
                    answer = b""
                    async for chunk in stream:
                        answer += chunk
                        if len(answer) > MAX_ANSWER:
                            break
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                f"The rules for what may leave cannot be reached: {str(error) or 'no answer in time'}."
            ) from error
        text = answer.decode(errors="replace")
        if not text.endswith("ok\n"):
            raise Unavailable(f"The rules for what may leave were not set: {text[-500:].strip() or 'no answer'}.")
        return text.removesuffix("ok\n")


def listed(text: str, *, now: float) -> list[Refusal]:
    """From what ``nft --json list set`` prints, an object on each line. Pure."""
    found = []
    for line in text.splitlines():
        for part in json.loads(line)["nftables"]:
            found += [_refusal(each["elem"], now) for each in part.get("set", {}).get("elem", ())]
    return found


def _refusal(element: dict[str, object], now: float) -> Refusal:
    val, counter, expires = element["val"], element["counter"], element["expires"]
    assert isinstance(val, dict)
    assert isinstance(counter, dict)
    assert isinstance(expires, int)
    to, protocol, port = val["concat"]
    return Refusal(to=to, protocol=protocol, port=port, count=counter["packets"], last=now - (DAY - expires))
