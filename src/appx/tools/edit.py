"""``edit``: change parts of a file of the project."""

import json
from collections.abc import Sequence
from typing import Annotated

from anyio import to_thread
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from appx.domain.errors import Invalid, TooLarge
from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.tools.arguments import Place, Words
from appx.tools.changes import Edit, Plan, apply, plan
from appx.tools.clip import MAX_FILE, amount, head
from appx.tools.diff import unified
from appx.tools.page import BOM
from appx.tools.sniff import binary_type
from appx.tools.tool import Show, Tool
from appx.workbench.bench import Workbench

MAX_EDITS = 1_000


class Replacement(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    old_text: Words = Field(alias="oldText", description="Text of the file. It must be there exactly once.")
    new_text: Words = Field(alias="newText", description="What stands there afterwards. Empty: it is removed.")


def _parsed(edits: object) -> object:
    """Some models send the list as a string of JSON."""
    try:
        return json.loads(edits) if isinstance(edits, str) else edits
    except (ValueError, RecursionError):
        return edits


class EditArgs(BaseModel):
    path: Place = Field(description="The file, relative to the project's directory.")
    edits: Annotated[list[Replacement], BeforeValidator(_parsed)] = Field(
        min_length=1,
        max_length=MAX_EDITS,
        fail_fast=True,  # a problem for each of a million would fill the memory
        description="Each is looked for in the file as it is before the call. They must not overlap.",
    )


def edit(workbench: Workbench, project: ProjectId) -> Tool[EditArgs]:
    async def run(args: EditArgs, _show: Show) -> ToolResult:
        data = await workbench.read(project, args.path, limit=MAX_FILE + 1)
        edits = [Edit(old=each.old_text, new=each.new_text) for each in args.edits]
        # It is pure and takes some seconds at most: whoever ends the turn need not wait for it.
        after, told = await to_thread.run_sync(edited, args.path, data, edits, abandon_on_cancel=True)
        await workbench.write(project, args.path, after)
        return ToolResult(ok=True, text=told)

    return Tool(
        name="edit",
        description=(
            "Replace texts of a file; get a diff. Take oldText from the file as read shows it, "
            "with just enough around it to be unique. Put all changes of one file into one call."
        ),
        args=EditArgs,
        run=run,
    )


def edited(path: str, data: bytes, edits: Sequence[Edit]) -> tuple[bytes, str]:
    """The file afterwards, and what the model is told. Pure. Raises Invalid or TooLarge."""
    text = _text(path, data)
    found = plan(text, edits)
    mark = BOM if data.startswith(BOM) else b""
    return mark + apply(text, found.changes).encode(), _told(path, text, found, len(edits))


def _text(path: str, data: bytes) -> str:
    """Without the byte order mark."""
    if len(data) > MAX_FILE:
        raise TooLarge(f"{path} is too large to edit: more than {amount(MAX_FILE)}. Use sed or a script in bash.")
    kind = binary_type(data)
    if kind is not None:
        raise Invalid(f"{path} is binary ({kind}), so it cannot be edited. Use a program that knows the type, in bash.")
    try:
        return data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = "Use sed in bash, or convert it with iconv first."
        raise Invalid(f"{path} is not UTF-8 (line {line:,}), so it cannot be edited. {what}") from None


def _told(path: str, text: str, found: Plan, count: int) -> str:
    edits = "1 edit" if count == 1 else f"{count} edits"
    told = [f"Changed {path}: {edits}."]
    if found.tolerant:
        which = ("edit " if len(found.tolerant) == 1 else "edits ") + ", ".join(map(str, found.tolerant))
        told.append(
            f"[{which} matched only with white space at line ends, quotes, dashes or Unicode forms disregarded]"
        )
    return "\n".join([*told, head(unified(path, text, found.changes), "lines of the diff")])
