"""A project on the disk, and the tools that search it with the real programs."""

import subprocess
from pathlib import Path

from appx.domain.ids import CallId, ProjectId
from appx.domain.messages import ToolCall, ToolResult
from appx.tools.find import find
from appx.tools.grep import grep
from appx.tools.ls import ls
from appx.tools.tool import Toolbox
from appx.wiring.benches import PATH, environment
from appx.workbench.local import LocalBench

SHOP = ProjectId("shop")


def bench(workspace: Path, *, path: str = PATH) -> LocalBench:
    return LocalBench(workspace=workspace, environment=environment(path), outputs=workspace / ".outputs")


def project(workspace: Path, files: dict[str | bytes, str | bytes]) -> Path:
    """A git repository with these files; names that are bytes need not be UTF-8."""
    root = workspace / SHOP
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    for name, content in files.items():
        file = root / (name if isinstance(name, str) else name.decode(errors="surrogateescape"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


async def call(
    workspace: Path, name: str, arguments: dict[str, object] | None = None, *, path: str = PATH
) -> ToolResult:
    """As the agent does: by name, with what the model sent."""
    workbench = bench(workspace, path=path)
    root = str(workspace / SHOP)
    tools = Toolbox(tuple(tool(workbench, SHOP, root) for tool in (grep, find, ls)))
    return await tools.run(ToolCall(id=CallId("c1"), name=name, arguments=arguments or {}), lambda _: None)


def programs(folder: Path, *names: str) -> str:
    """A PATH with these programs and no others."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return str(folder)
