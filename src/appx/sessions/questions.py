"""The questions of a session, as folds over its events."""

import json
from collections.abc import Iterable

from appx.domain.events import Event, QuestionAnswered, QuestionAsked
from appx.domain.ids import QuestionId
from appx.domain.messages import UserMessage
from appx.domain.questions import Answer, Question


def pending(events: Iterable[Event]) -> dict[QuestionId, QuestionAsked]:
    """What was asked and not answered, oldest first."""
    found: dict[QuestionId, QuestionAsked] = {}
    for event in events:
        match event:
            case QuestionAsked(id=asked):
                found[asked] = event
            case QuestionAnswered(id=asked):
                found.pop(asked, None)
            case _:
                pass
    return found


def answer_to(question: Question, answer: Answer) -> UserMessage:
    """An answer that came when its turn had been interrupted, as a prompt.

    The title is the agent's: as JSON it is one line, which none of its words can end.
    """
    title = json.dumps(question.title, ensure_ascii=False)
    return UserMessage(text=f"My answer to your question {title}: {answer.words}")
