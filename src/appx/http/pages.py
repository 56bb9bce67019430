"""Long lists in pages: ``?limit=`` and ``?before=``. Without them everything is answered, as the contract has it."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from fastapi import Query

from appx.domain.conversation import messages
from appx.domain.events import Record
from appx.domain.ids import ProjectId

MOST = 10_000

Limit: TypeAlias = Annotated[int | None, Query(ge=1, le=MOST, description="At most so many, the newest.")]
BeforeSession: TypeAlias = Annotated[
    str | None, Query(max_length=64, description="Only sessions that are older than the one of this id.")
]
BeforeProject: TypeAlias = Annotated[
    ProjectId | None, Query(max_length=64, description="Only projects that are older than the one of this id.")
]
BeforeRecord: TypeAlias = Annotated[
    int | None, Query(ge=1, description="Only what was said before the record of this number.")
]


def page(records: Sequence[Record], *, limit: int | None, before: int | None) -> tuple[Sequence[Record], int | None]:
    """The newest ``limit`` records that say something, of those before ``before``; and where the rest ends, if any.

    Numbers have no gap, so the record of a number stands one place below it.
    """
    end = len(records) if before is None else min(before - 1, len(records))
    if limit is None:
        return records[:end], None
    said = 0
    for place in range(end - 1, -1, -1):
        if not messages([records[place].event]):
            continue
        if said == limit:
            return records[place + 1 : end], place + 2
        said += 1
    return records[:end], None
