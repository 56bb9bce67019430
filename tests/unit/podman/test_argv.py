"""What podman is told, as bash understands it. Nothing in an id can become a command or another argument."""

import shlex
import subprocess
from pathlib import Path

from hypothesis import given, settings

from appx.domain.ids import ProjectId
from appx.podman import argv
from tests.unit.podman.calls import HOSTILE, run


@settings(max_examples=15)
@given(HOSTILE)
def test_an_id_stays_one_argument_whatever_is_in_it(folder: Path, name: str) -> None:
    code, calls = run(folder, argv.reap(ProjectId(name)))
    assert code == 0
    _, plain = run(folder, argv.reap(ProjectId("plain")))
    assert calls == [[word.replace("plain", name) for word in call] for call in plain]
    assert list((folder / "empty").iterdir()) == [], "no command of the id has run"


def test_all_that_a_project_ran_is_removed_by_its_label(folder: Path) -> None:
    code, calls = run(folder, argv.reap(ProjectId("tea")))
    assert code == 0
    removed = [call for call in calls if "--force" in call]
    containers = shlex.split("rm --force --ignore --depend --time 5 --volumes tea-app-dev tea-app-prod id1 id2")
    assert removed[:2] == [containers, containers], "podman may leave one on which others depended"
    assert removed[2:] == [
        [*words, "--force", each]
        for words in (["pod", "rm"], ["network", "rm"], ["volume", "rm"], ["rmi"])
        for each in ("id1", "id2")
    ]
    looked = [call for call in calls if "--filter" in call and "--format" not in call]
    assert len(looked) == 6
    assert all("label=appx.project=tea" in call for call in looked)


def test_names_that_releases_gave_to_other_images_go_and_those_images_stay(folder: Path) -> None:
    listed = "localhost/tea:r1-db\nlocalhost/tea-shop:r1\nlocalhost/appx/postgres:latest\nlocalhost/tea:r2-db\n"
    code, calls = run(folder, argv.reap(ProjectId("tea")), images=listed)
    assert code == 0
    assert [each for each in calls if each[0] == "rmi" and "--force" not in each] == [
        ["rmi", "localhost/tea:r1-db"], ["rmi", "localhost/tea:r2-db"],
    ]  # fmt: skip


def test_each_step_is_tried_and_a_failure_is_told(folder: Path) -> None:
    code, calls = run(folder, argv.reap(ProjectId("tea")), fail=True)
    assert code == 1
    assert len([call for call in calls if "--force" in call]) == 10


def test_without_podman_there_is_nothing_to_remove(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", argv.reap(ProjectId("tea"))], env={"PATH": str(tmp_path)}, check=False, timeout=10
    )
    assert done.returncode == 0


def test_only_containers_that_ask_for_it_are_started_again() -> None:
    tidied, _, starts = argv.start_restartable().partition(">/dev/null\n")
    assert "podman start" not in tidied
    for line in starts.split(" && "):
        words = shlex.split(line)
        assert words[:3] == ["podman", "start", "--all"]
        assert any(word.startswith("restart-policy=") for word in words)
        assert "status=exited" in words
