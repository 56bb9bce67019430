"""``ask``: a question to the person."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from appx.domain.messages import ToolResult
from appx.domain.questions import Answer, Ask, Method, Question
from appx.tools.tool import Show, Tool

MAX_OPTIONS = 20


class AskArgs(BaseModel):
    question: str = Field(min_length=1, max_length=2_000, description="One question, short and complete.")
    options: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_OPTIONS,
        fail_fast=True,  # a problem for each of a million would fill the memory
        description="The possible answers; without any, the person writes.",
    )
    kind: Method | None = Field(
        default=None, description="select (one of the options), confirm (yes or no), input (a line), editor (a text)."
    )
    text: str = Field(default="", max_length=20_000, description="Details of a confirm, or the draft in an editor.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind == "select") != bool(self.options) and self.kind is not None:
            raise ValueError("options go with the kind select, and only with it")
        if len(set(self.options)) < len(self.options) or not all(self.options):
            raise ValueError("options must differ, and none may be empty")
        return self


def ask(person: Ask) -> Tool[AskArgs]:
    async def run(args: AskArgs, _show: Show) -> ToolResult:
        kind = args.kind or ("select" if args.options else "input")
        question = Question(method=kind, title=args.question, options=args.options, text=args.text)
        return ToolResult(ok=True, text=told(await person(question)))

    return Tool(
        name="ask",
        description=(
            "Ask the person a question and wait for the answer. Only when a wrong guess would cost them much; "
            "otherwise take a sensible default and say which."
        ),
        args=AskArgs,
        run=run,
    )


def told(answer: Answer) -> str:
    if answer.cancelled:
        return "The person did not answer. Take a sensible default and say which, or stop if there is none."
    return f"The person answered: {answer.words or '(nothing)'}"
