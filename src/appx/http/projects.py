"""The routes of projects."""

from fastapi import APIRouter

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.http.bodies import CreateProjectRequest, ListProjectsResponse, OkResponse, ProjectInfo
from appx.http.pages import BeforeProject, Limit
from appx.http.parts import Here, Parts
from appx.projects.beginnings import Beginning, FromGit, FromTemplate
from appx.projects.cloning import checked_address

routes = APIRouter(prefix="/v1/projects", tags=["projects"])


@routes.post("", operation_id="createProject", response_model_exclude_none=True)
async def create_project(parts: Here, body: CreateProjectRequest) -> ProjectInfo:
    """Create a project, or get the one that has this name. With a deployment, replace the one that it had.

    Only a new one gets the files of a template or an import: all of them, or there is no project.
    """
    deployment = None if body.deployment is None else body.deployment.as_domain()
    return ProjectInfo.of(await parts.projects.create(body.name, deployment, await _beginning(parts, body)))


@routes.get("", operation_id="listProjects", response_model_exclude_none=True)
async def list_projects(parts: Here, limit: Limit = None, before: BeforeProject = None) -> ListProjectsResponse:
    """The projects, newest first: all, or a page of them."""
    found = await parts.projects.list(limit=limit, before=before)
    return ListProjectsResponse(projects=[ProjectInfo.of(each) for each in found])


@routes.get("/{id}", operation_id="getProject", response_model_exclude_none=True)
async def get_project(parts: Here, id: str) -> ProjectInfo:  # noqa: A002  the contract's name
    """One project."""
    return ProjectInfo.of(await parts.projects.get(ProjectId(id)))


@routes.delete("/{id}", operation_id="deleteProject")
async def delete_project(parts: Here, id: str) -> OkResponse:  # noqa: A002  the contract's name
    """Delete a project with its sessions, its directory and all that it runs."""
    await parts.projects.delete(ProjectId(id))
    return OkResponse()


async def _beginning(parts: Parts, body: CreateProjectRequest) -> Beginning | None:
    if body.template is not None and body.import_ is not None:
        raise Invalid("A project begins with a template or with an import, not with both.")
    if body.template is not None:
        return FromTemplate(template=await parts.templates.get(body.template))
    return None if body.import_ is None else FromGit(address=checked_address(body.import_.git))
