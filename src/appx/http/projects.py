"""The routes of projects."""

from fastapi import APIRouter

from appx.domain.ids import ProjectId
from appx.http.bodies import CreateProjectRequest, ErrorResponse, ListProjectsResponse, OkResponse, ProjectInfo
from appx.http.parts import Here

routes = APIRouter(prefix="/v1/projects", tags=["projects"])


@routes.post(
    "",
    operation_id="createProject",
    response_model_exclude_none=True,
    responses={400: {"model": ErrorResponse, "description": "The name does not yield a project id."}},
)
async def create_project(parts: Here, body: CreateProjectRequest) -> ProjectInfo:
    """Create a project, or get the one that has this name. With a deployment, replace the one that it had."""
    deployment = None if body.deployment is None else body.deployment.as_domain()
    return ProjectInfo.of(await parts.projects.create(body.name, deployment))


@routes.get("", operation_id="listProjects", response_model_exclude_none=True)
async def list_projects(parts: Here) -> ListProjectsResponse:
    """All projects, newest first."""
    return ListProjectsResponse(projects=[ProjectInfo.of(each) for each in await parts.projects.list()])


@routes.get(
    "/{id}",
    operation_id="getProject",
    response_model_exclude_none=True,
    responses={404: {"model": ErrorResponse, "description": "There is no such project."}},
)
async def get_project(parts: Here, id: str) -> ProjectInfo:  # noqa: A002  the contract's name
    """One project."""
    return ProjectInfo.of(await parts.projects.get(ProjectId(id)))


@routes.delete(
    "/{id}",
    operation_id="deleteProject",
    responses={404: {"model": ErrorResponse, "description": "There is no such project."}},
)
async def delete_project(parts: Here, id: str) -> OkResponse:  # noqa: A002  the contract's name
    """Delete a project with its sessions, its directory and all that it runs."""
    await parts.projects.delete(ProjectId(id))
    return OkResponse()
