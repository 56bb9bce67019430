"""Slugs."""

import re


def slug(text, limit=None):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:limit].strip("-")
