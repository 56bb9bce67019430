"""What a model may send is bounded, whatever the tool, and it is told so in few words."""

import pytest

from appx.domain.ids import CallId
from appx.domain.messages import ToolCall, ToolResult
from appx.domain.questions import Answer, Question
from appx.tools.arguments import MAX_PATH, MAX_PATTERN
from appx.tools.ask import ask
from appx.tools.edit import MAX_EDITS
from appx.tools.find import find
from appx.tools.grep import grep
from appx.tools.ls import ls
from appx.tools.tool import Toolbox
from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import PROJECT, toolbox

pytestmark = pytest.mark.anyio


async def nobody(question: Question) -> Answer:
    raise AssertionError(question)


async def call(name: str, **arguments: object) -> ToolResult:
    bench = FakeBench(files={"f": b"a"})
    searching = (tool(bench, PROJECT, "/workspace/demo") for tool in (grep, find, ls))
    tools = Toolbox((*toolbox(bench).tools, *searching, ask(nobody)))
    result = await tools.run(ToolCall(id=CallId("c"), name=name, arguments=arguments), lambda _: None)
    assert not bench.commands
    return result


@pytest.mark.parametrize(
    ("name", "field", "most", "others"),
    [
        ("read", "path", MAX_PATH, {}),
        ("write", "path", MAX_PATH, {"content": ""}),
        ("edit", "path", MAX_PATH, {"edits": [{"oldText": "a", "newText": "b"}]}),
        ("ls", "path", MAX_PATH, {}),
        ("find", "path", MAX_PATH, {"pattern": "a"}),
        ("grep", "path", MAX_PATH, {"pattern": "a"}),
        ("grep", "pattern", MAX_PATTERN, {}),
        ("grep", "glob", MAX_PATTERN, {"pattern": "a"}),
        ("find", "pattern", MAX_PATTERN + 2, {}),
    ],
)
async def test_a_path_or_pattern_that_is_too_long_is_refused(
    name: str, field: str, most: int, others: dict[str, object]
) -> None:
    told = f"The arguments of {name} are not valid. {field}: String should have at most {most} characters"
    for size in (most + 1, 1_000_000):
        assert await call(name, **{**others, field: "{" * size}) == ToolResult(ok=False, text=told)


@pytest.mark.parametrize("wrong", [1, "x", None, {"oldText": 1}])
async def test_of_a_long_list_that_is_wrong_one_problem_is_told(wrong: object) -> None:
    for result in (
        await call("edit", path="f", edits=[wrong] * 5_000),
        await call("ask", question="?", options=[1] * 5_000),
    ):
        assert not result.ok
        assert len(result.text) < 200


async def test_a_call_takes_so_many_edits_and_no_more() -> None:
    edits = [{"oldText": "a", "newText": "b"}] * (MAX_EDITS + 1)
    result = await call("edit", path="f", edits=edits)
    assert result.text == (
        f"The arguments of edit are not valid. edits: List should have at most {MAX_EDITS} items after validation, "
        f"not {MAX_EDITS + 1}"
    )
