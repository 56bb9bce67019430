"""The endpoint of apps: a small application of its own, which speaks OpenAI's dialect. Nothing else is reached here."""
