"""``write``: make a file of the project, or replace it."""

from pydantic import BaseModel, Field

from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.tools.arguments import Place, Words
from appx.tools.clip import amount
from appx.tools.tool import Show, Tool
from appx.workbench.bench import Workbench


class WriteArgs(BaseModel):
    path: Place = Field(description="The file, relative to the project's directory.")
    content: Words = Field(description="All that the file shall hold.")


def write(workbench: Workbench, project: ProjectId) -> Tool[WriteArgs]:
    async def run(args: WriteArgs, _show: Show) -> ToolResult:
        data = args.content.encode()
        try:
            await workbench.read(project, args.path, limit=1)
        except NotFound:
            how = "a new file"
        else:
            how = "replaced"
        await workbench.write(project, args.path, data)
        return ToolResult(ok=True, text=f"Wrote {amount(len(data))} to {args.path} ({how}).")

    return Tool(
        name="write",
        description="Write a whole file; directories are made. To change a part of a file, use edit.",
        args=WriteArgs,
        run=run,
    )
