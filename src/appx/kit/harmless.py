"""Text that an agent or an app may have written, for a person's terminal. Pure."""

_CONTROL = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """Without the control characters by which a text could command the terminal; lines and tabs stay."""
    return text.translate(_CONTROL)
