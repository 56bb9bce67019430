"""Templates: read from directories that the operator names, packed as an archive."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from appx.domain.errors import Invalid, Unavailable
from appx.projects import templates
from appx.projects.templates import BUILT_IN, Templates, archive

pytestmark = pytest.mark.anyio


def make(folder: Path, name: str, about: object = None, **files: str) -> Path:
    directory = folder / name
    (directory / "files").mkdir(parents=True)
    (directory / "template.json").write_text(json.dumps(about or {"description": f"About {name}."}))
    for path, text in files.items():
        (directory / "files" / path).write_text(text)
    return directory


async def packed(directory: Path, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(await archive(await Templates((directory,)).get(name))))


async def test_each_directory_is_a_template_with_what_it_says_of_itself(tmp_path: Path) -> None:
    make(tmp_path, "shop", {"description": "A shop.", "health": "/health"})
    make(tmp_path, "blog")
    found = await Templates((tmp_path,)).list()
    assert [(each.name, each.description, each.health) for each in found] == [
        ("blog", "About blog.", ""),
        ("shop", "A shop.", "/health"),
    ]


async def test_of_two_with_one_name_that_of_the_operator_counts(tmp_path: Path) -> None:
    make(tmp_path / "a", "shop", {"description": "Ours."})
    make(tmp_path / "b", "shop", {"description": "Theirs."})
    found = await Templates((tmp_path / "a", tmp_path / "b")).list()
    assert [each.description for each in found] == ["Theirs."]


@pytest.mark.parametrize(
    "about",
    [
        [],
        {"description": ""},
        {"description": "x", "healt": "/"},
        {"description": "x", "health": "health"},
        {"description": "x", "health": "/a b"},
    ],
)
async def test_what_says_nothing_useful_of_itself_is_left_out(tmp_path: Path, about: object) -> None:
    make(tmp_path, "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/template.json").write_text(json.dumps(about))
    assert [each.name for each in await Templates((tmp_path,)).list()] == ["good"]


async def test_what_is_no_template_is_left_out_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no directory")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/template.json").write_text("{")
    make(tmp_path / "elsewhere", "real")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere/real")
    make(tmp_path, "UPPER")
    assert await Templates((tmp_path, tmp_path / "nowhere")).list() == []


async def test_an_unknown_one_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    make(tmp_path, "shop")
    with pytest.raises(Invalid, match=r"no template 'shpo'.*are: shop"):
        await Templates((tmp_path,)).get("shpo")
    with pytest.raises(Invalid, match="no template"):
        await Templates((tmp_path,)).get("../shop")
    with pytest.raises(Invalid, match="are: none"):
        await Templates(()).get("shop")


async def test_the_archive_has_its_files_with_what_may_be_run(tmp_path: Path) -> None:
    directory = make(tmp_path, "shop", None, **{".gitignore": "data\n", "run": "#!/bin/sh\n"})
    (directory / "files/run").chmod(0o755)
    (directory / "files/deep/er").mkdir(parents=True)
    (directory / "files/deep/er/x.txt").write_text("x")
    with await packed(tmp_path, "shop") as found:
        assert found.namelist() == [".gitignore", "deep/er/x.txt", "run"]
        assert [found.getinfo(name).external_attr >> 16 & 0o111 for name in found.namelist()] == [0, 0, 0o111]
        assert found.read("deep/er/x.txt") == b"x"


async def test_links_and_what_tools_leave_behind_are_not_in_it(tmp_path: Path) -> None:
    directory = make(tmp_path, "shop", None, real="x")
    (directory / "files/link").symlink_to("/etc/passwd")
    (directory / "files/folder").symlink_to("/etc")
    for name in (".git", "__pycache__", "node_modules"):
        (directory / "files" / name).mkdir()
        (directory / "files" / name / "x").write_text("x")
    with await packed(tmp_path, "shop") as found:
        assert found.namelist() == ["real"]


async def test_one_that_is_too_large_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "shop", None, a="12345", b="67890")
    monkeypatch.setattr(templates, "MAX_SIZE", 9)
    with pytest.raises(Unavailable, match="Make it smaller"):
        await packed(tmp_path, "shop")
    monkeypatch.setattr(templates, "MAX_SIZE", 10)
    monkeypatch.setattr(templates, "MAX_FILES", 1)
    with pytest.raises(Unavailable, match="Make it smaller"):
        await packed(tmp_path, "shop")


@pytest.mark.parametrize("name", sorted(each.name for each in BUILT_IN.iterdir()))
async def test_those_of_appx_are_whole(name: str) -> None:
    """They start from base images that are there, run as another user than root, and have tests and instructions."""
    found = await Templates((BUILT_IN,)).get(name)
    assert found.health.startswith("/")
    with await packed(BUILT_IN, name) as files:
        names = set(files.namelist())
        assert f"`health: {found.health}`" in files.read("AGENTS.md").decode()
        assert {"README.md", "AGENTS.md"} <= names
        recipes = {each: files.read(each).decode() for each in names if each.endswith("Containerfile")}
    assert recipes
    for path, recipe in recipes.items():
        place = path.removesuffix("Containerfile")
        assert place or ".containerignore" in names, "only a directory without anything else in it needs none"
        assert any(each.startswith(f"{place}tests/") for each in names)
        check_recipe(recipe)


def check_recipe(recipe: str) -> None:
    bases = [line.split()[1] for line in recipe.splitlines() if line.startswith("FROM ")]
    stages = {line.split()[3] for line in recipe.splitlines() if line.startswith("FROM ") and " AS " in line}
    assert "test" in stages
    assert {each for each in bases if each not in stages} <= {
        f"localhost/appx/{each}" for each in ("static", "python", "node")
    }
    assert bases[-1] == "localhost/appx/static" or "\nUSER app\n" in recipe.rpartition("\nFROM ")[2]
