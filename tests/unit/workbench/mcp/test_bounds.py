"""What a workbench says of MCP servers has a bound; what a true one says is within it."""

from hypothesis import given
from hypothesis import strategies as st

from appx.workbench.mcp import bounds
from appx.workbench.mcp.bounds import bounded
from appx.workbench.mcp.config import FILE, read
from appx.workbench.mcp.failure import without
from appx.workbench.mcp.listing import Offer, left_out, tools_of
from appx.workbench.mcp.shapes import McpServer, McpServers, McpTool

offers = st.builds(
    Offer,
    tool=st.text(min_size=1, max_size=80),
    description=st.text(max_size=20),
    schema=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
servers = st.dictionaries(st.text(min_size=1, max_size=20), st.lists(offers, max_size=4), max_size=4)


def tool(name: str = "s__t", *, server: str = "s", own: str = "t", description: str = "") -> McpTool:
    return McpTool(name=name, server=server, tool=own, description=description, schema={})


def ready(name: str, *tools: McpTool, error: str = "") -> McpServer:
    return McpServer(name=name, state="ready", error=error, tools=tools)


@given(servers)
def test_what_a_workbench_tells_is_told_whole(given: dict[str, list[Offer]]) -> None:
    found = tools_of(given)
    told = McpServers(servers=tuple(ready(name, *tools) for name, tools in found.items()), problems=("One.",))
    assert bounded(told) == told


def test_as_many_tools_as_there_may_be_are_told_whole() -> None:
    many = [Offer(tool=f"t{number}", description="d" * 1_300, schema={}) for number in range(bounds.MAX_TOOLS)]
    told = McpServers(servers=(ready("s", *tools_of({"s": many})["s"]),))
    assert len(told.servers[0].tools) == bounds.MAX_TOOLS
    assert bounded(told) == told


def test_the_sentences_of_a_workbench_are_told_whole() -> None:
    unusable = [f"{'x' * bounds.MAX_TOOL_NAME!r}: {'y' * 150}."] * 10
    said = left_out(offered=2_000, used=100, unusable=unusable)
    long = without((), "z" * 5_000)
    told = McpServers(servers=(ready("a", error=said), ready("b", error=long)), problems=read(b"{", {}).problems)
    assert bounded(told) == told
    assert told.problems[0].startswith(FILE)


def test_no_more_servers_and_tools_are_taken_than_there_may_be() -> None:
    many = McpServers(servers=tuple(ready(f"s{n}", *(tool(f"t{n}_{m}") for m in range(50))) for n in range(50)))
    found = bounded(many)
    assert len(found.servers) == bounds.MAX_SERVERS
    assert [len(each.tools) for each in found.servers] == [50, 50, *[0] * 14]


def test_descriptions_and_schemas_have_a_bound_together() -> None:
    large = [tool(f"t{number}", description="d" * 50_000) for number in range(5)]
    found = bounded(McpServers(servers=(ready("a", *large), ready("b", tool()))))
    assert [[each.name for each in server.tools] for server in found.servers] == [["t0", "t1"], ["s__t"]]


def test_a_tool_that_no_workbench_would_name_so_is_left_out() -> None:
    odd = (tool("x" * 65), tool(""), tool("a b"), tool(server="s" * 101), tool(own="t" * 201))
    assert bounded(McpServers(servers=(ready("a", *odd, tool()),))).servers[0].tools == (tool(),)


def test_names_and_sentences_are_cut_off() -> None:
    found = bounded(McpServers(servers=(ready("n" * 500, error="e" * 30_000),), problems=("p" * 30_000,) * 30))
    assert (len(found.servers[0].name), len(found.servers[0].error)) == (bounds.MAX_SERVER_NAME, bounds.MAX_ERROR)
    assert [len(each) for each in found.problems] == [bounds.MAX_ERROR] * bounds.MAX_PROBLEMS
    assert found.problems[0].endswith("p…")
