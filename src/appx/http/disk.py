"""The route of what a project takes of the disk."""

from collections.abc import Mapping
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field

from appx.apps.disks import Measured
from appx.http.bodies import Answer
from appx.http.parts import Here, ThisProject
from appx.kit import clock

routes = APIRouter(prefix="/v1/projects/{projectId}", tags=["apps"])

MOST_LISTED = 100
"""Containers and volumes, each."""


class Sized(Answer):
    name: str
    size: int


class DiskResponse(Answer):
    """Bytes."""

    used: int
    """All of it."""
    limit: int | None = None
    """What it may take for a deploy to build."""
    directory: int
    images: int
    """The base images, those of releases, and layers of builds."""
    containers: list[Sized]
    """What each wrote; those of the agent are among them. The largest first."""
    volumes: list[Sized]
    other: int
    """Caches and temporary files of its account."""
    whole: bool
    """False where projects share an account: then only the directory is measured."""
    measured_at: Annotated[str, Field(alias="measuredAt")]

    @classmethod
    def of(cls, found: Measured, limit: int | None) -> Self:
        disk = found.disk
        return cls(
            used=disk.total,
            limit=limit,
            directory=disk.directory,
            images=disk.images,
            containers=_largest(disk.containers),
            volumes=_largest(disk.volumes),
            other=disk.other,
            whole=disk.whole,
            measured_at=clock.iso(found.at),
        )


@routes.get("/disk", operation_id="getDisk", response_model_exclude_none=True)
async def get_disk(parts: Here, project: ThisProject) -> DiskResponse:
    """What the project takes, measured within the last minute."""
    return DiskResponse.of(await parts.disks.used(project.id), parts.disks.limit)


def _largest(sizes: Mapping[str, int]) -> list[Sized]:
    ordered = sorted(sizes.items(), key=lambda each: (-each[1], each[0]))[:MOST_LISTED]
    return [Sized(name=name, size=size) for name, size in ordered]
