"""Taking secrets out of texts."""

import re

HIDDEN = "[hidden]"
LONGEST = 600
SHORTEST_SECRET = 4

_LOOKS_LIKE_A_KEY = re.compile(
    r"(?i)\b(?:sk|pk|rk|key|gsk|xai)-[\w.*-]{6,}|\bAIza[\w*-]{10,}|\bBearer\s+[\w.~+/*=-]{6,}"
)


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    """Without any of the secrets, nor what looks like one, and not endless."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = _LOOKS_LIKE_A_KEY.sub(HIDDEN, text)
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip() + "…"
