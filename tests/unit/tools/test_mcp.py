"""Tools of MCP servers, as the model sees them."""

from base64 import b64encode

import pytest

from appx.domain.ids import CallId, ProjectId
from appx.domain.messages import Image, ToolCall, ToolResult
from appx.tools.mcp import mcp_tool
from appx.tools.read import MAX_PICTURE
from appx.tools.tool import Toolbox
from appx.workbench.mcp.shapes import McpCall, McpResult, McpTool
from tests.fakes.bench import FakeBench
from tests.fakes.mcp_server import png

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
FOUND = McpTool(name="shop__add", server="shop", tool="add", description="Add.", schema=SCHEMA)


async def called(bench: FakeBench, arguments: dict[str, object]) -> ToolResult:
    toolbox = Toolbox((mcp_tool(bench, ProjectId("tea"), FOUND),))
    return await toolbox.run(ToolCall(id=CallId("c"), name="shop__add", arguments=arguments), lambda _: None)


async def test_the_model_is_told_the_schema_of_the_server() -> None:
    (spec,) = Toolbox((mcp_tool(FakeBench(), ProjectId("tea"), FOUND),)).specs
    assert (spec.name, spec.description, spec.schema) == ("shop__add", "Add.", SCHEMA)


async def test_arguments_go_to_the_server_as_they_are() -> None:
    bench = FakeBench(answer=McpResult(ok=True, text="5"))
    arguments = {"a": "no number", "model_config": {"x": [1, None]}, "root": 1}
    assert await called(bench, arguments) == ToolResult(ok=True, text="5")
    assert bench.calls == [
        McpCall(server="shop", tool="add", arguments=arguments, time_limit=300.0, keep_bytes=50 * 1024)
    ]


@pytest.mark.parametrize("value", ["half \ud800", float("nan"), {"deep": ["\udfff"]}, {"\ud800": 1}])
async def test_arguments_that_cannot_be_sent_are_refused_with_the_reason(value: object) -> None:
    bench = FakeBench()
    result = await called(bench, {"a": value})
    assert (result.ok, bench.calls) == (False, [])
    assert "hold half of a surrogate pair, or a number that is infinite or none" in result.text


async def test_a_picture_is_attached_and_another_kind_is_said_to_be_none() -> None:
    encoded = b64encode(png()).decode()
    pictures = (encoded, "not base64!", b64encode(b"<svg/>").decode(), b64encode(png()[:12]).decode())
    result = await called(FakeBench(answer=McpResult(ok=True, text="", pictures=pictures)), {})
    assert result.images == (Image(data=encoded, media_type="image/png"),)
    assert result.text.splitlines() == [
        "[picture 1: image/png, 1x1 pixels, 69 bytes]",
        "[picture 2 cannot be shown: it is not base64]",
        "[picture 3 cannot be shown: it is no png, jpg, gif or webp]",
        "[The file begins as image/png, but it is damaged or cut: its width and height are missing.]",
    ]


async def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    picture = b64encode(b"\xff\xd8" + b"\xff" * MAX_PICTURE).decode()
    for encoded in (picture, picture.lower().replace("/", "-")):
        result = await called(FakeBench(answer=McpResult(ok=True, text="", pictures=(encoded,))), {})
        assert result.images == ()
        assert result.text.startswith("[picture 1 is too large to attach: 3,932,16")


async def test_pictures_that_are_too_many_for_the_turn_are_left_out_and_the_text_stays() -> None:
    large = b64encode(png().ljust(MAX_PICTURE, b"\0")).decode()
    bench = FakeBench(answer=McpResult(ok=True, text="Done.", pictures=(large,) * 4))
    toolbox = Toolbox((mcp_tool(bench, ProjectId("tea"), FOUND),))
    call = ToolCall(id=CallId("c"), name="shop__add", arguments={})
    first, second = [await toolbox.run(call, lambda _: None) for _ in range(2)]
    assert (first.ok, len(first.images)) == (True, 4)
    assert (second.ok, second.images) == (False, ())
    assert second.text.startswith("Done.\n[picture 1: image/png")
    assert "[not attached: 15,728,640 bytes of pictures, and of the 20,000,000 bytes of one turn" in second.text
