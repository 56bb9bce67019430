"""The route that reads the audit log."""

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from appx.audit.rows import Entry
from appx.http.bodies import Answer
from appx.http.parts import Here

LIMIT = 100
MOST = 1_000

routes = APIRouter(prefix="/v1/audit", tags=["service"])


class AuditEntry(Answer):
    """``status``: of the answer; not there while it is under way, and when the server ended before it. ``count``: how
    often somebody was refused in that minute; else 1.
    """

    id: int
    time: str
    who: str
    address: str
    action: str
    path: str
    project_id: Annotated[str | None, Field(alias="project")] = None
    session_id: Annotated[str | None, Field(alias="session")] = None
    status: int | None = None
    count: int

    @classmethod
    def of(cls, entry: Entry) -> Self:
        deed = entry.deed
        return cls(
            id=entry.id,
            time=deed.at,
            who=deed.who,
            address=deed.address,
            action=deed.action,
            path=deed.path,
            project_id=deed.project,
            session_id=deed.session,
            status=deed.status,
            count=deed.count,
        )


class AuditResponse(Answer):
    """``next``: for ``before``, when there are older entries."""

    entries: list[AuditEntry]
    next: int | None = None


@routes.get("", operation_id="listAudit", response_model_exclude_none=True)
async def list_audit(
    parts: Here,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many, the newest.")] = LIMIT,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only entries older than this one.")] = None,
    action: Annotated[str | None, Query(max_length=100, description="Only this action, or its first words.")] = None,
) -> AuditResponse:
    """Who changed what, who logged in, and who was refused: the newest first."""
    found = await parts.audit.page(limit=limit + 1, before=before, action=action)
    shown = found[:limit]
    return AuditResponse(
        entries=[AuditEntry.of(each) for each in shown], next=shown[-1].id if len(found) > limit else None
    )
