"""What becomes of podman's answers, good and odd."""

from dataclasses import dataclass, replace

import pytest
from typing_extensions import override

from appx.apps.containers import Containers, Failed, last_lines
from appx.domain.apps import App, Release
from appx.domain.errors import Invalid, NoSpace, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman.apps import Limits, Start
from appx.podman.parse import STEP_PLACE
from appx.workbench.bench import Command, CommandResult, OnOutput
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")
APP = App(project=SHOP, environment="dev", release=3, wanted="running")
RELEASE = Release(project=SHOP, number=3, at=clock.now(), image="a" * 64, checkpoint="", size=1, port=8080)
START = Start(app=APP, release=RELEASE, name=APP.container, port=3000, limits=Limits())


def said(output: str, code: int = 0) -> FakeBench:
    return FakeBench(result=replace(DONE, output=output, code=code))


async def test_with_little_disk_left_no_build_begins() -> None:
    bench = said("  511\n")
    with pytest.raises(NoSpace, match=r"Only 511 MiB .* 512 at least"):
        await Containers(bench, reserve=512).build(SHOP, 1, "Containerfile", lambda _: None)
    assert not [each.line for each in bench.commands if "podman build" in each.line]


async def test_what_is_no_answer_of_podmans_is_said() -> None:
    for odd in ("", "no such file", "{}"):
        with pytest.raises(Unavailable, match="something odd"):
            await Containers(said(odd)).image(SHOP, "x")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("Error: a: image not known", "The image of release 3 is not here any more. Deploy again."),
        ("Error: no such thing", "podman could not start the container."),
    ],
)
async def test_why_a_container_did_not_start(output: str, sentence: str) -> None:
    with pytest.raises(Failed) as caught:
        await Containers(Refusing(words=output)).start(START)
    assert str(caught.value) == sentence


@dataclass(slots=True, kw_only=True)
class Refusing(FakeBench):
    """``podman run`` fails with these words."""

    words: str

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        self.commands.append(command)
        return replace(DONE, output=self.words, code=125) if "podman run" in command.line else DONE


async def test_without_a_recipe_it_says_what_to_write() -> None:
    with pytest.raises(Invalid, match="Write a Containerfile that begins with a base image"):
        await Containers(FakeBench()).recipe(SHOP)
    assert await Containers(FakeBench(files={"Dockerfile": b"x"})).recipe(SHOP) == "Dockerfile"
    both = FakeBench(files={"Dockerfile": b"x", "Containerfile": b"x"})
    assert await Containers(both).recipe(SHOP) == "Containerfile"


async def test_an_app_has_the_time_that_the_settings_give_it() -> None:
    bench = said("", 1)
    with pytest.raises(Failed, match="not healthy"):
        await Containers(bench, health_seconds=777).healthy(SHOP, APP.container, 3000, "/")
    asked = bench.commands[0]
    assert "SECONDS + 777" in asked.line
    assert asked.time_limit > 777


@pytest.mark.parametrize("odd", ['[{"Names": [{}]}]', "[" * 2_000, r'[{"Names": ["\ud800"]}]'])
async def test_a_list_that_is_none_of_podmans_is_said(odd: str) -> None:
    with pytest.raises(Unavailable, match="something odd"):
        await Containers(said(odd)).list(SHOP)


async def test_a_build_may_print_steps_that_cannot_be() -> None:
    told: list[str] = []
    bench = FakeBench(result=DONE, tails=[f"STEP {'9' * 4_301}/1: x\n", "STEP 1/1: FROM x\n"])
    await Containers(bench).carry_out_build(SHOP, "Containerfile", "podman build", told.append)
    assert told == ["step 1 of 1: FROM x"]


async def test_of_the_output_of_a_build_the_server_is_sent_what_it_reads() -> None:
    bench = said("STEP 1/1: FROM x\nError: no", 125)
    with pytest.raises(Failed) as caught:
        await Containers(bench).carry_out_build(SHOP, "Containerfile", "podman build", print, "given")
    assert caught.value.tail == "STEP 1/1: FROM x\nError: no"
    assert (bench.commands[0].keep_bytes, bench.commands[0].given) == (STEP_PLACE, "given")


async def test_tags_that_are_too_many_are_said() -> None:
    with pytest.raises(Unavailable, match="something odd: more than 10,000 lines"):
        await Containers(said("r1\n" * 10_001)).built(SHOP)


async def test_the_holder_of_a_port_is_named_in_few_words() -> None:
    found = f'[{{"Names": ["{"a" * 9_000}"], "ImageID": "", "State": "running", "Ports": [{{"host_port": 3000}}]}}]'
    with pytest.raises(Failed, match=r"is taken by the container a{100}\. Stop"):
        await Containers(said(found)).refuse_taken_port(START, "address already in use")


def test_the_last_lines_are_few() -> None:
    assert last_lines("a\n" * 1_000).count("\n") < 40
    assert len(last_lines("x" * 1_000_000)) == 8 << 10
    assert last_lines("\n  a\r\n b \n\n") == "a\n b"
