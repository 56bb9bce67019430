"""The scripted demo builds a page, step by step, and says what it is."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.messages import Message, Reply, ToolCall, ToolMessage, ToolResult, ToolSpec, UserMessage
from appx.models.demo import Place, demo, place
from appx.models.demo_page import page
from appx.models.model import ModelFailed, Request
from appx.models.scripted import Broken

SYSTEM = """You build apps.

# Deployment
- project id: tea-shop
- dev: port 3004, http://localhost:3004
- prod: port 3005, http://localhost:3005
"""
TOOLS = [ToolSpec(name=name, description="", schema={}) for name in ("read", "write", "bash", "deploy")]


def request(messages: Sequence[Message], *, system: str = SYSTEM, tools: Sequence[ToolSpec] = tuple(TOOLS)) -> Request:
    return Request(system=system, messages=messages, tools=tools, thinking="off", session="s1")


def played(prompts: Sequence[str], *, fail: str = "") -> tuple[list[ToolCall], list[Reply]]:
    """Answer every call until the demo rests. The tool ``fail`` fails."""
    messages: list[Message] = []
    replies: list[Reply] = []
    for prompt in prompts:
        messages.append(UserMessage(text=prompt))
        while True:
            reply = demo(request(messages))
            assert isinstance(reply, Reply)
            messages.append(reply)
            replies.append(reply)
            if not reply.calls:
                break
            for call in reply.calls:
                ok = call.name != fail
                text = "release 1 runs on port 3004 (dev)" if ok else "the disk exploded"
                messages.append(ToolMessage(call_id=call.id, tool=call.name, result=ToolResult(ok=ok, text=text)))
    return [call for reply in replies for call in reply.calls], replies


def test_the_first_prompt_becomes_a_page_that_is_built_run_and_told() -> None:
    calls, replies = played(["A shop for <b>tea</b>"])

    assert [(call.name, call.arguments.get("path")) for call in calls] == [
        ("write", "index.html"),
        ("write", "Containerfile"),
        ("deploy", None),
    ]
    assert "A shop for &lt;b&gt;tea&lt;/b&gt;" in str(calls[0].arguments["content"])
    assert "FROM localhost/appx/static" in str(calls[1].arguments["content"])
    assert "http://localhost:3004" in replies[-1].text


def test_it_says_at_once_that_it_is_no_language_model() -> None:
    _, replies = played(["hello"])
    assert "not a language model" in replies[0].text
    assert "ANTHROPIC_API_KEY" in replies[0].text


def test_a_later_prompt_is_added_to_the_page_and_deployed_again() -> None:
    calls, _ = played(["A tea shop", "with a dark theme"])
    assert [call.name for call in calls] == ["write", "write", "deploy"] * 2
    assert "A tea shop" in str(calls[3].arguments["content"])
    assert "with a dark theme" in str(calls[3].arguments["content"])


@pytest.mark.parametrize(("tool", "steps"), [("write", 1), ("deploy", 3)])
def test_it_stops_at_the_first_failure_and_shows_it(tool: str, steps: int) -> None:
    calls, replies = played(["A tea shop"], fail=tool)
    assert len(calls) == steps
    assert "the disk exploded" in replies[-1].text
    assert "http://localhost:3004" not in replies[-1].text


def test_calls_have_ids_of_their_own() -> None:
    calls, _ = played(["a", "a", "a"])
    assert len({call.id for call in calls}) == len(calls)


def test_after_a_restart_it_goes_on_with_the_same_step() -> None:
    messages = [UserMessage(text="A tea shop")]
    assert demo(request(messages)) == demo(request(list(messages)))


def test_without_tools_it_lists_the_prompts() -> None:
    told = '# The conversation\n{"from": "person", "text": "A tea shop"}\n{"from": "agent", "text": "Yes."}'
    reply = demo(request([UserMessage(text=told)], tools=()))
    assert isinstance(reply, Reply)
    assert not reply.calls
    assert "- A tea shop" in reply.text


def test_say_answers_with_the_text_alone() -> None:
    reply = demo(request([UserMessage(text="say: good morning\nand more")]))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.calls) == ("good morning\nand more", ())


def test_run_runs_a_command_and_shows_its_end() -> None:
    calls, replies = played(["run: uname -a"])
    assert [dict(call.arguments) for call in calls] == [{"command": "uname -a"}]
    assert replies[-1].text.startswith("It worked")


def test_fail_fails_as_a_provider_does() -> None:
    step = demo(request([UserMessage(text="fail: out of tea")]))
    assert isinstance(step, Broken)
    assert isinstance(step.failure, ModelFailed)
    assert str(step.failure) == "out of tea"


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (SYSTEM, Place(project="tea-shop", url="http://localhost:3004")),
        (
            "Project id: `a1`\nDEV port: 3000 (http://a1-dev.localhost:4001).",
            Place(project="a1", url="http://a1-dev.localhost:4001"),
        ),
        ("* **project**: x\n* **dev** port 3000", Place(project="x")),
        ("Nothing of the kind. Develop on port 99999999.", Place()),
    ],
)
def test_the_deployment_section_is_read_tolerantly(system: str, expected: Place) -> None:
    assert place(system) == expected


def test_without_an_url_the_port_tells_where_it_runs() -> None:
    messages: list[Message] = [UserMessage(text="tea")]
    for text in ("", "", "release 1 runs on port 3007 (dev)"):
        reply = demo(request(messages, system="- project id: tea"))
        assert isinstance(reply, Reply)
        (call,) = reply.calls
        messages += [reply, ToolMessage(call_id=call.id, tool=call.name, result=ToolResult(ok=True, text=text))]
    last = demo(request(messages, system="- project id: tea"))
    assert isinstance(last, Reply)
    assert "http://localhost:3007" in last.text


@given(st.text())
def test_nothing_of_a_prompt_is_taken_as_html(prompt: str) -> None:
    plain = page("p", ["x"])
    written = page("p", [prompt])
    assert written.count("<") == plain.count("<")
    assert written.count(">") == plain.count(">")
