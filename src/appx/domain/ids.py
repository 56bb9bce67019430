"""Identifiers are types, so that one cannot stand where another is meant."""

import os
import time
from typing import NewType
from uuid import UUID

ProjectId = NewType("ProjectId", str)
SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
CallId = NewType("CallId", str)
QuestionId = NewType("QuestionId", str)
Seq = NewType("Seq", int)
"""The place of a record in the log of its session: 1, 2, 3, … without a gap."""


def uuid7() -> str:
    """A UUID version 7 (RFC 9562): sorts by the millisecond in which it was made.

    The standard library has it from Python 3.14 on.
    """
    millis = time.time_ns() // 1_000_000
    value = (millis & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
