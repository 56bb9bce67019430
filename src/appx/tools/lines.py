"""Where lines stand in a long text, told without taking it apart."""

FEW = 1_000
"""Characters that are looked through step by step."""


def line_start(text: str, index: int) -> int:
    """The place where the line with this index (the first is 0) begins. The text must have as many newlines.

    It halves the part where the newline before it stands, and counts: twice the length at most, and no Python step for
    each line.
    """
    if index == 0:
        return 0
    low, high = 0, len(text)
    while high - low > FEW:
        middle = (low + high) // 2
        count = text.count("\n", low, middle)
        if count < index:
            low, index = middle, index - count
        else:
            high = middle
    for _ in range(index):
        low = text.index("\n", low) + 1
    return low


def first_of_line(text: str, at: int) -> int:
    """Where the line that has the character at ``at`` begins; behind the end of the text, the last line counts."""
    return text.rfind("\n", 0, max(0, min(at, len(text) - 1))) + 1


def end_of_line(text: str, at: int) -> int:
    """Where that line ends, its newline taken in."""
    return text.find("\n", max(0, min(at, len(text) - 1))) + 1 or len(text)


def lines_before(text: str, at: int, count: int) -> int:
    """The beginning of the ``count`` lines before the line that begins at ``at``, or of as many as there are."""
    for _ in range(count):
        at = first_of_line(text, at - 1) if at else 0
    return at


def lines_after(text: str, at: int, count: int) -> int:
    """The end of the ``count`` lines from ``at`` on, where a line begins, or of as many as there are."""
    for _ in range(count):
        at = end_of_line(text, at) if at < len(text) else at
    return at
