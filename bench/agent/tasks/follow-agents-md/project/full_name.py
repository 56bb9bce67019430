# Part of names, by the names people.
"""Whole names of people."""


def full_name(first: str, last: str) -> str:
    """Both parts with one space between them."""
    return f"{first.strip()} {last.strip()}".strip()
