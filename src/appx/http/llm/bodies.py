"""What an app asks, in OpenAI's words: the body of a chat completion, as far as every provider can do it."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appx.domain.errors import Invalid
from appx.kit.json_values import check_values

NAME = r"^[A-Za-z0-9_-]{1,64}$"
MAX_MESSAGES = 2_000
MAX_TOOLS = 128
MAX_CALLS = 128
"""Of one message: as many as there may be tools. The longest that models give have some dozens."""

MAX_PARTS = 4_000
"""Messages, and the parts and calls in them. Each takes a tenth of a millisecond of the event loop until it is sent:
the provider's library looks into each. A thousand calls with their results have three thousand.
"""

MAX_PROBLEMS = 5
MANY_PROBLEMS = 100
"""More are counted, and not looked at: each takes memory."""


class Given(BaseModel):
    """What is not known here is left out: clients send much that no other provider knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TextPart(Given):
    type: Literal["text"]
    text: str


class ImageUrl(Given):
    url: str


class ImagePart(Given):
    type: Literal["image_url"]
    image_url: ImageUrl


Part: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]
Words: TypeAlias = str | list[TextPart]


class SystemMessage(Given):
    role: Literal["system", "developer"]
    content: Words


class UserMessage(Given):
    role: Literal["user"]
    content: str | list[Part]


class CalledFunction(Given):
    name: str
    arguments: str = ""


class Call(Given):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    function: CalledFunction


class AssistantMessage(Given):
    role: Literal["assistant"]
    content: Words | None = None
    tool_calls: Annotated[list[Call] | None, Field(max_length=MAX_CALLS)] = None


class ToolMessage(Given):
    role: Literal["tool"]
    tool_call_id: str
    content: Words


Said: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage,
    Field(discriminator="role"),
]


class Function(Given):
    name: Annotated[str, Field(pattern=NAME)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Given):
    type: Literal["function"] = "function"
    function: Function


class NamedFunction(Given):
    name: str


class NamedTool(Given):
    type: Literal["function"] = "function"
    function: NamedFunction


class JsonSchema(Given):
    name: Annotated[str, Field(pattern=NAME)] = "answer"
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")] = {}
    strict: bool | None = None


class ResponseFormat(Given):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Given):
    include_usage: bool | None = None


class ChatRequest(Given):
    model: Annotated[str, Field(min_length=1, max_length=300)]
    messages: Annotated[list[Said], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    tools: Annotated[list[Tool] | None, Field(max_length=MAX_TOOLS)] = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    n: Annotated[Literal[1] | None, Field(description="one reply for each request")] = None
    logprobs: Literal[False] | None = None
    functions: None = None
    audio: None = None


def read(body: bytes) -> ChatRequest:
    """Raises Invalid, naming what is wrong."""
    try:
        check_values(body)
        asked = ChatRequest.model_validate_json(body)
        check_values(",".join(call.function.arguments for message in asked.messages for call in _calls(message)))
    except ValidationError as error:
        if error.error_count() > MANY_PROBLEMS:
            raise Invalid(f"{error.error_count():,} values of the body are not what is meant.") from None
        found = [_problem(each["loc"], each["type"], each["msg"]) for each in error.errors(include_url=False)]
        raise Invalid("; ".join(list(dict.fromkeys(found))[:MAX_PROBLEMS]) + ".") from None
    except ValueError as error:
        raise Invalid(f"The body has {error}. Send less.") from None
    parts = sum(map(_parts, asked.messages))
    if parts > MAX_PARTS:
        raise Invalid(
            f"messages: with the parts and calls in them there are {parts:,}; a request has at most {MAX_PARTS:,}. "
            "Leave out the oldest."
        )
    return asked


def _parts(message: Said) -> int:
    inside = len(message.content) if isinstance(message.content, list) else 0
    return 1 + inside + len(_calls(message))


def _calls(message: Said) -> list[Call]:
    return message.tool_calls or [] if isinstance(message, AssistantMessage) else []


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    if kind == "json_invalid":
        return f"the body is not JSON ({message.partition(': ')[2]})"
    where = ".".join(map(str, place)) or "body"
    return f"{where}: {message.rstrip('.')}"
