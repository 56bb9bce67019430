"""The route of a project's MCP servers."""

from typing import Self

from fastapi import APIRouter

from appx.domain.ids import ProjectId
from appx.http.bodies import Answer
from appx.http.parts import Here
from appx.workbench.mcp.shapes import McpServer, McpServers, State

routes = APIRouter(prefix="/v1/projects", tags=["projects"])


class McpToolInfo(Answer):
    name: str
    """As the model calls it."""
    tool: str
    """As its server calls it."""
    description: str


class McpServerInfo(Answer):
    name: str
    state: State
    error: str | None = None
    """Why it failed, or what of it cannot be used."""
    tools: list[McpToolInfo]

    @classmethod
    def of(cls, found: McpServer) -> Self:
        tools = [McpToolInfo(name=each.name, tool=each.tool, description=each.description) for each in found.tools]
        return cls(name=found.name, state=found.state, error=found.error or None, tools=tools)


class ListMcpServersResponse(Answer):
    servers: list[McpServerInfo]
    problems: list[str]
    """Of the file itself."""

    @classmethod
    def of(cls, found: McpServers) -> Self:
        return cls(servers=[McpServerInfo.of(each) for each in found.servers], problems=list(found.problems))


@routes.get("/{id}/mcp", operation_id="listMcpServers", response_model_exclude_none=True)
async def list_mcp_servers(parts: Here, id: str) -> ListMcpServersResponse:  # noqa: A002  as in getProject
    """The MCP servers of a project, started if they do not run, with their tools."""
    project = await parts.projects.get(ProjectId(id))
    return ListMcpServersResponse.of(await parts.workbench.mcp_servers(project.id))
