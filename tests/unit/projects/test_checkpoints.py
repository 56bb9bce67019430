"""Checkpoints keep every turn's files, and touch nothing of the person's own repository."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId, SessionId, TurnId
from appx.projects import checkpoints as module
from appx.projects.checkpoints import MAX_DIFF, MAX_FILES, MAX_LINE, ChangedFile, Checkpoint, Checkpoints
from appx.projects.git import MAX_FILE
from appx.wiring.benches import PATH, environment
from appx.workbench.bench import Command
from appx.workbench.local import LocalBench
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")


@pytest.fixture
async def bench(tmp_path: Path) -> LocalBench:
    made = LocalBench(
        workspace=tmp_path, environment=environment(PATH) | {"HOME": str(tmp_path)}, outputs=tmp_path / "o"
    )
    await made.create_project(SHOP)
    return made


@pytest.fixture
def checkpoints(bench: LocalBench) -> Checkpoints:
    return Checkpoints(bench)


async def bash(bench: LocalBench, line: str) -> str:
    done = await bench.run(Command(line=line, project=SHOP, time_limit=20))
    assert done.code == 0, done.output
    return done.output


async def test_each_change_is_a_checkpoint_and_no_change_is_none(bench: LocalBench, checkpoints: Checkpoints) -> None:
    assert await checkpoints.take(SHOP, "Nothing yet") == ""
    await bash(bench, "echo one >a.txt")
    first = await checkpoints.take(SHOP, "Add\n a file", turn=TurnId("t1"), session=SessionId("s1"))
    assert await checkpoints.take(SHOP, "Nothing new") == ""
    await bash(bench, "echo two >a.txt; mkdir -p 'd i r'; echo x >'d i r/\nü'; rm -f gone")
    second = await checkpoints.take(SHOP, "", turn=TurnId("t2"))

    listed = await checkpoints.list(SHOP)
    assert [(each.id, each.message, each.turn, each.session) for each in listed] == [
        (second, "Checkpoint", "t2", ""),
        (first, "Add a file", "t1", "s1"),
    ]
    found = await checkpoints.changes(SHOP, second, first)
    assert found == await checkpoints.changes(SHOP, second), "the one before is what it is compared with by itself"
    assert "-one\n+two\n" in found.diff
    assert not found.cut
    assert [(each.path, each.added, each.removed) for each in found.files] == [("a.txt", 1, 1), ("d i r/\nü", 1, 0)]
    assert [each.path for each in (await checkpoints.changes(SHOP, first)).files] == ["a.txt"]
    assert await checkpoints.list(SHOP, limit=1) == listed[:1]
    assert await checkpoints.list(SHOP, before=second) == listed[1:]
    assert await checkpoints.list(SHOP, before=first) == []


async def test_an_upload_that_is_on_its_way_is_in_no_checkpoint(bench: LocalBench, checkpoints: Checkpoints) -> None:
    await bash(bench, "echo half >.appx-unfinished-1; mkdir .appx-unfinished-2; echo x >.appx-unfinished-2/file")
    assert await checkpoints.take(SHOP, "") == ""
    await bash(bench, "echo one >a.txt")
    taken = await checkpoints.take(SHOP, "")
    assert await bash(bench, f"git ls-tree -r --name-only {taken}") == "a.txt\n"


async def test_the_persons_branches_index_stash_and_hooks_are_left_alone(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(
        bench,
        """git config user.name p; git config user.email p@example.com; git config commit.gpgsign true
        echo base >a.txt; git add a.txt; git -c commit.gpgsign=false commit -qm base
        for hook in pre-commit post-commit reference-transaction commit-msg; do
          printf '#!/bin/sh\\necho %s >>%s/ran\\n' "$hook" "$PWD" >.git/hooks/$hook; chmod +x .git/hooks/$hook
        done
        echo staged >a.txt; git add a.txt; echo unstaged >a.txt; echo new >new.txt""",
    )
    look = "git status --porcelain=v2 --branch; git branch -a; git stash list; git show :a.txt"
    before = await bash(bench, look)
    taken = await checkpoints.take(SHOP, "All of it")
    assert taken
    assert await bash(bench, look) == before
    assert await bash(bench, f"git show {taken}:a.txt; git show {taken}:new.txt") == "unstaged\nnew\n"
    assert await bash(bench, "ls ran 2>/dev/null || true") == "", "no hook ran"


async def test_going_back_makes_the_files_as_they_were_and_is_itself_undone(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(
        bench, "echo one >a.txt; echo keep >.gitignore; echo mine >keep; ln -s a.txt l; printf x >run; chmod +x run"
    )
    first = await checkpoints.take(SHOP, "One")
    await bash(bench, "echo two >a.txt; echo more >b.txt; rm l run; echo changed >keep")
    second = await checkpoints.take(SHOP, "Two")
    await bash(bench, "echo three >a.txt; mkdir -p deep; echo unsaved >deep/c.txt")

    back = await checkpoints.restore(SHOP, first)

    assert (
        await bash(bench, "cat a.txt keep l; test -x run; test ! -e b.txt; test ! -e deep/c.txt")
        == "one\nchanged\none\n"
    )
    listed = await checkpoints.list(SHOP)
    assert [each.message for each in listed] == [
        f"Back to {first[:12]}",
        f"Before going back to {first[:12]}",
        "Two",
        "One",
    ]
    assert listed[0].id == back
    assert listed[0].tree == listed[-1].tree
    await checkpoints.restore(SHOP, listed[1].id)
    assert await bash(bench, "cat a.txt b.txt deep/c.txt") == "three\nmore\nunsaved\n"
    assert second == listed[2].id


async def test_large_and_ignored_files_are_left_out(bench: LocalBench, checkpoints: Checkpoints) -> None:
    await bash(
        bench,
        f"mkdir -p node_modules; echo node_modules >.gitignore; echo x >node_modules/x; echo y >y; "
        f"truncate -s {MAX_FILE + 1} 'big [1]*'; truncate -s {MAX_FILE} fits",
    )
    taken = await checkpoints.take(SHOP, "Some")
    assert await bash(bench, f"git ls-tree -r --name-only {taken}") == ".gitignore\nfits\ny\n"


@pytest.mark.parametrize("wrong", ["", "HEAD", "x" * 40, "--help", "refs/heads/main", "$(touch /tmp/x)"])
async def test_what_is_no_id_is_refused(checkpoints: Checkpoints, wrong: str) -> None:
    with pytest.raises(Invalid, match="no id"):
        await checkpoints.restore(SHOP, wrong)


async def test_a_commit_that_is_no_checkpoint_is_not_found(bench: LocalBench, checkpoints: Checkpoints) -> None:
    await bash(bench, "git -c user.name=p -c user.email=p commit -q --allow-empty -m mine")
    mine = (await bash(bench, "git rev-parse HEAD")).strip()
    await bash(bench, "echo one >a.txt")
    taken = await checkpoints.take(SHOP, "One")
    for unknown in (mine, "0" * 40):
        with pytest.raises(NotFound):
            await checkpoints.changes(SHOP, taken, unknown)


async def test_two_at_once_make_one(bench: LocalBench, checkpoints: Checkpoints) -> None:
    await bash(bench, "seq 1 200 | while read n; do echo $n >f$n; done")
    taken: list[str] = []

    async def take() -> None:
        taken.append(await checkpoints.take(SHOP, "At once"))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(take)
    assert len(await checkpoints.list(SHOP)) == 1
    assert len([each for each in taken if each]) == 1


async def test_a_long_diff_is_cut_and_binary_files_are_counted_as_such(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(bench, "seq 1 500000 >long.txt; printf 'a\\0b' >x.bin")
    found = await checkpoints.changes(SHOP, await checkpoints.take(SHOP, "Long"))
    assert [(each.path, each.added, each.removed) for each in found.files] == [
        ("long.txt", 500_000, 0),
        ("x.bin", None, None),
    ]
    assert found.cut
    assert MAX_DIFF - 4 <= len(found.diff) <= MAX_DIFF
    assert found.diff.startswith("diff --git a/long.txt b/long.txt\n")


async def test_what_a_build_makes_is_left_out_also_without_gitignore(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(bench, "mkdir -p a/node_modules/x .venv/bin; touch a/node_modules/x/y .venv/bin/z a/b.pyc a/kept")
    taken = await checkpoints.take(SHOP, "Built")
    assert await bash(bench, f"git ls-tree -r --name-only {taken}") == "a/kept\n"


async def test_a_repository_that_was_removed_is_made_anew(bench: LocalBench, checkpoints: Checkpoints) -> None:
    """And the repository above, of somebody who works on a laptop, is not taken for the project's."""
    await bash(bench, "git init -q ..; rm -rf .git; echo one >a.txt")
    taken = await checkpoints.take(SHOP, "Anew")
    assert await bash(bench, f"git show {taken}:a.txt") == "one\n"
    assert await bash(bench, "cd ..; git for-each-ref") == ""


