"""Projects that come in from a git repository or an archive, and go out as a bundle, over HTTP."""

import io
import zipfile
from pathlib import Path

import pytest
from anyio import to_thread
from click.testing import CliRunner, Result

from appx.cli.main import main
from appx.projects import cloning
from tests.fakes.git_server import git, repository, served
from tests.flows.api import TOKEN, Api

pytestmark = pytest.mark.anyio


async def imported(api: Api, address: str, name: str = "x") -> Path:
    found = await api.ok("POST", "/v1/projects", {"name": name, "import": {"git": address}})
    return Path(found["projectDir"])


async def refused(api: Api, address: str, status: int = 400) -> str:
    """What is said; and that nothing stays."""
    found, answer = await api.call("POST", "/v1/projects", {"name": "x", "import": {"git": address}})
    assert found == status, answer
    assert await api.ok("GET", "/v1/projects") == {"projects": []}
    said: str = answer["error"]
    return said


async def test_a_repository_comes_in_with_its_history(api: Api, tmp_path: Path) -> None:
    there = repository(tmp_path / "there", **{"README.md": "# There\n", ".gitignore": "data\n"})
    with served(there) as address:
        directory = await imported(api, address)
        assert await imported(api, address) == directory
    assert (directory / "README.md").read_text() == "# There\n"
    assert git(directory, "log", "--format=%s") == "first"
    assert git(directory, "branch", "--show-current") == "trunk"
    assert git(directory, "tag") == "v1"
    assert git(directory, "status", "--porcelain") == "?? .pi/"
    found = (await api.ok("GET", "/v1/projects/x/checkpoints"))["checkpoints"]
    assert [each["message"] for each in found] == [f"Begin with {address}"]


async def test_links_submodules_and_hooks_of_it_do_nothing(api: Api, tmp_path: Path) -> None:
    there = repository(tmp_path / "there", a="a")
    (there / "passwords").symlink_to("/etc/passwd")
    (there / ".gitmodules").write_text(
        '[submodule "s"]\n\tpath = s\n\turl = ext::touch /tmp/never\n\tupdate = !false\n'
    )
    git(there, "update-index", "--add", "--cacheinfo", f"160000,{git(there, 'rev-parse', 'HEAD')},s")
    git(there, "add", "passwords", ".gitmodules")
    git(there, "commit", "--quiet", "--message", "second")
    (there / ".git/hooks/post-checkout").write_text("#!/bin/sh\ntouch ran\n")
    with served(there) as address:
        directory = await imported(api, address)
    assert (directory / "passwords").is_symlink()
    assert (await api.call("GET", "/v1/projects/x/files?path=passwords"))[0] == 400
    assert list((directory / "s").iterdir()) == []
    assert not (directory / "ran").exists()
    assert not (directory / ".git/hooks").exists()


@pytest.mark.parametrize("address", ["ext::sh -c 'touch ran'", "file:///etc", "ssh://-oProxyCommand=x/a"])
async def test_other_protocols_are_refused_before_anything_is_made(api: Api, address: str, tmp_path: Path) -> None:
    assert "no address of a repository" in await refused(api, address)
    assert not (tmp_path / "workspace/x").exists()


