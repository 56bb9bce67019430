"""What a conversation looks like in the terminal."""

import contextlib
import io
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.cli.screen import Screen, clipped
from appx.kit.harmless import harmless


def update(kind: str, **fields: object) -> dict[str, Any]:
    return {"type": "message_update", "assistantMessageEvent": {"type": kind, "contentIndex": 0, **fields}}


def reply(kind: str, *texts: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text} for text in texts]
    return {
        "type": kind,
        "message": {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, *content]},
    }


def test_text_is_shown_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    for event in (
        {"type": "agent_start"},
        update("text_start"),
        update("text_delta", delta="Hel"),
        update("text_delta", delta="lo."),
        update("text_end", content="Hello."),
        update("thinking_delta", delta="not shown"),
        update("toolcall_delta", delta="not shown"),
        reply("message_end", "Hello."),
    ):
        assert screen.show(event) is None
    assert capsys.readouterr().out == "Hello.\n"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({"path": "index.html", "content": "<h1>"}, "→ write index.html"),
        ({"command": "ls\nrm x"}, "→ write ls"),
        ({}, "→ write "),
    ],
)
def test_a_call_is_one_line(capsys: pytest.CaptureFixture[str], args: dict[str, object], line: str) -> None:
    assert Screen().show({"type": "tool_execution_start", "toolCallId": "c", "toolName": "write", "args": args}) is None
    assert capsys.readouterr().out == f"{line}\n"


TEXTS = st.lists(st.text(st.characters(categories=["L", "P", "Zs"]), min_size=1, max_size=9), max_size=3)


@given(TEXTS, st.data())
def test_a_reply_is_printed_once_however_it_is_told(texts: list[str], data: st.DataObject) -> None:
    """Live from its start, from the middle, only as a whole; and whole again after the connection broke."""
    events: list[dict[str, Any]] = []
    told: list[str] = []
    for text in texts:
        cut = data.draw(st.integers(0, len(text)))
        if data.draw(st.booleans()):
            told.append(text)
            events.append(reply("message_start", *told))
        else:
            events += [update("text_start"), update("text_delta", delta=text[:cut])]
            if data.draw(st.booleans()) and text[:cut]:
                events.append(reply("message_start", *told, text[:cut]))
            told.append(text)
            events += [update("text_delta", delta=text[cut:]), update("text_end", content=text)]
    events.append(reply("message_end", *texts))
    out = io.StringIO()
    screen = Screen()
    with contextlib.redirect_stdout(out):
        for event in events:
            screen.show(event)
    assert out.getvalue() == ("\n".join(texts) + "\n" if texts else "")


@given(st.text(), st.integers(2, 200))
def test_a_line_is_never_wider_than_the_terminal(text: str, width: int) -> None:
    line = clipped(text, width)
    assert len(line) < width
    assert len(line.splitlines()) <= 1


def test_a_failed_call_says_why_and_a_good_one_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"content": [{"type": "text", "text": "no such\nfile\n"}]}
    event = {"type": "tool_execution_end", "toolCallId": "c", "toolName": "read", "result": result}
    assert Screen().show({**event, "isError": False}) is None
    assert capsys.readouterr().out == ""
    assert Screen().show({**event, "isError": True}) is None
    assert capsys.readouterr().out == "  no such file\n"


def test_a_retry_is_told_with_its_delay(capsys: pytest.CaptureFixture[str]) -> None:
    assert Screen().show({"type": "auto_retry_start", "errorMessage": "Overloaded.", "delayMs": 4_000}) is None
    assert capsys.readouterr().err == "Overloaded. Trying again in 4 s.\n"


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        ("done", 0, ""),
        ("failed", 1, "failed: the key is not valid\n"),
        ("stopped", 1, "stopped: the key is not valid\n"),
        ("limit", 1, "limit: the key is not valid\n"),
    ],
)
def test_the_end_of_a_turn_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], outcome: str, code: int, says: str
) -> None:
    event = {"type": "agent_end", "outcome": outcome, "detail": "the key is not valid", "messages": []}
    assert Screen().show(event) == code
    assert capsys.readouterr().err == says


def test_what_a_newer_server_tells_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert Screen().show({"type": "unheard_of"}) is None
    assert capsys.readouterr() == ("", "")


@given(st.text())
def test_nothing_that_a_model_writes_commands_the_terminal(text: str) -> None:
    shown = harmless(text)
    assert not any(unicodedata.category(each) == "Cc" for each in shown if each not in "\n\t")
    assert len(shown) == len(text)


def test_what_is_printed_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2Jtext"
    screen = Screen()
    screen.show(update("text_delta", delta=evil))
    screen.show({"type": "tool_execution_start", "toolName": "bash", "args": {"command": evil}})
    result = {"content": [{"type": "text", "text": evil}]}
    screen.show({"type": "tool_execution_end", "isError": True, "result": result})
    printed = capsys.readouterr().out
    assert printed.count("text") == 3
    assert "\x1b]" not in printed
    assert "\x1b[2J" not in printed