async def test_what_git_says_by_the_way_is_no_answer(bench: LocalBench, checkpoints: Checkpoints) -> None:
    await bash(
        bench,
        """git config core.autocrlf input; printf 'a\\r\\n' >crlf.txt
        git init -q inner; cd inner; git -c user.name=p -c user.email=p commit -q --allow-empty -m x""",
    )
    taken = await checkpoints.take(SHOP, "Warned")
    assert [each.id for each in await checkpoints.list(SHOP)] == [taken]


async def test_going_back_between_a_file_and_a_directory_of_one_name(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(bench, "echo file >x; mkdir y; echo inside >y/z")
    first = await checkpoints.take(SHOP, "One")
    await bash(bench, "rm x; mkdir -p x/deep; echo inside >x/deep/z; rm -r y; echo file >y; ln -s / l")
    second = await checkpoints.take(SHOP, "Two")
    await checkpoints.restore(SHOP, first)
    assert await bash(bench, "cat x y/z; test ! -e l") == "file\ninside\n"
    await checkpoints.restore(SHOP, second)
    assert await bash(bench, "cat x/deep/z y; readlink l") == "inside\nfile\n/\n"


async def test_when_git_fails_its_last_words_are_told(bench: LocalBench, checkpoints: Checkpoints) -> None:
    await bash(bench, "echo one >a.txt")
    await checkpoints.take(SHOP, "One")
    await bash(bench, "rm -r .git/objects; mkdir .git/objects; echo two >a.txt")
    with pytest.raises(Unavailable, match=r"fatal: "):
        await checkpoints.take(SHOP, "Two")


async def test_what_an_agent_puts_among_the_checkpoints_breaks_no_list(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(bench, "echo one >a.txt")
    first = await checkpoints.take(SHOP, "One")
    await bash(
        bench,
        r"""ref=refs/appx/checkpoints
        for end in '1 +0\n\nwo\037rds' '999999999999999 +0\n\nlate'; do
          printf "tree $(git rev-parse $ref^{tree})\nparent $(git rev-parse $ref)\n" >commit
          printf "author a <a> 1 +0\ncommitter a <a> $end\n" >>commit
          git update-ref $ref "$(git hash-object -t commit -w --literally commit)"
        done; rm commit""",
    )
    assert [each.id for each in await checkpoints.list(SHOP)] == [first]
    await bash(bench, "echo two >a.txt")
    second = await checkpoints.take(SHOP, "Two")
    assert [each.id for each in await checkpoints.list(SHOP)] == [second, first]


async def test_a_checkpoint_is_what_its_id_says_and_not_what_an_agent_puts_in_its_place(
    bench: LocalBench, checkpoints: Checkpoints
) -> None:
    await bash(bench, "echo one >a.txt")
    first = await checkpoints.take(SHOP, "One")
    await bash(bench, "echo two >a.txt")
    second = await checkpoints.take(SHOP, "Two")
    await bash(bench, f"git replace {first}:a.txt $(echo evil | git hash-object -w --stdin)")
    assert "evil" not in (await checkpoints.changes(SHOP, second)).diff
    await checkpoints.restore(SHOP, first)
    assert await bash(bench, "cat a.txt") == "one\n"


def says(output: str, code: int = 0) -> Checkpoints:
    return Checkpoints(FakeBench(result=replace(DONE, output=output, code=code)))


@pytest.mark.parametrize("odd", ["warning: x", "a" * 39, "a" * 40 + "\nx", "$(reboot)", "x" * 5_000])
async def test_what_is_no_commit_is_no_checkpoint(odd: str) -> None:
    with pytest.raises(Unavailable, match="something odd") as caught:
        await says(odd).take(SHOP, "One")
    assert len(str(caught.value)) < 300
    assert await says(f"{odd}\x1fa\x1f1\x1fa\x1f\x1f").list(SHOP) == []


@pytest.mark.parametrize("odd", ["x", "1\t2", "1\tx\ta", f"{'9' * 4_301}\t1\ta"])
async def test_a_change_that_git_cannot_have_said_is_refused(odd: str) -> None:
    with pytest.raises(Unavailable, match="something odd"):
        await says(f"{odd}\0\0diff").changes(SHOP, "a" * 40)


LINE = "\x1f".join(("a" * 40, "b" * 40, "1", "message", "", ""))


async def test_a_git_that_says_more_than_it_was_asked_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    whole = module._checkpoint

    def look(line: str) -> Checkpoint | None:
        looked.append(len(line))
        return whole(line)

    monkeypatch.setattr(module, "_checkpoint", look)
    assert len(await says(f"{LINE}\n" * 1_000).list(SHOP, limit=3)) == 3
    assert await says("\n" * 1_000_000).list(SHOP) == []
    assert await says("\n" * 1_000_000).newest(SHOP) == ""
    assert await says("\x1f" * 1_000_000).newest(SHOP) == ""
    assert len(looked) == 3 + 200 + 1 + 1


async def test_an_answer_is_no_longer_than_what_is_asked() -> None:
    bench = FakeBench(result=replace(DONE, output=LINE))
    assert await Checkpoints(bench).newest(SHOP) == "a" * 40
    await Checkpoints(bench).list(SHOP)
    with pytest.raises(Unavailable):
        await Checkpoints(bench).take(SHOP, "One")
    assert [each.keep_bytes for each in bench.commands] == [MAX_LINE, 200 * MAX_LINE, module.MAX_ANSWER]


async def test_of_very_many_files_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    whole = module._changed_file

    def look(line: str) -> ChangedFile:
        looked.append(line)
        return whole(line)

    monkeypatch.setattr(module, "_changed_file", look)
    told = says("1\t1\ta\0" * 100_000 + "\0diff")
    found = await told.changes(SHOP, "a" * 40)
    assert (len(found.files), found.diff, found.cut) == (MAX_FILES, "diff", True)
    assert len(looked) == MAX_FILES
    found = await says("1\t1\ta\0" * MAX_FILES + "\0diff").changes(SHOP, "a" * 40)
    assert (len(found.files), found.cut) == (MAX_FILES, False)


@pytest.mark.parametrize("more", [0, 1, 5_000])
async def test_git_names_no_more_files_than_are_shown(bench: LocalBench, checkpoints: Checkpoints, more: int) -> None:
    await bash(bench, f"seq 1 {MAX_FILES + more} | xargs touch")
    found = await checkpoints.changes(SHOP, await checkpoints.take(SHOP, "Many"))
    assert (len(found.files), found.cut) == (MAX_FILES, more > 0)
    assert found.diff.count("diff --git") == MAX_FILES + more


async def test_what_git_says_when_it_fails_is_short() -> None:
    with pytest.raises(Unavailable, match="fatal: no") as caught:
        await says("x" * 1_000_000 + "\nfatal: no", code=128).take(SHOP, "One")
    assert len(str(caught.value)) < 1_200
