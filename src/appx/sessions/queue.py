"""The prompts that wait in a session, as a fold over its events."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from appx.domain.events import Event, PromptDelivered, PromptQueued, QueueCleared, TurnStarted
from appx.domain.messages import UserMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Oldest first. ``steering`` waits for the end of the step, ``follow_up`` for that of the turn."""

    steering: tuple[UserMessage, ...] = ()
    follow_up: tuple[UserMessage, ...] = ()


def waiting(events: Iterable[Event]) -> Queue:
    """What waits when ``events`` are all."""
    return after(Queue(), events)


def after(queue: Queue, events: Iterable[Event]) -> Queue:
    """The queue when ``events`` have been added."""
    for event in events:
        match event:
            case PromptQueued(prompt=prompt, follow_up=True):
                queue = replace(queue, follow_up=(*queue.follow_up, prompt))
            case PromptQueued(prompt=prompt):
                queue = replace(queue, steering=(*queue.steering, prompt))
            case PromptDelivered():
                queue = replace(queue, steering=queue.steering[1:])
            case TurnStarted(follow_up=True):
                queue = replace(queue, follow_up=queue.follow_up[1:])
            case QueueCleared():
                queue = Queue()
            case _:
                pass
    return queue
