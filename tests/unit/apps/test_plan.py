"""What is done so that what runs is what is wanted."""

import pytest

from appx.apps.plan import Doing, actions, unmanaged
from appx.domain.apps import App, Wanted
from appx.domain.ids import ProjectId
from appx.podman.parse import Container

SHOP = ProjectId("shop")


def app(wanted: Wanted = "running", release: int = 2) -> App:
    return App(project=SHOP, environment="dev", release=release, wanted=wanted)


def container(state: str = "running", release: int | None = 2, port: int = 3000) -> Container:
    return Container(
        name="shop-app-dev",
        image="i",
        state=state,
        status="",
        ports=(port,),
        environment=None if release is None else "dev",
        release=release,
    )


@pytest.mark.parametrize(
    ("wanted", "found", "doing"),
    [
        (app(), container(), None),
        (app(), None, "run"),
        (app(), container("exited"), "start"),
        (app(), container(release=1), "run"),
        (app(), container(release=None), "run"),
        (app(), container(port=3001), "run"),
        (app("stopped"), container(), "remove"),
        (app("stopped"), container("exited"), "remove"),
        (app("stopped"), None, None),
        (app("stopped"), container(release=None), None),
    ],
    ids=[
        "as wanted", "gone", "ended", "another release", "the agent's own", "another port", "not wanted",
        "not wanted and ended", "stopped", "stopped, and the agent runs its own",
    ],
)  # fmt: skip
def test_what_runs_becomes_what_is_wanted(wanted: App, found: Container | None, doing: Doing | None) -> None:
    planned = actions([wanted], {"dev": 3000}, [] if found is None else [found])
    assert [each.doing for each in planned] == ([] if doing is None else [doing])


def test_an_app_without_a_published_port_may_be_on_any() -> None:
    assert actions([app()], {"dev": None}, [container(port=41_234)]) == []


def test_when_it_is_as_wanted_there_is_nothing_to_do() -> None:
    assert actions([], {}, [container()]) == [], "what nobody deployed is left alone"


def test_what_the_agent_runs_by_itself_is_told_apart() -> None:
    own = Container(name="shop-db", image="i", state="running", status="", ports=())
    assert unmanaged([app()], [container(), own]) == [own]
    assert unmanaged([], [container()]) == [container()], "a container that claims to be the server's"
