"""Reading ``.pi/mcp.json``: what the field writes is taken, what is wrong gets a sentence without values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.workbench.mcp.config import MAX_FILE, Config, Http, Stdio, read

HOME = {"HOME": "/home/builder", "EMPTY": ""}


def reading(**servers: object) -> Config:
    return read(json.dumps({"mcpServers": servers}).encode(), HOME)


def one(given: object) -> Stdio | Http | str | None:
    return reading(it=given).servers["it"]


def test_a_command_and_an_address_are_servers() -> None:
    assert one({"command": "npx", "args": ["-y", "x"], "env": {"A": "b"}}) == Stdio(
        command="npx", args=["-y", "x"], env={"A": "b"}
    )
    assert one({"url": "https://x.example/mcp", "headers": {"X-Key": "k"}}) == Http(
        url="https://x.example/mcp", headers={"X-Key": "k"}
    )


@pytest.mark.parametrize("key", ["url", "httpUrl", "serverUrl"])
@pytest.mark.parametrize("kind", [{}, {"type": "http"}, {"type": "streamable-http"}, {"transport": "http"}])
def test_what_other_tools_write_is_taken(key: str, kind: dict[str, str]) -> None:
    assert one({key: "http://x/mcp", "alwaysAllow": [], "timeout": 5, **kind}) == Http(url="http://x/mcp")
    assert read(b'{"servers": {"it": {"command": "a", "args": null, "env": null}}}', {}).servers == {
        "it": Stdio(command="a")
    }
    assert one({"command": "a", "env": {"PORT": 3000}}) == Stdio(command="a", env={"PORT": "3000"})


@pytest.mark.parametrize("given", [{"command": "a", "disabled": True}, {"url": "http://x", "enabled": False}])
def test_a_server_can_be_switched_off(given: object) -> None:
    assert one(given) is None


def test_variables_of_the_workbench_are_filled_in() -> None:
    given = {"command": "${HOME}/x", "args": ["${env:HOME}", "${NO:-else}", "$HOME"], "env": {"A": "${EMPTY:-b}"}}
    found = one(given)
    assert found == Stdio(command="/home/builder/x", args=["/home/builder", "else", "$HOME"], env={"A": "b"})
    assert one({"command": "a", "env": {"KEY": "${NO}"}}) == (
        "The workbench has no variable NO. Write its value into .pi/mcp.json, or ${NO:-…}."
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, 'It needs either "command" or "url".'),
        ({"command": "a", "url": "http://x"}, 'It needs either "command" or "url".'),
        ([], 'It must be an object: {"command": …} or {"url": …}.'),
        ({"command": ""}, "command: String should have at least 1 character."),
        ({"command": 5, "args": [[]]}, "args.0: Input should be a valid string."),
        ({"command": "a", "args": "-y x"}, "args: Input should be a valid list."),
        ({"command": "a\0"}, "command: it has a NUL character."),
        ({"command": "a", "env": {"A=B": "c"}}, "env.A=B: String should match pattern '^[A-Za-z_][A-Za-z0-9_]*$'."),
        ({"command": "a", "env": {"A": {}}}, "env.A: Input should be a valid string."),
        ({"url": "ftp://x"}, "url: it must be an address such as https://example.com/mcp."),
        ({"url": "http://x:99999/"}, "url: it must be an address such as https://example.com/mcp."),
        ({"url": "http://x", "headers": {"A": "b\nc"}}, "headers.A: only printable ASCII goes into a header."),
        ({"url": "http://x", "type": "sse"}, "The transport sse is not spoken here; use streamable HTTP (type http)."),
    ],
)
def test_each_mistake_has_a_sentence(given: object, problem: str) -> None:
    assert one(given) == problem


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (b"{", ".pi/mcp.json is not JSON: EOF while parsing an object at line 1 column 1."),
        (b"[]", '.pi/mcp.json must be {"mcpServers": {"name": {…}}}.'),
        (b'{"mcpServers": []}', '.pi/mcp.json must be {"mcpServers": {"name": {…}}}.'),
        (b" " * (MAX_FILE + 1), ".pi/mcp.json has more than 65536 bytes, the most."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(file: bytes, problem: str) -> None:
    assert read(file, {}) == Config(problems=(problem,))


def test_an_empty_file_and_one_without_servers_are_none() -> None:
    assert read(b"", {}) == read(b"{}", {}) == read(b" \n", {}) == Config()


def test_names_and_their_number_have_bounds() -> None:
    found = read(json.dumps({"mcpServers": {f"s{n}": {"command": "a"} for n in range(20)}}).encode(), {})
    assert len(found.servers) == 16
    assert found.problems == (".pi/mcp.json names 20 servers; only the first 16 are used.",)
    for name in ("", "x" * 101, "a\nb"):
        assert reading(**{name: {"command": "a"}}).servers[name] == (
            "Its name must have 1 to 100 printable characters."
        )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
keys = st.sampled_from(["command", "args", "env", "cwd", "url", "headers", "type", "disabled", "x"])


@given(st.dictionaries(st.text(max_size=5), st.dictionaries(keys, json_values, max_size=5) | json_values, max_size=4))
def test_whatever_the_file_says_there_is_an_answer(servers: dict[str, object]) -> None:
    found = reading(**servers)
    assert list(found.servers) == list(servers)[:16]


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_there_is_an_answer(data: bytes) -> None:
    read(data, {})


def test_no_problem_shows_a_value() -> None:
    for written in (
        {"command": "a", "env": {"KEY": ["sesame42"]}},
        {"command": "a", "env": {"KEY": "sesame42\0"}},
        {"url": "http://x", "headers": {"Authorization": "sesame42 ☃"}},
        {"url": "sesame42"},
        {"command": ["sesame42"]},
    ):
        problem = one(written)
        assert isinstance(problem, str)
        assert "sesame42" not in problem


def test_secrets_are_the_values_and_what_hides_in_them() -> None:
    http = Http(url="https://me:pass@x/mcp?key=inurl&b", headers={"Authorization": "Bearer token"})
    assert {"Bearer token", "token", "me", "pass", "key=inurl&b", "key=inurl", "inurl"} <= set(http.secrets)
    assert Stdio(command="a", env={"A": "b"}).secrets == ("b",)
