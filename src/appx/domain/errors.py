"""Errors, named for what the caller can do about them. ``http.errors`` maps each to a status."""


class AppxError(Exception):
    """Base of every error that we raise on purpose. Its text is a sentence that says what to do."""


class Invalid(AppxError):
    """The request itself is wrong. Change it."""


class NotFound(AppxError):
    """No such project, session, file or model. Ask for another."""


class Conflict(AppxError):
    """Not in this state, for example a change of model while a turn runs. Try again later."""


class Changed(AppxError):
    """It is not as the caller last saw it. Read it again, then decide anew."""


class TooLarge(AppxError):
    """More than we take. Send less."""


class Unavailable(AppxError):
    """A part that we need does not answer, or we are stopping. Try again later."""


class NoSpace(AppxError):
    """The disk is full. Make room, then try again."""


class Misconfigured(AppxError):
    """The settings cannot work. The text names the variable; the server does not start."""
