"""How much one request of an app may have, and that what agents send is well within."""

import json
from typing import Any

import pytest

from appx.domain.errors import Invalid
from appx.http.llm import bodies
from appx.http.llm.bodies import MAX_CALLS, MAX_PARTS
from appx.kit.json_values import MOST_VALUES

USER = {"role": "user", "content": "x"}


def body(*messages: Any) -> bytes:  # noqa: ANN401
    return json.dumps({"model": "tea", "messages": [USER, *messages]}).encode()


def calling(count: int, arguments: str = "{}") -> dict[str, Any]:
    calls = [{"id": f"call_{number}", "function": {"name": "f", "arguments": arguments}} for number in range(count)]
    return {"role": "assistant", "tool_calls": calls}


def test_a_conversation_of_an_agent_goes_through() -> None:
    """900 calls with results, some at once."""
    said: list[Any] = []
    for number in range(450):
        said += [{"role": "assistant", "content": [{"type": "text", "text": "I look."}], **calling(2, '{"a": [1, 2]}')}]
        said += [{"role": "tool", "tool_call_id": f"call_{each}", "content": f"{number}"} for each in range(2)]
    assert len(bodies.read(body(*said)).messages) == 1 + 3 * 450
    bodies.read(body(calling(MAX_CALLS)))


def test_one_message_has_so_many_calls_and_no_more() -> None:
    with pytest.raises(Invalid, match=rf"messages.1.*tool_calls.*{MAX_CALLS}"):
        bodies.read(body(calling(MAX_CALLS + 1)))


@pytest.mark.parametrize(
    "inside",
    [
        calling(99),
        {"role": "user", "content": [{"type": "text", "text": "x"}] * 99},
        {"role": "system", "content": [{"type": "text", "text": "x"}] * 99},
        {"role": "assistant", "content": [{"type": "text", "text": "x"}] * 50, **calling(49)},
    ],
)
def test_messages_parts_and_calls_have_a_bound_together(inside: Any) -> None:  # noqa: ANN401
    """One that was refused by a provider cost nothing, and 19,000 calls took 3.5 s of the event loop."""
    enough = [inside] * (MAX_PARTS // 100 - 1) + [USER] * 99
    bodies.read(body(*enough))
    with pytest.raises(Invalid, match=f"4,001; a request has at most {MAX_PARTS:,}"):
        bodies.read(body(*enough, USER))


def test_the_values_in_all_arguments_have_a_bound_together() -> None:
    """Each had one of its own: 60 calls with as many as it let in took 15 s of the event loop."""
    half = json.dumps({"a": [0] * (MOST_VALUES // 2)})
    bodies.read(body(calling(1, half)))
    with pytest.raises(Invalid, match=f"more than {MOST_VALUES:,} values"):
        bodies.read(body(calling(1, half), calling(1, half)))
