"""The prompt templates of a project and of the workspace."""

from dataclasses import dataclass
from pathlib import Path

from appx.agent.prompt_template import called, expanded
from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.projects.prompt_files import of_project, of_server
from appx.workbench.bench import Workbench

MAX_TEMPLATE = 64 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplates:
    """``shared``: the workspace's directory of templates; a project's own, in ``.pi/prompts``, go before them."""

    workbench: Workbench
    shared: Path

    async def expand(self, project: ProjectId, prompt: str) -> str:
        """What a prompt means: the text of the template that it calls, else the prompt itself.

        Raises Invalid when the template is there and cannot be used, Unavailable when the workbench does not answer.
        """
        call = called(prompt)
        if call is None:
            return prompt
        path = f".pi/prompts/{call.name}.md"
        found = await of_project(self.workbench, project, path, limit=MAX_TEMPLATE + 1)
        if found is None:
            found = await of_server(self.shared / f"{call.name}.md", limit=MAX_TEMPLATE + 1)
        if found is None:
            return prompt
        if len(found) > MAX_TEMPLATE:
            raise Invalid(f"The prompt template {call.name}.md has more than {MAX_TEMPLATE:,} bytes. Make it shorter.")
        return expanded(found.decode(errors="replace"), call)
