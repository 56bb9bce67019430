"""How many bytes of pictures the results of one turn may hold: they stay in the memory and in the database."""

from dataclasses import dataclass, replace

from appx.domain.messages import ToolResult
from appx.tools.clip import amount

MAX_TURN_PICTURES = 20_000_000
"""Bytes; in base64 it is a third more. Providers take requests of about 30 MB."""


@dataclass(slots=True)
class Allowance:
    """What is ``left`` of it."""

    left: int = MAX_TURN_PICTURES

    def counted(self, result: ToolResult) -> ToolResult:
        """The result, without its pictures and with the reason when they are too many."""
        size = sum(len(image.data) // 4 * 3 for image in result.images)
        if size <= self.left:
            self.left -= size
            return result
        why = (
            f"not attached: {amount(size)} of pictures, and of the {amount(MAX_TURN_PICTURES)} of one turn "
            f"{amount(self.left)} are left. Make smaller copies, or end the turn and ask the person to prompt again"
        )
        return replace(
            result, ok=False, text="\n".join([*([result.text] if result.text else []), f"[{why}]"]), images=()
        )
