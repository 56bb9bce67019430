"""Which instructions an agent gets: its project's own, the workspace's, in order, as they are now."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appx.agent.prompt import MAX_FILE, base_prompt
from appx.domain.egress import Egress
from appx.domain.errors import NotFound
from appx.domain.events import ModelChosen
from appx.domain.ids import ProjectId, SessionId
from appx.domain.questions import Answer, Question
from appx.kit import clock
from appx.models.registry import Models
from appx.projects import rows
from appx.projects.agents import Agents
from appx.projects.checkpoints import Checkpoints
from appx.projects.egress import EgressPolicies
from appx.projects.rows import Project
from appx.sessions.row import SessionRow
from appx.settings.settings import read_settings
from appx.store.database import Database
from appx.wiring.running import running
from tests.fakes.bench import FakeBench
from tests.unit.tools.searches import SHOP, bench, project

pytestmark = pytest.mark.anyio

TEA = Project(id=ProjectId("tea"), name="Tea", created_at=clock.now(), directory="/workspace/tea", deployment=None)
ROW = SessionRow(id=SessionId("s1"), project=TEA.id, created_at=clock.now())


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """Agents of a workspace whose builder prompt says ``global``."""
    (tmp_path / "global.md").write_text("global")
    database = Database(tmp_path / "appx.db")
    bench, egress = FakeBench(), no_egress(database, tmp_path)
    runs = running(
        read_settings({"WORKSPACE_DIR": str(tmp_path)}),
        database=database,
        workbench=bench,
        egress=egress,
        checkpoints=Checkpoints(bench),
    )
    yield Agents(
        database=database,
        workbench=bench,
        models=Models(state=tmp_path),
        workspace=tmp_path,
        global_prompt=tmp_path / "global.md",
        runtime="podman",
        ports="3000-3010",
        max_steps=7,
        egress=egress,
        apps=runs.apps,
        rollouts=runs.rollouts,
    )
    database.close()


def no_egress(database: Database, folder: Path) -> EgressPolicies:
    return EgressPolicies(
        database=database,
        default=Egress(),
        rules=None,
        policies=folder,
        refused=folder,
        published=range(3000, 3011),
    )


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


async def test_a_hard_link_to_a_file_that_only_the_server_may_read_is_not_told(agents: Agents, tmp_path: Path) -> None:
    """Some kernels let the agent make one (``fs.protected_hardlinks``); owner and kind are then as they should be."""
    keys = tmp_path / "credentials.json"
    keys.write_text("a key")
    keys.chmod(0o600)
    (agents.workspace / "AGENTS.md").hardlink_to(keys)
    assert await told(agents) == ["global"]
    keys.chmod(0o644)
    assert await told(agents) == ["global", "a key"]


async def test_a_huge_file_is_cut_and_says_so(agents: Agents) -> None:
    agents.global_prompt.write_text("x" * (MAX_FILE + 10))
    (text,) = await told(agents)
    assert text.startswith("x" * MAX_FILE + "\n[")
    assert text.endswith(f"is cut here, after 32,768 bytes. The rest: bash: tail -c +32769 {agents.global_prompt}]")


async def test_the_whole_prompt_is_bounded(agents: Agents) -> None:
    for name in ("AGENTS.md", "CLAUDE.md", "SYSTEM.md", "APPEND_SYSTEM.md", "global.md"):
        (agents.workspace / name).write_text("x" * 1_000_000)
    names = (".pi/SYSTEM.md", ".pi/APPEND_SYSTEM.md", "AGENTS.md", "CLAUDE.md")
    full = FakeBench(files=dict.fromkeys(names, b"y" * 1_000_000))
    prompt = await replace(agents, workbench=full).system(TEA)
    assert 6 * MAX_FILE < len(prompt) < 6 * MAX_FILE + 3_000
    assert prompt.count("is cut here, after 32,768 bytes") == 6


async def test_the_base_prompt_is_replaced_by_the_projects_or_else_the_workspaces(agents: Agents) -> None:
    assert (await agents.system(TEA)).startswith(base_prompt().strip())
    (agents.workspace / "SYSTEM.md").write_text("You are ours.\n")
    assert (await agents.system(TEA)).startswith("You are ours.\n\n# Instructions")
    own = having(agents, _pi__SYSTEM_md="You are mine.")
    assert (await own.system(TEA)).startswith("You are mine.\n\n# Instructions")
    assert (await having(agents, _pi__SYSTEM_md=" \n").system(TEA)).startswith("You are ours.")


async def test_what_is_added_to_the_base_is_the_workspaces_then_the_projects(agents: Agents) -> None:
    (agents.workspace / "APPEND_SYSTEM.md").write_text("Be brief.")
    own = FakeBench(files={".pi/SYSTEM.md": b"Base.", ".pi/APPEND_SYSTEM.md": b"Be kind."})
    prompt = await replace(agents, workbench=own).system(TEA)
    assert prompt.startswith("Base.\n\nBe brief.\n\nBe kind.\n\n# Instructions")


async def test_a_link_out_of_the_project_is_not_read_and_said(agents: Agents, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("open sesame")
    root = project(tmp_path, {"README.md": ""})
    (root / ".pi").mkdir()
    for name in ("SYSTEM.md", "APPEND_SYSTEM.md"):
        (root / ".pi" / name).symlink_to(tmp_path / "secret")
    os.mkfifo(root / "AGENTS.md")
    prompt = await replace(agents, workbench=bench(tmp_path)).system(replace(TEA, id=SHOP))
    assert "open sesame" not in prompt
    assert prompt.startswith(base_prompt().strip())
    assert prompt.count("could not be read: ") == 3


async def test_skills_are_listed(agents: Agents) -> None:
    folder = agents.workspace / "skills" / "tea"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: tea\ndescription: How to make tea\n---\n")
    assert f"- tea: How to make tea ({folder}/SKILL.md)\n" in await agents.system(TEA)


async def test_bytes_that_are_not_text_do_not_stop_a_turn(agents: Agents) -> None:
    odd = FakeBench(files={"AGENTS.md": b"\xff\xfe words"})
    assert await told(replace(agents, workbench=odd)) == ["global", "�� words"]


async def test_a_turn_works_with_the_default_model_until_another_is_chosen(agents: Agents) -> None:
    await agents.database.write(lambda db: rows.insert(db, TEA))
    agent = await agents.open(ROW, None, nobody)
    assert (agent.ref.provider, agent.ref.id, agent.max_steps) == ("scripted", "demo", 7)
    assert {"read", "write", "edit", "bash", "grep", "find", "ls", "ask", "deploy", "app"} <= {
        tool.name for tool in agent.toolbox.specs
    }
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
