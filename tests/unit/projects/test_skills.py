"""Which skills a project has, and that none of their files can break a turn or be read with the server's rights."""

import os
from pathlib import Path

import pytest

from appx.agent.skills import MAX_SKILLS
from appx.projects.skills import skills
from tests.unit.tools.searches import SHOP, bench, project

pytestmark = pytest.mark.anyio


def text(name: str, description: str = "What it is for") -> str:
    return f"---\nname: {name}\ndescription: {description}\n---\n"


def write(folder: Path, name: str, content: str | None = None) -> Path:
    """A skill in a directory of its own."""
    file = folder / name / "SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(os.fsencode(text(name) if content is None else content))
    return file


async def told(workspace: Path, *folders: Path) -> list[str]:
    """The lines of the list."""
    section = await skills(bench(workspace), SHOP, shared=workspace / "shared", folders=folders)
    return [line for line in section.split("\n") if line.startswith("- ")]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The project's directory of skills."""
    return project(tmp_path, {"README.md": ""}) / ".pi" / "skills"


async def test_without_skills_nothing_is_told(own: Path, tmp_path: Path) -> None:
    assert await told(tmp_path) == []
    write(own, "a").unlink()
    assert await told(tmp_path) == []


async def test_skills_come_from_the_project_the_workspace_and_the_settings(own: Path, tmp_path: Path) -> None:
    write(own, "b")
    write(own, "a")
    write(tmp_path / "shared", "c")
    write(tmp_path / "more", "d")
    assert await told(tmp_path, tmp_path / "more") == [
        "- a: What it is for (.pi/skills/a/SKILL.md)",
        "- b: What it is for (.pi/skills/b/SKILL.md)",
        f"- c: What it is for ({tmp_path}/shared/c/SKILL.md)",
        f"- d: What it is for ({tmp_path}/more/d/SKILL.md)",
    ]


async def test_the_projects_goes_before_one_of_the_same_name(own: Path, tmp_path: Path) -> None:
    write(own, "a", text("a", "mine"))
    write(tmp_path / "shared", "a", text("a", "ours"))
    write(tmp_path / "more", "a", text("a", "theirs"))
    assert await told(tmp_path, tmp_path / "more") == ["- a: mine (.pi/skills/a/SKILL.md)"]


async def test_an_edit_counts_at_once(own: Path, tmp_path: Path) -> None:
    file = write(own, "a")
    file.write_text(text("a", "new words"))
    assert await told(tmp_path) == ["- a: new words (.pi/skills/a/SKILL.md)"]


async def test_only_a_file_of_the_right_name_in_a_directory_of_its_own_is_a_skill(own: Path, tmp_path: Path) -> None:
    for folder in (own, tmp_path / "shared"):
        write(folder / "deep", "er")
        (folder / "SKILL.md").write_text(text("top"))
        (folder / "empty").mkdir()
    assert await told(tmp_path) == []


async def test_what_an_agent_may_put_there_is_neither_followed_nor_waited_for(own: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret" / "SKILL.md"
    write(tmp_path, "secret", text("secret", "a key"))
    for name in ("link", "pipe", "folder", "loop"):
        (own / name).mkdir(parents=True)
    (own / "link/SKILL.md").symlink_to(secret)
    os.mkfifo(own / "pipe/SKILL.md")
    (own / "folder/SKILL.md").mkdir()
    (own / "loop/SKILL.md").symlink_to("SKILL.md")
    (own / "linked").symlink_to(secret.parent)
    lines = await told(tmp_path)
    assert [line.partition(" cannot be used: ")[0] for line in lines] == [
        f"- [.pi/skills/{name}/SKILL.md" for name in ("folder", "link", "loop", "pipe")
    ]
    assert "a key" not in "".join(lines)


async def test_a_directory_of_skills_that_is_a_link_out_of_the_project_is_not_followed(
    own: Path, tmp_path: Path
) -> None:
    write(tmp_path / "elsewhere", "a", text("a", "a key"))
    os.mkdir(own.parent)  # noqa: PTH102
    os.symlink(tmp_path / "elsewhere", own)  # noqa: PTH211
    assert await told(tmp_path) == []


async def test_the_servers_own_directories_are_read_with_the_same_care(own: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "pipe").mkdir(parents=True)
    os.mkfifo(shared / "pipe/SKILL.md")
    (shared / "link").symlink_to(write(tmp_path, "secret").parent)
    (shared / "file").mkdir()
    (shared / "file/SKILL.md").symlink_to(tmp_path / "secret/SKILL.md")
    (shared / "note.txt").touch()
    lines = await told(tmp_path, tmp_path / "none")
    assert [line.partition(" cannot be used: ")[0] for line in lines] == [
        *(f"- [{shared}/{name}/SKILL.md" for name in ("file", "link", "pipe")),
        f"- [{tmp_path}/none",
    ]


async def test_names_that_are_no_text_do_not_stop_a_turn(own: Path, tmp_path: Path) -> None:
    for folder in (own, tmp_path / "shared"):
        write(folder, os.fsdecode(b"caf\xe9"))
        write(folder, "new\nline", "no front matter")
    lines = await told(tmp_path)
    assert "\n".join(lines).encode(), "it can be sent"
    assert len(lines) == 4
    assert '- [".pi/skills/new\\nline/SKILL.md" cannot be used: its front matter has no name]' in lines


async def test_many_skills_are_bounded(own: Path, tmp_path: Path) -> None:
    for number in range(MAX_SKILLS + 3):
        write(own, f"s{number:03}")
    lines = await told(tmp_path)
    assert lines[MAX_SKILLS - 1 :] == [
        "- s099: What it is for (.pi/skills/s099/SKILL.md)",
        "- [3 more find no room here]",
    ]


async def test_a_project_whose_directory_is_gone_has_no_skills(tmp_path: Path) -> None:
    assert await told(tmp_path) == []
