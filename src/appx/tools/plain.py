"""What a terminal would show of a command's output."""

import re

_ESCAPES = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|[ -/]+[0-~]"  # character sets
    r"|[0-Z\\^_`-~]"  # two characters
    r")"
)
_CONTROL = {code: None for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n"}


def plain(output: str) -> str:
    """Without colours and other control sequences; of a line that was overwritten (a progress bar) the last state."""
    lines = (_last_state(line) for line in _ESCAPES.sub("", output).split("\n"))
    return "\n".join(lines).translate(_CONTROL)


def _last_state(line: str) -> str:
    kept = line.rstrip("\r")
    return kept[kept.rfind("\r") + 1 :]
