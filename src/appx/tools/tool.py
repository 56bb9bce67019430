"""What a tool is, and the toolbox that a turn works with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from appx.domain.errors import AppxError
from appx.domain.messages import ToolCall, ToolResult, ToolSpec
from appx.tools.allowance import Allowance

Args = TypeVar("Args", bound=BaseModel)

Show: TypeAlias = Callable[[str], None]
"""Show people the output so far (the newest tail). Nothing is stored."""

MAX_NAME = 100
"""Characters that are repeated of a name that no tool has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Generic[Args]):
    """A tool is a value: what the model is told, the type of the arguments, what runs.

    ``schema`` is told instead of that of ``args`` when somebody else checks the arguments.
    """

    name: str
    description: str
    args: type[Args]
    run: Callable[[Args, Show], Awaitable[ToolResult]]
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Runs the calls of one turn by name. Every failure that the model can learn from is a result."""

    tools: tuple[Tool[Any], ...]
    pictures: Allowance = field(default_factory=Allowance, compare=False)

    @property
    def specs(self) -> list[ToolSpec]:
        return [
            ToolSpec(
                name=tool.name,
                description=tool.description,
                schema=tool.args.model_json_schema() if tool.schema is None else tool.schema,
            )
            for tool in self.tools
        ]

    async def run(self, call: ToolCall, show: Show) -> ToolResult:
        tool = next((tool for tool in self.tools if tool.name == call.name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in self.tools)
            return ToolResult(ok=False, text=f"There is no tool {call.name[:MAX_NAME]!r}. There are: {names}.")
        if call.problem:
            return ToolResult(ok=False, text=f"The arguments cannot be read: {call.problem}. Send them again.")
        try:
            return self.pictures.counted(await tool.run(tool.args.model_validate(call.arguments), show))
        except ValidationError as error:
            return ToolResult(ok=False, text=_fields(call.name, error))
        except AppxError as error:
            return ToolResult(ok=False, text=str(error))


def _fields(tool: str, error: ValidationError) -> str:
    lines = [f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in error.errors()]
    return f"The arguments of {tool} are not valid. " + "; ".join(lines)
