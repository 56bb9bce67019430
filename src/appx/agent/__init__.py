"""The agent: the loop, and the prompt that it works with."""
