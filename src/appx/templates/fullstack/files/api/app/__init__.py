"""The API of a list of tasks."""
