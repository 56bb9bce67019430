"""The wire events of facts that are told by themselves, whatever was told before."""

from typing import TypeAlias

from appx.domain.events import (
    CheckpointFailed,
    CheckpointTaken,
    Compacted,
    CompactionFailed,
    CompactionStarted,
    ModelChosen,
    QuestionAnswered,
    QuestionAsked,
    RetryEnded,
    RetryStarted,
    Warned,
)
from appx.http import wire
from appx.http.wire import Json

Noted: TypeAlias = (
    ModelChosen
    | RetryStarted
    | RetryEnded
    | QuestionAsked
    | QuestionAnswered
    | CompactionStarted
    | Compacted
    | CompactionFailed
    | CheckpointTaken
    | CheckpointFailed
    | Warned
)


def note(event: Noted) -> list[Json]:
    """The contract has no event for an answer, and shows a checkpoint as a status."""
    match event:
        case ModelChosen(thinking=level):
            return [{"type": "thinking_level_changed", "level": level}]
        case RetryStarted() | RetryEnded():
            return [_retry(event)]
        case QuestionAsked(id=asked, question=question):
            return [wire.question(asked, question)]
        case QuestionAnswered():
            return []
        case CompactionStarted() | Compacted() | CompactionFailed():
            return [_compaction(event)]
        case CheckpointTaken() | CheckpointFailed():
            return [_checkpoint(event)]
        case Warned(id=notice, sentence=sentence):
            return [wire.notice(sentence, about=notice, kind="warning")]


def _retry(event: RetryStarted | RetryEnded) -> Json:
    match event:
        case RetryStarted():
            return {
                "type": "auto_retry_start",
                "attempt": event.attempt,
                "maxAttempts": event.max_attempts,
                "delayMs": event.delay_ms,
                "errorMessage": event.error,
            }
        case RetryEnded():
            final = {"finalError": event.error} if event.error else {}
            return {"type": "auto_retry_end", "success": event.ok, "attempt": event.attempt, **final}


def _checkpoint(event: CheckpointTaken | CheckpointFailed) -> Json:
    match event:
        case CheckpointTaken():
            return wire.checkpoint(event.turn, event.checkpoint)
        case CheckpointFailed():
            sentence = f"The files of this turn were not kept as a checkpoint. {event.error}"
            return wire.notice(sentence, kind="warning", about=event.turn)


def _compaction(event: CompactionStarted | Compacted | CompactionFailed) -> Json:
    """``willRetry``: the reply that did not fit is asked for again."""
    end: Json = {"type": "compaction_end", "reason": event.reason, "aborted": False}
    match event:
        case CompactionStarted(reason=reason):
            return {"type": "compaction_start", "reason": reason}
        case Compacted():
            result = {
                "summary": event.summary,
                "firstKeptEntryId": str(event.first_kept),
                "tokensBefore": event.tokens_before,
            }
            return end | {"willRetry": event.reason == "overflow", "result": result}
        case CompactionFailed():
            return end | {"willRetry": False, "errorMessage": event.error}
