"""Why an app's request is not passed on, named for what can be done about it."""

from appx.domain.errors import AppxError


class Unidentified(AppxError):
    """It is not known which project asks. Give the project's token."""


class SwitchedOff(AppxError):
    """A person has to switch model access on."""


class BudgetSpent(AppxError):
    """The request might take more than what is left. Ask for less, or wait for the next day."""


class Busy(AppxError):
    """Too many requests run. Try again in a moment."""
