"""A conversation with many pictures can always be sent, and its beginning stays the same while it grows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.ids import CallId
from appx.domain.messages import Image, Message, ModelRef, Reply, Text, ToolMessage, ToolResult, UserMessage
from appx.models.pictures import MAX_PICTURES, MAX_SIZE, without_old_pictures

REPLY = Reply(model=ModelRef(provider="p", id="m", api="scripted"), blocks=(Text(text="Seen."),))
LARGE = "x" * (MAX_SIZE // 3)


def prompt(*data: str) -> UserMessage:
    return UserMessage(text="look", images=tuple(Image(data=each, media_type="image/png") for each in data))


def result(*data: str) -> ToolMessage:
    return ToolMessage(
        call_id=CallId("c"), tool="read", result=ToolResult(ok=True, text="shot.png", images=prompt(*data).images)
    )


def pictures(messages: list[Message]) -> list[str]:
    found: list[str] = []
    for message in messages:
        if isinstance(message, UserMessage | ToolMessage):
            images = message.images if isinstance(message, UserMessage) else message.result.images
            found += [image.data for image in images]
    return found


PROMPT = st.lists(st.sampled_from(["a", "b", LARGE]), max_size=MAX_PICTURES + 5).map(lambda data: prompt(*data))


@given(st.lists(PROMPT | st.just(REPLY) | st.just(result("r")), max_size=12))
def test_what_is_sent_fits_and_is_the_newest(messages: list[Message]) -> None:
    found = pictures(without_old_pictures(messages))
    assert len(found) <= MAX_PICTURES
    assert sum(map(len, found)) <= MAX_SIZE
    given_ = pictures(messages)
    assert found == given_[len(given_) - len(found) :]


@pytest.mark.parametrize("count", [0, 1, MAX_PICTURES])
def test_what_fits_is_left_alone(count: int) -> None:
    messages: list[Message] = [result(str(number)) for number in range(count)]
    assert without_old_pictures(messages) == messages


def test_a_prompt_keeps_all_its_pictures_whatever_came_before() -> None:
    asked = prompt(*map(str, range(MAX_PICTURES)))
    found = without_old_pictures([prompt("old"), REPLY, result("older"), asked])
    assert found[-1] == asked
    assert pictures(found[:-1]) == []
    assert "1 of the pictures here were left out" in found[0].text  # type: ignore[union-attr]
    assert found[1] is REPLY


def test_while_pictures_come_the_beginning_changes_seldom() -> None:
    messages: list[Message] = [result(str(number)) for number in range(100)]
    sent = [without_old_pictures(messages[:count]) for count in range(1, 101)]
    changed = sum(after[: len(before)] != before for before, after in pairwise(sent))
    assert changed == 8, "each time makes the provider's cache useless"
