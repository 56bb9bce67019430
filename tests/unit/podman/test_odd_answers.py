"""Whatever stands in podman's place says, it is an answer or a ValueError; and an answer can be stored and sent."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from appx.podman.config import config_in
from appx.podman.disk import disk_in
from appx.podman.events import event_in
from appx.podman.logs import Splitter
from appx.podman.parse import containers_in, image_in, life_in, port_in, releases_in, step_in
from appx.podman.stats import stats_in
from tests.unit.podman.odd import DEEP, ENDLESS, HALF, LONG, ODD, with_odd

ID = "a" * 64
IMAGE = [{"Id": ID, "Size": 5, "Config": {"ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}}}]
LIFE = [{"Id": ID, "State": {"StartedAt": "2026-11-26", "Status": "exited", "ExitCode": 3}}]
LABELS = {"appx.environment": "dev", "appx.release": "3"}
CONTAINERS = [
    {"Names": ["a"], "ImageID": ID, "State": "running", "Status": "Up", "Labels": LABELS, "Ports": [{"host_port": 80}]}
]
STATS = {"CPUNano": 1, "MemUsage": 2, "PIDs": 3, "Network": {"eth0": {"RxBytes": 1, "TxBytes": 2}}}
EVENT = {"Name": "a", "ID": ID, "Status": "died", "timeNano": 5, "Attributes": LABELS, "ContainerExitCode": 3}
CONFIG = {"services": {"web": {"image": "a", "build": {"context": "b"}, "depends_on": {"db": {"condition": "c"}}}}}

Read = Callable[[str], object]


def event(text: str) -> object:
    return event_in(text.encode())


def log(text: str) -> object:
    splitter = Splitter("stdout")
    return [*splitter.add(text.encode()), *splitter.end()]


SAMPLES: dict[Read, object] = {
    image_in: IMAGE, life_in: LIFE, containers_in: CONTAINERS, stats_in: STATS, event: EVENT, config_in: CONFIG,
}  # fmt: skip
LINES: tuple[Read, ...] = (port_in, releases_in, step_in, disk_in, log)


@pytest.mark.parametrize("read", SAMPLES, ids=lambda read: read.__name__)
def test_the_sample_is_read(read: Read) -> None:
    assert read(json.dumps(SAMPLES[read]))


@pytest.mark.parametrize("read", SAMPLES, ids=lambda read: read.__name__)
@given(st.data())
def test_json_with_odd_values(read: Read, data: st.DataObject) -> None:
    with suppress(ValueError):
        to_json(read(data.draw(with_odd(SAMPLES[read]) | ODD)))


@pytest.mark.parametrize("read", [*SAMPLES, *LINES], ids=lambda read: read.__name__)
@given(st.text() | ODD)
def test_any_text(read: Read, text: str) -> None:
    with suppress(ValueError):
        to_json(read(text))


STAMPS = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9](Z|[+-][0-9]{2}:[0-9]{2}) ", fullmatch=True
)
EDGES = st.sampled_from(["9999-12-31T23:59:59.5Z ", "0001-01-01T00:00:00.0+23:59 ", "9999-12-31T23:59:59.9-23:59 "])


@given(st.lists(STAMPS | EDGES).map("x".join))
def test_a_log_with_any_times(text: str) -> None:
    to_json(log(text))


def image(size: str = "1", ports: str = "{}", volumes: str = "{}") -> str:
    return f'[{{"Id": "{ID}", "Size": {size}, "Config": {{"ExposedPorts": {ports}, "Volumes": {volumes}}}}}]'


@pytest.mark.parametrize("size", [ENDLESS, "NaN", "1e400", "-1", str(2**63), LONG, '"x"', "[1]"])
def test_a_size_that_cannot_be_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match=r"Size|Invalid JSON"):
        image_in(image(size=size))


@pytest.mark.parametrize("port", ["0", "65536", str(2**63), LONG, "-1", "x", "²"])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    with pytest.raises(ValueError, match="no port"):
        image_in(image(ports=json.dumps({f"{port}/tcp": {}})))
    with pytest.raises(ValueError, match="no port"):
        port_in(f"127.0.0.1:{port}")


@pytest.mark.parametrize("volumes", ["[1]", f"{{{HALF}: {{}}}}", r'{"/a\u0000b": {}}', "5"])
def test_volumes_are_paths(volumes: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        image_in(image(volumes=volumes))


def container(names: str = '["a"]', state: str = '"running"', ports: str = "[]", labels: str = "{}") -> str:
    return f'[{{"Names": {names}, "ImageID": "", "State": {state}, "Ports": {ports}, "Labels": {labels}}}]'


@pytest.mark.parametrize(
    "text",
    [
        container(names="[{}]"), container(names="[]"), container(names=f"[{HALF}]"), container(names=r'["a\nb"]'),
        container(state="{}"), container(state="5"), container(ports='[{"host_port": "x"}]'),
        container(ports='[{"host_port": [1]}]'), container(ports=f'[{{"host_port": {ENDLESS}}}]'),
        container(ports='[{"host_port": 65536}]'), container(labels='{"a": {}}'), DEEP, f"[{DEEP}]",
    ],
)  # fmt: skip
def test_a_container_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        containers_in(text)


def test_an_agent_may_have_any_text_in_a_label() -> None:
    for odd in ("9" * 5_000, "-1", "²", ""):
        (found,) = containers_in(container(labels=json.dumps({"appx.release": odd})))
        assert found.release is None


@pytest.mark.parametrize("life", [("5", "0"), ("{}", "0"), (HALF, "0"), ('"a"', ENDLESS), ('"a"', str(2**31))])
def test_a_life_that_cannot_be_is_refused(life: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        life_in(f'[{{"Id": {life[0]}, "State": {{"StartedAt": "", "Status": "", "ExitCode": {life[1]}}}}}]')


def test_stats_that_cannot_be_are_left_out_or_refused() -> None:
    assert stats_in(f'{{"CPUNano": {ENDLESS}, "MemUsage": {2**63}, "PIDs": {"9" * 400}}}') == stats_in("{}")
    for odd in (DEEP, LONG, HALF):
        with pytest.raises(ValueError, match="Invalid JSON"):
            stats_in(f'{{"CPUNano": {odd}}}')


def test_half_of_a_surrogate_pair_is_no_event() -> None:
    text = json.dumps(EVENT)
    assert event(text.replace('"a"', HALF)) is None
    assert event(text.replace('"dev"', HALF)) is None


def test_a_step_with_a_long_number_is_none_and_a_long_one_is_cut() -> None:
    assert step_in(f"STEP {LONG}/1: x\n") is None
    assert step_in(f"STEP 1/{LONG}: x\n") is None
    assert step_in(f"STEP 1/2: {'x' * 5_000}\n") == (1, 2, "x" * 300)


def test_only_the_end_of_a_long_build_is_looked_at() -> None:
    assert step_in("STEP 1/2: a\n" + "x\n" * (1 << 20)) is None
    assert step_in("x\n" * (1 << 20) + "STEP 2/2: b\n") == (2, 2, "b")


@pytest.mark.parametrize("read", [releases_in, stats_in, disk_in], ids=lambda read: read.__name__)
def test_millions_of_lines_are_not_looked_at(read: Read) -> None:
    with pytest.raises(ValueError, match=r"more than [0-9]+,000 lines"):
        read("directory\t\t5\n{}" + "\n" * (4 << 20))


def test_sizes_of_a_disk_have_few_digits() -> None:
    assert disk_in(f"directory\t\t5\nvolume\tv\t{LONG}\n").total == 5
    with pytest.raises(ValueError, match="no sizes"):
        disk_in(f"directory\t\t{LONG}")


def test_a_million_odd_values_are_one_sentence() -> None:
    text = "{" + ",".join(f'"{number}": 5' for number in range(1_000)) + "}"
    with pytest.raises(ValueError, match="1000 values are of the wrong kind"):
        config_in(f'{{"services": {text}}}')
