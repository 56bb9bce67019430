"""Which instructions an agent gets: its project's own, the workspace's, in order, as they are now."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appx.domain.errors import NotFound
from appx.domain.events import ModelChosen
from appx.domain.ids import ProjectId, SessionId
from appx.domain.questions import Answer, Question
from appx.kit import clock
from appx.models.registry import Models
from appx.projects import rows
from appx.projects.agents import MAX_CONTEXT_FILE, Agents
from appx.projects.rows import Project
from appx.sessions.row import SessionRow
from appx.store.database import Database
from tests.fakes.bench import FakeBench

pytestmark = pytest.mark.anyio

TEA = Project(id=ProjectId("tea"), name="Tea", created_at=clock.now(), directory="/workspace/tea", deployment=None)
ROW = SessionRow(id=SessionId("s1"), project=TEA.id, created_at=clock.now())


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """Agents of a workspace whose builder prompt says ``global``."""
    (tmp_path / "global.md").write_text("global")
    database = Database(tmp_path / "appx.db")
    yield Agents(
        database=database,
        workbench=FakeBench(),
        models=Models(state=tmp_path),
        workspace=tmp_path,
        global_prompt=tmp_path / "global.md",
        runtime="podman",
        ports="3000-3010",
        max_steps=7,
    )
    database.close()


def having(agents: Agents, **files: str) -> Agents:
    """With these files in the project; ``__`` in a name is a slash, ``_`` a dot."""
    named = {name.replace("__", "/").replace("_", "."): text.encode() for name, text in files.items()}
    return replace(agents, workbench=FakeBench(files=named))


async def told(agents: Agents) -> list[str]:
    """The instructions, in order."""
    parts = (await agents.system(TEA)).split("# Instructions from ")[1:]
    return [part.partition("\n\n")[2].split("\n\n# ")[0].strip() for part in parts]


async def nobody(_question: Question) -> Answer:
    raise AssertionError("nothing is asked here")


async def test_the_builder_prompt_is_there_when_nothing_else_is(agents: Agents) -> None:
    assert await told(agents) == ["global"]


async def test_a_projects_own_prompt_stands_in_the_place_of_the_builder_prompt(agents: Agents) -> None:
    assert await told(having(agents, _pi__AGENTS_md="own")) == ["own"]


async def test_instructions_go_from_general_to_particular(agents: Agents) -> None:
    (agents.workspace / "AGENTS.md").write_text("shared")
    assert await told(having(agents, AGENTS_md="of the app")) == ["global", "shared", "of the app"]


async def test_agents_md_goes_before_claude_md(agents: Agents) -> None:
    (agents.workspace / "CLAUDE.md").write_text("shared")
    assert await told(having(agents, CLAUDE_md="of the app")) == ["global", "shared", "of the app"]
    both = having(agents, CLAUDE_md="not this", AGENTS_md="this")
    assert await told(both) == ["global", "shared", "this"]


async def test_an_edit_counts_at_once(agents: Agents) -> None:
    agents.global_prompt.write_text("changed")
    assert await told(agents) == ["changed"]


async def test_without_any_file_there_are_no_instructions(agents: Agents) -> None:
    agents.global_prompt.unlink()
    assert await told(agents) == []


async def test_what_the_agent_itself_could_have_put_into_the_workspace_is_not_followed(
    agents: Agents, tmp_path: Path
) -> None:
    """The top of the workspace is open to the agent of every project."""
    secret = tmp_path / "secret"
    secret.write_text("a key")
    (agents.workspace / "AGENTS.md").symlink_to(secret)
    os.mkfifo(agents.workspace / "CLAUDE.md")
    assert await told(agents) == ["global"]


async def test_a_huge_file_is_cut(agents: Agents) -> None:
    agents.global_prompt.write_text("x" * (MAX_CONTEXT_FILE + 10))
    assert [len(text) for text in await told(agents)] == [MAX_CONTEXT_FILE]


async def test_bytes_that_are_not_text_do_not_stop_a_turn(agents: Agents) -> None:
    bench = FakeBench(files={"AGENTS.md": b"\xff\xfe words"})
    assert await told(replace(agents, workbench=bench)) == ["global", "�� words"]


async def test_a_turn_works_with_the_default_model_until_another_is_chosen(agents: Agents) -> None:
    await agents.database.write(lambda db: rows.insert(db, TEA))
    agent = await agents.open(ROW, None, nobody)
    assert (agent.ref.provider, agent.ref.id, agent.max_steps) == ("scripted", "demo", 7)
    assert {"read", "write", "edit", "bash"} <= {tool.name for tool in agent.toolbox.specs}
    assert "global" in agent.system
    chosen = ModelChosen(provider="anthropic", model_id="claude-opus-5-5", thinking="off")
    agent = await agents.open(ROW, chosen, nobody)
    assert (agent.ref.id, agent.thinking) == ("claude-opus-5-5", "low"), "the level is one that the model has"


async def test_a_project_or_a_model_that_is_gone_is_said_so(agents: Agents) -> None:
    with pytest.raises(NotFound, match="tea"):
        await agents.open(ROW, None, nobody)
    await agents.database.write(lambda db: rows.insert(db, TEA))
    with pytest.raises(NotFound, match="model"):
        await agents.open(ROW, ModelChosen(provider="gone", model_id="m", thinking="off"), nobody)
