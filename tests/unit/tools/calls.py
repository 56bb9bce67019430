"""Calls a tool as the agent does: by name, with what the model sent."""

from appx.domain.ids import CallId, ProjectId
from appx.domain.messages import ToolCall, ToolResult
from appx.tools.bash import bash
from appx.tools.edit import edit
from appx.tools.read import read
from appx.tools.tool import Show, Toolbox
from appx.tools.write import write
from tests.fakes.bench import FakeBench

PROJECT = ProjectId("demo")


def toolbox(bench: FakeBench) -> Toolbox:
    return Toolbox((read(bench, PROJECT), write(bench, PROJECT), edit(bench, PROJECT), bash(bench, PROJECT)))


async def call(bench: FakeBench, name: str, arguments: dict[str, object], show: Show = lambda _: None) -> ToolResult:
    return await toolbox(bench).run(ToolCall(id=CallId("c1"), name=name, arguments=arguments), show)
