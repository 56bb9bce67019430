"""A project's files through the workbench's service: see ``tree_service`` for what is said."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from appx.domain.ids import ProjectId
from appx.workbench import tree_service as said
from appx.workbench import wire
from appx.workbench.answers import SILENCE_SECONDS, Answer
from appx.workbench.tree import Entry, Listing, Look, Opened, Span, Take, Unzipped, When


class Asked(Protocol):
    """A request to the service. Raises what the service answers, Unavailable when it does not."""

    def __call__(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        limit: float | None = None,
    ) -> AbstractAsyncContextManager[Answer]: ...


@dataclass(frozen=True, slots=True)
class RemoteTree:
    asked: Asked

    async def entries(self, project: ProjectId, look: Look) -> Listing:
        query = {"look": said.LOOK.dump_json(look).decode()}
        async with self.asked("GET", f"/projects/{project}/tree", query=query, limit=SILENCE_SECONDS) as answer:
            return await answer.read(said.LISTING)

    @asynccontextmanager
    async def open(self, project: ProjectId, path: str, span: Span | None = None) -> AsyncIterator[Opened]:
        query = {"path": path, "span": said.SPAN.dump_json(span).decode()}
        async with self.asked("GET", f"/projects/{project}/content", query=query) as answer:
            head = answer.head(said.OPENED, said.HEAD)
            entry = replace(head.entry, path=path)
            yield Opened(entry=entry, start=head.start, stop=head.stop, chunks=_at_most(head.stop - head.start, answer))

    async def put(self, project: ProjectId, path: str, data: AsyncIterable[bytes], when: When) -> Entry:
        query = {"path": path, "when": said.WHEN.dump_json(when).decode()}
        async with self.asked("PUT", f"/projects/{project}/content", query=query, content=data) as answer:
            return await answer.read(said.ENTRY)

    async def remove(self, project: ProjectId, path: str, *, recursive: bool) -> None:
        query = {"path": path, "recursive": _flag(recursive)}
        async with self.asked("DELETE", f"/projects/{project}/content", query=query, limit=SILENCE_SECONDS):
            pass

    async def move(self, project: ProjectId, path: str, to: str, *, replace: bool) -> Entry:
        query = {"path": path, "to": to, "replace": _flag(replace)}
        async with self.asked("POST", f"/projects/{project}/moved", query=query, limit=SILENCE_SECONDS) as answer:
            return await answer.read(said.ENTRY)

    async def zip(self, project: ProjectId, path: str, take: Take, *, everything: bool) -> None:
        query = {"path": path, "everything": _flag(everything)}
        async with self.asked("POST", f"/projects/{project}/zip", query=query) as answer:
            await wire.hand_over(answer.parts(), take)

    async def bundle(self, project: ProjectId, take: Take) -> None:
        async with self.asked("POST", f"/projects/{project}/bundle") as answer:
            await wire.hand_over(answer.parts(), take)

    async def unzip(
        self, project: ProjectId, path: str, data: AsyncIterable[bytes], *, replace: bool, unwrap: bool = False
    ) -> Unzipped:
        query = {"path": path, "replace": _flag(replace), "unwrap": _flag(unwrap)}
        async with self.asked("PUT", f"/projects/{project}/unzipped", query=query, content=data) as answer:
            return await answer.read(said.UNZIPPED)


async def _at_most(size: int, answer: Answer) -> AsyncIterator[bytes]:
    """What is more was never announced."""
    async for each in answer.parts():
        yield each[:size]
        size -= len(each)
        if size <= 0:
            return


def _flag(value: bool) -> str:  # noqa: FBT001
    return "1" if value else ""
