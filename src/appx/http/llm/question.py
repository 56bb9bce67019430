"""From OpenAI's words to ours. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from appx.domain import messages as ours
from appx.domain.errors import Invalid
from appx.domain.ids import CallId, ProjectId
from appx.domain.messages import Image, Message, ModelRef, Reply, ThinkingLevel, ToolResult, ToolSpec
from appx.http.llm import bodies
from appx.http.llm.bodies import ChatRequest
from appx.http.pictures import fault
from appx.kit.json_values import check_values
from appx.models.catalogue import ModelInfo
from appx.models.model import Form, JsonOutput, Request
from appx.models.pictures import MAX_PICTURES

DEFAULT_MAX_TOKENS = 8_192
"""Of a reply whose app does not say: what it might take has to fit into the budget before it is asked."""

WRITER = ModelRef(provider="app", id="app", api="openai-completions")
"""Who gave the replies that an app sends back: nobody that a provider of ours knows."""

NO_PARAMETERS = {"type": "object", "properties": {}}
JSON_ONLY = "Answer with one JSON object and with nothing else."

_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,(.*)", re.IGNORECASE | re.DOTALL)


def request_of(asked: ChatRequest, info: ModelInfo, project: ProjectId) -> Request:
    """Raises Invalid for what the model cannot take, naming where it stands."""
    said = list(_messages(asked.messages, info))
    if not any(isinstance(message, ours.UserMessage | ours.ToolMessage) for message in said):
        raise Invalid("messages: there is no message of a user.")
    return Request(
        system="\n\n".join(_system(asked)),
        messages=said,
        tools=_tools(asked),
        thinking=_thinking(asked),
        session=f"app-{project}",
        form=_form(asked, info),
    )


def _system(asked: ChatRequest) -> Iterable[str]:
    for message in asked.messages:
        if isinstance(message, bodies.SystemMessage):
            yield _text(message.content)
    if asked.response_format is not None and asked.response_format.type == "json_object":
        yield JSON_ONLY


def _messages(said: Sequence[bodies.Said], info: ModelInfo) -> Iterable[Message]:
    names: dict[str, str] = {}
    for number, message in enumerate(said):
        match message:
            case bodies.SystemMessage():
                pass
            case bodies.UserMessage(content=content):
                yield _user(content, info, f"messages.{number}.content")
            case bodies.AssistantMessage():
                reply = _reply(message, f"messages.{number}.tool_calls")
                names |= {call.id: call.name for call in reply.calls}
                yield reply
            case bodies.ToolMessage(tool_call_id=call_id, content=content):
                if call_id not in names:
                    raise Invalid(f"messages.{number}.tool_call_id: no message before it has a call {call_id}.")
                result = ToolResult(ok=True, text=_text(content))
                yield ours.ToolMessage(call_id=CallId(call_id), tool=names[call_id], result=result)


def _user(content: str | list[bodies.Part], info: ModelInfo, where: str) -> ours.UserMessage:
    if isinstance(content, str):
        return ours.UserMessage(text=content)
    text = "\n".join(part.text for part in content if isinstance(part, bodies.TextPart))
    urls = [(number, part.image_url.url) for number, part in enumerate(content) if isinstance(part, bodies.ImagePart)]
    if urls and "image" not in info.input:
        raise Invalid(f"{where}.{urls[0][0]}: {info.provider}/{info.id} takes no pictures.")
    if len(urls) > MAX_PICTURES:
        raise Invalid(f"{where}: a request has at most {MAX_PICTURES} pictures.")
    return ours.UserMessage(text=text, images=tuple(_image(url, f"{where}.{number}") for number, url in urls))


def _image(url: str, where: str) -> Image:
    """Only what is in the request itself: else an app could make the server fetch any address."""
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise Invalid(f"{where}: give the picture as a data: URL with base64. The server fetches no address.")
    image = Image(data=found[2], media_type=found[1].lower())
    problem = fault(image)
    if problem:
        raise Invalid(f"{where}: {problem}")
    return image


def _reply(message: bodies.AssistantMessage, where: str) -> Reply:
    text = _text(message.content or "")
    calls = [
        ours.ToolCall(
            id=CallId(call.id),
            name=call.function.name,
            arguments=_arguments(call.function.arguments, f"{where}.{number}.function.arguments"),
        )
        for number, call in enumerate(message.tool_calls or ())
    ]
    return Reply(model=WRITER, blocks=(*([ours.Text(text=text)] if text else []), *calls))


def _arguments(text: str, where: str) -> Mapping[str, object]:
    try:
        check_values(text)
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid(f"{where}: it is not a JSON object.")
    return found


def _tools(asked: ChatRequest) -> list[ToolSpec]:
    return [
        ToolSpec(
            name=tool.function.name,
            description=tool.function.description or "",
            schema=tool.function.parameters or NO_PARAMETERS,
        )
        for tool in asked.tools or ()
    ]


def _thinking(asked: ChatRequest) -> ThinkingLevel:
    effort = asked.reasoning_effort
    return "off" if effort is None or effort == "none" else effort


def _form(asked: ChatRequest, info: ModelInfo) -> Form:
    wanted = asked.max_completion_tokens or asked.max_tokens or DEFAULT_MAX_TOKENS
    stop = (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())
    return Form(
        max_tokens=min(wanted, info.max_tokens),
        temperature=asked.temperature,
        top_p=asked.top_p,
        stop=stop,
        seed=asked.seed,
        tool=_choice(asked),
        parallel=asked.parallel_tool_calls if asked.tools else None,
        output=_output(asked),
        goes_on=False,
    )


def _choice(asked: ChatRequest) -> str | None:
    names = {tool.function.name for tool in asked.tools or ()}
    choice = asked.tool_choice
    if isinstance(choice, bodies.NamedTool):
        if choice.function.name not in names:
            raise Invalid(f"tool_choice: there is no tool {choice.function.name}.")
        return choice.function.name
    if choice == "required" and not names:
        raise Invalid("tool_choice: there are no tools of which one could be called.")
    return choice if names else None


def _output(asked: ChatRequest) -> JsonOutput | None:
    wanted = asked.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return JsonOutput()
    if wanted.json_schema is None:
        raise Invalid("response_format.json_schema: give the schema.")
    given = wanted.json_schema
    return JsonOutput(schema=given.schema_, name=given.name, description=given.description, strict=given.strict)


def _text(words: bodies.Words) -> str:
    return words if isinstance(words, str) else "\n".join(part.text for part in words)
