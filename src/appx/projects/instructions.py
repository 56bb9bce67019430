"""The instructions of a project: from which files, and which goes before which."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from appx.agent.prompt import MAX_FILE, ContextFile, base_prompt, cut
from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.projects.prompt_files import of_project, of_server, of_workspace
from appx.workbench.bench import Workbench

OVERRIDE = ".pi/AGENTS.md"
NAMES = ("AGENTS.md", "CLAUDE.md")
SYSTEM = "SYSTEM.md"
APPEND = "APPEND_SYSTEM.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """Of one project, as they are now. ``global_prompt``: ``.pi-global/AGENTS.md``; other files are beside it.

    A file of the project that is there and cannot be read is said to be so in its place.
    """

    workbench: Workbench
    project: ProjectId
    workspace: Path
    global_prompt: Path

    async def base(self) -> str:
        """The project's own, else the workspace's, else ours. An empty file counts as none."""
        try:
            own = await self._read(f".pi/{SYSTEM}")
        except Invalid as error:
            return f"{base_prompt()}\n({_unread(f'.pi/{SYSTEM}', error)})"
        found = own if own and own.text.strip() else await self._shared(self.global_prompt.with_name(SYSTEM))
        return found.text if found and found.text.strip() else base_prompt()

    async def added(self) -> list[str]:
        """To the base: the workspace's, then the project's."""
        found = (await self._shared(self.global_prompt.with_name(APPEND)), await self._own(f".pi/{APPEND}"))
        return [file.text for file in found if file is not None]

    async def context(self) -> list[ContextFile]:
        """From general to particular. A project's own ``.pi/AGENTS.md`` stands in the place of the global one."""
        general = await self._own(OVERRIDE) or await self._shared(self.global_prompt)
        shared = await _first(self._open)
        found = (general, shared, await _first(self._own))
        return [file for file in found if file is not None]

    async def _own(self, path: str) -> ContextFile | None:
        try:
            return await self._read(path)
        except Invalid as error:
            return ContextFile(path=path, text=f"({_unread(path, error)})")

    async def _read(self, path: str) -> ContextFile | None:
        return _file(path, await of_project(self.workbench, self.project, path, limit=MAX_FILE + 1))

    async def _open(self, name: str) -> ContextFile | None:
        path = self.workspace / name
        return _file(str(path), await of_workspace(path, limit=MAX_FILE + 1))

    async def _shared(self, path: Path) -> ContextFile | None:
        return _file(str(path), await of_server(path, limit=MAX_FILE + 1))


async def _first(read: Callable[[str], Awaitable[ContextFile | None]]) -> ContextFile | None:
    for name in NAMES:
        found = await read(name)
        if found is not None:
            return found
    return None


def _unread(path: str, error: Invalid) -> str:
    return f"{path} could not be read: {error}"


def _file(path: str, data: bytes | None) -> ContextFile | None:
    return None if data is None else ContextFile(path=path, text=cut(path, data))
