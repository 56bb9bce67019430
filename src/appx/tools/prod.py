"""PROD is the person's: a tool that changes it asks first."""

from appx.domain.messages import ToolResult
from appx.domain.questions import Ask, Question

REFUSED = ToolResult(
    ok=False, text="The person did not agree, so PROD is as it was. Leave it so unless they ask again."
)


async def agrees(person: Ask, question: str) -> bool:
    """Whether the person says yes to ``question``."""
    answer = await person(Question(method="confirm", title=question))
    return answer.confirmed is True
