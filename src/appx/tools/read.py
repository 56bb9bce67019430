"""``read``: show the model a file of the project."""

from base64 import b64encode
from functools import partial

from anyio import to_thread
from pydantic import BaseModel, Field

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.domain.messages import Image, ToolResult
from appx.tools.arguments import Place
from appx.tools.clip import MAX_BYTES, MAX_FILE, MAX_LINES, amount
from appx.tools.page import page
from appx.tools.picture import media_type_of, picture
from appx.tools.tool import Show, Tool
from appx.workbench.bench import Workbench

MAX_PICTURE = 5 * 1024 * 1024 // 4 * 3
"""Bytes. Anthropic refuses a picture of more than 5 MiB in base64, and with it every later request of the session."""

MAX_SIDE = 8_000
"""Pixels; the same reason."""


class ReadArgs(BaseModel):
    path: Place = Field(description="The file, relative to the project's directory.")
    offset: int | None = Field(default=None, ge=1, description="The first line to show, counted from 1.")
    limit: int | None = Field(default=None, ge=1, description="How many lines to show.")


def read(workbench: Workbench, project: ProjectId) -> Tool[ReadArgs]:
    async def run(args: ReadArgs, _show: Show) -> ToolResult:
        data = await workbench.read(project, args.path, limit=MAX_FILE + 1)
        found = attached(args.path, data)
        if found is not None:
            return found
        cut = partial(page, args.path, data, offset=args.offset or 1, limit=args.limit or MAX_LINES)
        return ToolResult(ok=True, text=await to_thread.run_sync(cut))  # 10 MiB are decoded

    return Tool(
        name="read",
        description=(
            f"Show a text file, at most {MAX_LINES:,} lines or {MAX_BYTES // 1024} KiB at once; "
            "the result says how to go on. Pictures (png, jpg, gif, webp) are attached."
        ),
        args=ReadArgs,
        run=run,
    )


def attached(path: str, data: bytes) -> ToolResult | None:
    """A picture as a result, None when it is none. Raises Invalid when it is damaged or a provider would refuse it."""
    if media_type_of(data) is None:
        return None
    check_size(path, len(data))
    found = picture(data)
    if found is None:
        return None
    side = max(found.width, found.height)
    if side > MAX_SIDE:
        raise Invalid(f"{path} is too large to attach: {side:,} pixels, at most {MAX_SIDE:,}. Make a smaller copy.")
    return ToolResult(
        ok=True,
        text=f"{path}: {found.media_type}, {found.width}x{found.height} pixels, {amount(len(data))}",
        images=(Image(data=b64encode(data).decode(), media_type=found.media_type),),
    )


def check_size(path: str, size: int) -> None:
    """Raises Invalid when a picture has too many bytes. What is more than MAX_FILE was not counted."""
    if size > MAX_PICTURE:
        told = amount(size) if size <= MAX_FILE else f"more than {amount(MAX_FILE)}"
        raise Invalid(f"{path} is too large to attach: {told}, at most {amount(MAX_PICTURE)}. Make a smaller copy.")
