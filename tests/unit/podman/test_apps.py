"""What podman is told about apps, as bash understands it."""

from pathlib import Path

from hypothesis import given, settings

from appx.domain.apps import App, Release
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman import apps
from tests.unit.podman.calls import HOSTILE, run

SHOP = ProjectId("shop")
APP = App(project=SHOP, environment="dev", release=3, wanted="running")
RELEASE = Release(
    project=SHOP, number=3, at=clock.now(), image="a" * 64, checkpoint="", size=1, port=8080, volumes=("/data",)
)
LIMITS = apps.Limits(memory=1 << 30, processes=512, cpus=0.5)
START = apps.Start(app=APP, release=RELEASE, name=APP.container, port=3000, limits=LIMITS, secrets=("KEY",))


def words(folder: Path, line: str) -> list[str]:
    code, calls = run(folder, line)
    assert code == 0
    (found,) = calls
    return found


def test_an_app_runs_with_its_port_limits_volumes_and_secrets(folder: Path) -> None:
    assert words(folder, apps.run(START)) == [
        "run", "--detach", "--replace", "--init", "--pull=never", "--name", "shop-app-dev",
        "--label", "appx.project=shop", "--publish", "3000:8080", "--stop-timeout", "10",
        "--label", "appx.environment=dev", "--label", "appx.release=3", "--restart=always",
        "--memory", "1073741824", "--pids-limit", "512", "--cpus", "0.5",
        "--volume", "shop-app-dev-data:/data", "--env", "PORT=8080", "--env", "APPX_ENVIRONMENT=dev",
        "--secret", "shop-app-dev.KEY,type=env,target=KEY", "a" * 64,
    ]  # fmt: skip


def test_a_trial_is_published_for_nobody_else_and_does_not_come_back(folder: Path) -> None:
    trial = apps.Start(app=APP, release=RELEASE, name="shop-app-dev.next", port=None, limits=apps.Limits(), trial=True)
    found = words(folder, apps.run(trial))
    assert "127.0.0.1::8080" in found
    assert not [word for word in found if word.startswith(("--restart", "appx.release", "appx.environment"))]


@settings(max_examples=15, deadline=None)
@given(HOSTILE)
def test_nothing_that_somebody_wrote_becomes_a_command(folder: Path, text: str) -> None:
    lines = (
        apps.run(apps.Start(app=APP, release=RELEASE, name=text, port=1, limits=LIMITS)),
        apps.build(ProjectId(text), 1, text),
        apps.health(text, 1, f"/{text}", 0),
        apps.remove(text),
        apps.set_aside(text),
        apps.put_back(text),
        apps.keep_secrets(ProjectId(text), "dev", [text]),
        apps.remove_secrets(ProjectId(text), "dev", [text]),
    )
    for line in lines:
        run(folder, line, given="value\0")
    assert not (folder / "empty" / "hacked").exists()


def test_values_of_secrets_come_by_standard_input(folder: Path) -> None:
    line = apps.keep_secrets(SHOP, "dev", ["A", "B"])
    code, calls = run(folder, line, given="one\ntwo\0three\0")
    assert code == 0
    assert [call[-2:] for call in calls] == [["shop-app-dev.A", "-"], ["shop-app-dev.B", "-"]]
    assert "two" not in line
    code, _ = run(folder, line, given="one")
    assert code != 0, "a value that is not whole is none"


def test_the_projects_own_rules_for_the_build_count(folder: Path) -> None:
    _, (call,) = run(folder, apps.build(SHOP, 4, "Containerfile"))
    assert call[:6] == ["build", "--pull=missing", "--label", "appx.project=shop", "--tag", "localhost/shop:r4"]
    assert "--ignorefile" in call, "without rules of its own, .git and .pi stay out"
    (folder / "empty" / ".dockerignore").write_text("x")
    try:
        _, (call,) = run(folder, apps.build(SHOP, 4, "Containerfile"))
        assert "--ignorefile" not in call
    finally:
        (folder / "empty" / ".dockerignore").unlink()


def test_only_the_names_of_these_releases_are_taken_away(folder: Path) -> None:
    """podman also lists other names of the same image, those of a kept release among them."""
    listed = ("shop:r1", "shop:r1-db", "shop:r12", "shop:r2-db", "shop:r3-r1", "appx/postgres:latest", "shop-r1:r1")
    images = "".join(f"localhost/{each}\n" for each in listed)
    _, calls = run(folder, apps.remove_images(SHOP, [1, 2]), images=images)
    assert [call[1:] for call in calls if call[0] == "rmi"] == [
        ["localhost/shop:r1"], ["localhost/shop:r1-db"], ["localhost/shop:r2-db"],
    ]  # fmt: skip
