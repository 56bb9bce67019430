"""What podman 5.4 answers, and what somebody could make it answer."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Invalid
from appx.podman.parse import MOST_VOLUMES, Container, containers_in, image_in, port_in, releases_in, step_in

ID = "a" * 64
WARNING = 'time="2026-11-26T02:24:26Z" level=warning msg="Using cgroups-v1 which is deprecated"\n'


def image(**config: object) -> str:
    return json.dumps([{"Id": ID, "Size": 12_345, "Config": config}])


@pytest.mark.parametrize(
    ("exposed", "port"),
    [({}, 8080), ({"3000/tcp": {}}, 3000), ({"443/tcp": {}, "8080/tcp": {}}, 8080), ({"53/udp": {}}, 8080),
     ({"9000/tcp": {}, "5000/tcp": {}}, 5000)],
)  # fmt: skip
def test_where_an_app_listens(exposed: dict[str, object], port: int) -> None:
    assert image_in(image(ExposedPorts=exposed)).port == port


def test_an_image_after_a_warning() -> None:
    found = image_in(WARNING + image(Volumes={"/data": {}, "/cache": {}}))
    assert (found.id, found.size, found.volumes) == (ID, 12_345, ("/cache", "/data"))


def test_an_image_has_no_more_volumes_than_any_app_needs() -> None:
    volumes: dict[str, object] = {f"/v{number}": {} for number in range(MOST_VOLUMES)}
    assert len(image_in(image(Volumes=volumes)).volumes) == MOST_VOLUMES
    with pytest.raises(Invalid, match=r"The image has 101 volumes; 100 is the most\. Remove"):
        image_in(image(Volumes=volumes | {"/one/more": {}}))


def test_containers_with_and_without_our_labels() -> None:
    ours = {
        "Names": ["shop-app-dev"],
        "ImageID": ID,
        "State": "running",
        "Status": "Up 2 seconds",
        "Labels": {"appx.project": "shop", "appx.environment": "dev", "appx.release": "3"},
        "Ports": [{"host_ip": "", "container_port": 8080, "host_port": 3000, "range": 1, "protocol": "tcp"}],
    }
    own = {"Names": ["db"], "ImageID": ID, "State": "exited", "Status": "Exited", "Labels": None, "Ports": None}
    assert containers_in(json.dumps([ours, own])) == [
        Container(
            name="shop-app-dev",
            image=ID,
            state="running",
            status="Up 2 seconds",
            ports=(3000,),
            environment="dev",
            release=3,
        ),
        Container(name="db", image=ID, state="exited", status="Exited", ports=()),
    ]
    assert containers_in(WARNING + "[]\n") == containers_in("\n") == []


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "[{}]", '[{"Id": "x; reboot", "Size": 1, "Config": {}}]', '{"Id": 1}', "no such image"]
)
def test_what_is_no_image_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        image_in(text)


KEYS = st.sampled_from(["Names", "Labels", "Ports", "Id", "Config", "Size", "State"])
ODD = st.recursive(
    st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(KEYS, x), max_leaves=8
)


@given(ODD)
def test_whatever_it_answers_is_an_answer_or_a_value_error(found: object) -> None:
    for read in (image_in, containers_in):
        with suppress(ValueError):
            read(json.dumps(found))


@pytest.mark.parametrize(
    ("output", "step"),
    [
        ("STEP 1/2: FROM localhost/appx/static\n", (1, 2, "FROM localhost/appx/static")),
        ("STEP 1/2: FROM x\nSTEP 2/2: COPY . /\n--> 123\n", (2, 2, "COPY . /")),
        ("[1/2] STEP 3/4: RUN make\n", (3, 4, "RUN make")),
        ("STEP of my own\n", None),
        ("", None),
    ],
)
def test_the_newest_step_of_a_build(output: str, step: tuple[int, int, str] | None) -> None:
    assert step_in(output) == step


def test_the_releases_of_which_there_are_images() -> None:
    assert releases_in(f"{WARNING}r1\nr12\nlatest\n<none>\nr0\nr1x\n") == {1, 12}


def test_the_published_port() -> None:
    assert port_in("127.0.0.1:41234\n") == 41_234
    assert port_in("\n") is None
    with pytest.raises(ValueError, match=r"."):
        port_in("nothing")
