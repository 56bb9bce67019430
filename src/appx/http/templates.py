"""The route of the templates that new projects can begin with."""

from typing import Self

from fastapi import APIRouter

from appx.http.bodies import Answer
from appx.http.parts import Here
from appx.projects.templates import Template

routes = APIRouter(prefix="/v1/templates", tags=["projects"])


class TemplateInfo(Answer):
    name: str
    description: str
    health: str | None = None
    """The path at which its app says that it is well: for the first deployment."""

    @classmethod
    def of(cls, found: Template) -> Self:
        return cls(name=found.name, description=found.description, health=found.health or None)


class ListTemplatesResponse(Answer):
    templates: list[TemplateInfo]


@routes.get("", operation_id="listTemplates", response_model_exclude_none=True)
async def list_templates(parts: Here) -> ListTemplatesResponse:
    """What a new project can begin with, by name."""
    return ListTemplatesResponse(templates=[TemplateInfo.of(each) for each in await parts.templates.list()])
