"""Conversations: the log, what is shown live, one task per live session."""
