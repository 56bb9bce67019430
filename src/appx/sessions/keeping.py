"""Which turn's files are to be kept as a checkpoint: a pure function of the log."""

from collections.abc import Sequence

from appx.domain.events import CheckpointFailed, CheckpointTaken, Event, ToolFinished, TurnEnded, TurnStarted


def unkept(events: Sequence[Event], *, only_interrupted: bool) -> TurnStarted | None:
    """The beginning of the last turn that ended, when it ran a tool and nothing is said of a checkpoint yet.

    ``only_interrupted``: only one that a crash or the end of the server cut off.
    """
    ended: TurnEnded | None = None
    worked = False
    for event in reversed(events):
        match event:
            case CheckpointTaken(turn=turn) | CheckpointFailed(turn=turn) if ended is None or turn == ended.turn:
                return None
            case TurnEnded():
                if ended is not None or (only_interrupted and event.outcome != "interrupted"):
                    return None
                ended = event
            case ToolFinished() if ended is not None:
                worked = True
            case TurnStarted() if ended is not None:
                return event if worked else None
            case _:
                pass
    return None
