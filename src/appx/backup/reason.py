"""What a workbench says of its failure, fit for a person's terminal: the agent may have written it."""

MAX_REASON = 300
"""Characters."""


def reason(error: Exception | str) -> str:
    """One line without what could command a terminal. Pure."""
    words = " ".join(str(error).split())
    return "".join(each for each in words if each.isprintable())[:MAX_REASON] or "it gave no reason"
