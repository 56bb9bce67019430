"""What happened in a session. Facts in the past tense, appended once, never edited."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from appx.domain.ids import CallId, QuestionId, Seq, TurnId
from appx.domain.messages import ModelRef, Reply, ThinkingLevel, ToolCall, ToolResult, Usage, UserMessage
from appx.domain.questions import Answer, Question

Outcome: TypeAlias = Literal["done", "stopped", "failed", "limit", "interrupted"]
"""How a turn ended: rested, stopped by a person, failed, ran into a limit, or cut off by a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChosen:
    """The session's model and thinking level from here on."""

    provider: str
    model_id: str
    thinking: ThinkingLevel
    type: Literal["model_chosen"] = "model_chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """``follow_up``: the prompt is the oldest of those that waited for the end of a turn."""

    turn: TurnId
    prompt: UserMessage
    follow_up: bool = False
    type: Literal["turn_started"] = "turn_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptQueued:
    """A prompt that came while a turn ran. It waits for the end of the current step; a follow-up, of the turn."""

    prompt: UserMessage
    follow_up: bool = False
    type: Literal["prompt_queued"] = "prompt_queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDelivered:
    """The oldest prompt that waited for the end of the step became part of the conversation."""

    turn: TurnId
    prompt: UserMessage
    type: Literal["prompt_delivered"] = "prompt_delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCleared:
    """All prompts that waited were taken back."""

    type: Literal["queue_cleared"] = "queue_cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplied:
    """A reply came to its end, be it whole, failed or cut off; ``reply.stop`` says which."""

    turn: TurnId
    reply: Reply
    type: Literal["model_replied"] = "model_replied"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryStarted:
    """The provider failed; the model is asked again after ``delay_ms``."""

    turn: TurnId
    attempt: int
    max_attempts: int
    delay_ms: int
    error: str
    type: Literal["retry_started"] = "retry_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryEnded:
    turn: TurnId
    ok: bool
    attempt: int
    error: str = ""
    type: Literal["retry_ended"] = "retry_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    turn: TurnId
    call: ToolCall
    type: Literal["tool_started"] = "tool_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    turn: TurnId
    call_id: CallId
    tool: str
    result: ToolResult
    type: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked:
    """The agent asked the person, and waits."""

    turn: TurnId
    id: QuestionId
    question: Question
    type: Literal["question_asked"] = "question_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered:
    """By the person; or cancelled, also by the end of the turn."""

    id: QuestionId
    answer: Answer
    type: Literal["question_answered"] = "question_answered"


CompactionReason: TypeAlias = Literal["manual", "threshold", "overflow"]
"""A person asked for it; the window was nearly full; the provider said that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionStarted:
    """The model is asked to summarise the older part of the conversation."""

    turn: TurnId
    reason: CompactionReason
    type: Literal["compaction_started"] = "compaction_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """From here on the model is sent ``summary`` instead of all events before number ``first_kept``.

    ``model`` wrote it; None in a log that came from elsewhere, or from an appx that did not note it.
    """

    turn: TurnId
    reason: CompactionReason
    summary: str
    first_kept: Seq
    tokens_before: int
    model: ModelRef | None = None
    usage: Usage = field(default_factory=Usage)
    type: Literal["compacted"] = "compacted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionFailed:
    """Nothing was changed. ``model`` and ``usage``: who was asked, and what that took all the same."""

    turn: TurnId
    reason: CompactionReason
    error: str
    model: ModelRef | None = None
    usage: Usage = field(default_factory=Usage)
    type: Literal["compaction_failed"] = "compaction_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """The person was told, in a sentence, of something that does not work and does not stop the turn."""

    turn: TurnId
    id: str
    sentence: str
    type: Literal["warned"] = "warned"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """The agent rests. ``detail`` is a sentence for the person when the outcome is not ``done``."""

    turn: TurnId
    outcome: Outcome
    detail: str = ""
    type: Literal["turn_ended"] = "turn_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointTaken:
    """The turn changed files; what they were at its end is the commit ``checkpoint`` of the project's repository."""

    turn: TurnId
    checkpoint: str
    type: Literal["checkpoint_taken"] = "checkpoint_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed:
    """What the turn changed cannot be undone by itself."""

    turn: TurnId
    error: str
    type: Literal["checkpoint_failed"] = "checkpoint_failed"


Event: TypeAlias = (
    ModelChosen
    | TurnStarted
    | PromptQueued
    | PromptDelivered
    | QueueCleared
    | ModelReplied
    | RetryStarted
    | RetryEnded
    | ToolStarted
    | ToolFinished
    | QuestionAsked
    | QuestionAnswered
    | CompactionStarted
    | Compacted
    | CompactionFailed
    | Warned
    | TurnEnded
    | CheckpointTaken
    | CheckpointFailed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An event with its place in the log of its session, and its time (UTC)."""

    seq: Seq
    at: datetime
    event: Event
