"""PROD is the person's: a tool that changes it asks first."""

from appx.domain.leases import Environment
from appx.domain.messages import ToolResult
from appx.domain.questions import Ask, Question

REFUSED = "The person did not agree, so PROD is as it was. Leave it so unless they ask again."


async def refused(person: Ask, environment: Environment, question: str) -> ToolResult | None:
    """None when it may be done: for DEV always, for PROD when the person says yes to ``question``."""
    if environment != "prod":
        return None
    answer = await person(Question(method="confirm", title=question))
    return None if answer.confirmed else ToolResult(ok=False, text=REFUSED)
