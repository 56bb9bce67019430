"""What waits, waits in order, until it is delivered, begins a turn, or is taken back."""

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.events import Event, PromptDelivered, PromptQueued, QueueCleared, TurnStarted
from appx.domain.ids import TurnId
from appx.domain.messages import UserMessage
from appx.sessions.codec import decode_event
from appx.sessions.queue import Queue, after, waiting
from tests.fakes.logs import logs

TURN = TurnId("t")


@given(st.lists(st.sampled_from(["steer", "follow up", "deliver", "begin", "prompt", "clear"])))
def test_the_queue_is_two_lines_first_in_first_out(acts: list[str]) -> None:
    events: list[Event] = []
    steering: list[str] = []
    follow_up: list[str] = []
    for number, act in enumerate(acts):
        prompt = UserMessage(text=str(number))
        match act:
            case "steer":
                events.append(PromptQueued(prompt=prompt))
                steering.append(prompt.text)
            case "follow up":
                events.append(PromptQueued(prompt=prompt, follow_up=True))
                follow_up.append(prompt.text)
            case "deliver" if steering:
                events.append(PromptDelivered(turn=TURN, prompt=UserMessage(text=steering.pop(0))))
            case "begin" if follow_up:
                events.append(TurnStarted(turn=TURN, prompt=UserMessage(text=follow_up.pop(0)), follow_up=True))
            case "clear":
                events.append(QueueCleared())
                steering, follow_up = [], []
            case _:
                events.append(TurnStarted(turn=TURN, prompt=prompt))
    queue = waiting(events)
    assert [prompt.text for prompt in queue.steering] == steering
    assert [prompt.text for prompt in queue.follow_up] == follow_up


@given(logs(), st.data())
def test_it_is_a_fold_and_empty_when_all_was_taken_up(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    assert after(waiting(events[:cut]), events[cut:]) == waiting(events) == Queue()


def test_a_log_from_before_there_were_follow_ups_steers() -> None:
    old = decode_event('{"prompt":{"text":"and a cart","images":[]},"type":"prompt_queued"}')
    assert waiting([old]) == Queue(steering=(UserMessage(text="and a cart"),))