async def test_git_itself_speaks_no_other_protocol_either(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appx.http.projects.checked_address", lambda address: address)
    there = repository(tmp_path / "there", a="a")
    assert "transport 'file' not allowed" in await refused(api, there.as_uri())
    assert "transport 'ext' not allowed" in await refused(api, "ext::sh -c 'touch ran'")


async def test_what_is_not_there_leaves_no_project_and_says_why(api: Api, tmp_path: Path) -> None:
    with served(repository(tmp_path / "there", a="a")) as address:
        assert "not found" in await refused(api, f"{address}nothing/")
    assert "git could not fetch" in await refused(api, address)
    assert not (tmp_path / "workspace/x").exists()


async def test_one_without_a_commit_is_refused(api: Api, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    git(there, "init", "--quiet")
    with served(there) as address:
        assert "no commit" in await refused(api, address)


@pytest.mark.parametrize(("limit", "most"), [("MAX_FILES", 2), ("MAX_SIZE", 29), ("MAX_REPOSITORY", 16 << 10)])
async def test_what_is_too_large_is_refused_and_leaves_nothing(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(cloning, limit, most)
    with served(repository(tmp_path / "there", a="x" * 10, b="y" * 10, c="z" * 10)) as address:
        assert "too large" in await refused(api, address, 413)
    assert not (tmp_path / "workspace/x").exists()


async def test_what_takes_too_long_is_given_up(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloning, "SECONDS", 0.01)
    with served(repository(tmp_path / "there", a="a")) as address:
        assert "did not come in" in await refused(api, address)


async def test_a_project_begins_with_one_thing(api: Api) -> None:
    body = {"name": "x", "template": "static", "import": {"git": "https://example.com/a"}}
    status, answer = await api.call("POST", "/v1/projects", body)
    assert (status, "not with both" in answer["error"]) == (400, True)


async def bundled(api: Api, folder: Path) -> Path:
    """A clone of the bundle of the project x."""
    answer = await api.http.get("/v1/projects/x/bundle")
    assert answer.status_code == 200, answer.text
    assert "x.bundle" in answer.headers["content-disposition"]
    (folder / "x.bundle").write_bytes(answer.content)
    git(folder, "clone", "--quiet", "x.bundle", "clone")
    return folder / "clone"


async def test_a_project_goes_out_with_its_branches_tags_and_checkpoints(api: Api, tmp_path: Path) -> None:
    with served(repository(tmp_path / "there", a="a")) as address:
        directory = await imported(api, address)
    git(directory, "branch", "other")
    (directory / "new.txt").write_text("not committed")
    (directory / ".git/hooks").mkdir()
    before = git(directory, "status", "--porcelain")
    clone = await bundled(api, tmp_path)
    assert git(clone, "log", "--format=%s") == "first"
    assert git(clone, "branch", "--show-current") == "trunk"
    assert {"origin/other", "origin/trunk"} <= set(
        git(clone, "branch", "--remotes", "--format=%(refname:short)").split()
    )
    assert git(clone, "tag") == "v1"
    git(clone, "fetch", "--quiet", "origin", "refs/appx/checkpoints:kept")
    assert git(clone, "show", "kept:new.txt") == "not committed"
    assert len(git(clone, "log", "--format=%s", "kept").splitlines()) == 2
    assert git(directory, "status", "--porcelain") == before


async def test_where_nobody_committed_the_newest_checkpoint_is_the_branch_main(api: Api, tmp_path: Path) -> None:
    await api.ok("POST", "/v1/projects", {"name": "x"})
    directory = tmp_path / "workspace/x"
    (directory / "page.txt").write_text("hello")
    clone = await bundled(api, tmp_path)
    assert git(clone, "branch", "--show-current") == "main"
    assert (clone / "page.txt").read_text() == "hello"
    assert git(directory, "for-each-ref", "--format=%(refname)") == "refs/appx/checkpoints"


async def test_a_head_that_is_on_no_branch_goes_out_too(api: Api, tmp_path: Path) -> None:
    with served(repository(tmp_path / "there", a="a")) as address:
        directory = await imported(api, address)
    git(directory, "checkout", "--quiet", "--detach")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "loose")
    clone = await bundled(api, tmp_path)
    assert git(clone, "log", "--format=%s", "-1") == "loose"


async def test_a_broken_repository_is_said_to_be_one(api: Api, tmp_path: Path) -> None:
    await api.ok("POST", "/v1/projects", {"name": "x"})
    (tmp_path / "workspace/x/.git/HEAD").write_text("rubbish\n")
    status, answer = await api.call("GET", "/v1/projects/x/bundle")
    assert (status, "git" in answer["error"]) == (503, True)


async def uploaded(api: Api, names: list[str], query: str) -> set[str]:
    """The files of a project into which an archive came."""
    await api.ok("POST", "/v1/projects", {"name": "x"})
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    answer = await api.http.post(f"/v1/projects/x/upload?{query}", content=made.getvalue())
    assert answer.status_code == 200, answer.text
    found = (await api.ok("GET", "/v1/projects/x/tree?depth=9"))["entries"]
    return {each["path"] for each in found if each["kind"] == "file" and not each["path"].startswith(".pi/")}


@pytest.mark.parametrize(
    ("names", "become"),
    [
        (["a-main/", "a-main/x", "a-main/b/y"], {"x", "b/y"}),
        (["a-main/x"], {"x"}),
        (["a/b/x", "a/b/y"], {"b/x", "b/y"}),
        (["a/x", "b/y"], {"a/x", "b/y"}),
        (["a/x", "y"], {"a/x", "y"}),
        (["x"], {"x"}),
    ],
)
async def test_the_one_directory_that_all_is_in_can_be_left_out(api: Api, names: list[str], become: set[str]) -> None:
    assert await uploaded(api, names, "unwrap=true") == become


async def test_it_stays_unless_that_is_said(api: Api) -> None:
    assert await uploaded(api, ["a/x"], "") == {"a/x"}


async def test_what_is_git_s_is_left_out_in_the_one_directory_too(api: Api) -> None:
    assert await uploaded(api, ["a/x", "a/.git/config"], "unwrap=true") == {"x"}


async def test_the_archive_of_a_project_comes_into_another_without_its_ports(api: Api) -> None:
    assert await uploaded(api, ["old/page.txt", "old/.pi/deployment.json", "old/.pi/AGENTS.md"], "unwrap=true") == {
        "page.txt"
    }
    found = await api.http.get("/v1/projects/x/files?path=.pi/deployment.json")
    assert found.json() == {"project": "x"}
    assert await uploaded(api, [".pi/deployment.json"], "path=copy") == {"page.txt", "copy/.pi/deployment.json"}


async def test_a_person_at_a_terminal_begins_projects_and_takes_them_out(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    variables = {"AGENT_SERVER_TOKEN": TOKEN, "APPX_URL": str(api.http.base_url).rstrip("/")}

    async def appx(*words: str) -> tuple[int, str]:
        def run() -> Result:
            return CliRunner().invoke(main, words, env=variables)

        done = await to_thread.run_sync(run)
        return done.exit_code, done.output

    assert "static" in (await appx("templates"))[1]
    assert (await appx("new", "one", "--template", "static"))[0] == 0
    assert "is there already" in (await appx("new", "one", "--template", "static"))[1]
    assert "begins with one of" in (await appx("new", "two", "--template", "static", "--git", "https://x"))[1]
    with served(repository(tmp_path / "there", a="a")) as address:
        assert (await appx("new", "two", "--git", address))[0] == 0
    assert (await appx("files", "get", "one"))[0] == 0
    assert (await appx("new", "three", "--from-zip", "one.zip"))[0] == 0
    assert (tmp_path / "workspace/three/site/index.html").exists()
    (here / "bad.zip").write_bytes(b"no archive")
    code, told = await appx("new", "four", "--from-zip", "bad.zip")
    assert (code, "no zip archive" in told) == (1, True)
    assert (await api.call("GET", "/v1/projects/four"))[0] == 404
    assert (await appx("files", "bundle", "two"))[1].startswith("two.bundle: ")
    assert "is there already" in (await appx("files", "bundle", "two"))[1]
