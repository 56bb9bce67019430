"""Which template a prompt calls: the project's, else the workspace's, else none."""

import os
from pathlib import Path

import pytest

from appx.domain.errors import Invalid
from appx.projects.prompt_templates import MAX_TEMPLATE, PromptTemplates
from tests.unit.tools.searches import SHOP, bench, project

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The project's directory of templates."""
    folder = project(tmp_path, {"README.md": ""}) / ".pi" / "prompts"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    return folder


async def expand(workspace: Path, prompt: str) -> str:
    return await PromptTemplates(workbench=bench(workspace), shared=workspace / "prompts").expand(SHOP, prompt)


async def test_the_projects_goes_before_the_workspaces(own: Path, shared: Path, tmp_path: Path) -> None:
    (shared / "review.md").write_text("ours: $1")
    assert await expand(tmp_path, "/review tests") == "ours: tests"
    (own / "review.md").write_text("mine: $1")
    assert await expand(tmp_path, "/review tests") == "mine: tests"


@pytest.mark.parametrize("prompt", ["/unknown words", "/etc/passwd is there", "review", "/", "/../README", "/README"])
async def test_a_prompt_that_calls_none_is_sent_as_it_is(own: Path, tmp_path: Path, prompt: str) -> None:
    assert await expand(tmp_path, prompt) == prompt


async def test_without_a_directory_of_templates_it_is_sent_as_it_is(tmp_path: Path) -> None:
    assert await expand(tmp_path, "/review") == "/review", "the project's directory is gone"
    project(tmp_path, {"README.md": ""})
    assert await expand(tmp_path, "/review") == "/review"


async def test_a_template_that_cannot_be_read_is_refused(own: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a key")
    (own / "link.md").symlink_to(tmp_path / "secret")
    os.mkfifo(own / "pipe.md")
    (own / "folder.md").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(Invalid, match=rf"\.pi/prompts/{name}\.md: "):
            await expand(tmp_path, f"/{name}")


async def test_the_workspaces_links_and_pipes_are_passed_over(own: Path, shared: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a key")
    (shared / "link.md").symlink_to(tmp_path / "secret")
    os.mkfifo(shared / "pipe.md")
    for prompt in ("/link", "/pipe"):
        assert await expand(tmp_path, prompt) == prompt


async def test_a_template_has_a_size(own: Path, tmp_path: Path) -> None:
    (own / "long.md").write_text("x" * MAX_TEMPLATE)
    assert len(await expand(tmp_path, "/long")) == MAX_TEMPLATE
    (own / "long.md").write_text("x" * (MAX_TEMPLATE + 1))
    with pytest.raises(Invalid, match=r"long\.md has more than 65,536 bytes"):
        await expand(tmp_path, "/long")


async def test_bytes_that_are_not_text_are_shown_as_such(own: Path, tmp_path: Path) -> None:
    (own / "odd.md").write_bytes(b"caf\xe9")
    assert await expand(tmp_path, "/odd") == "caf\ufffd"
