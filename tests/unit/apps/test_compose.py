"""What is made of a compose file: which service answers the web, what is kept, what is started in an environment."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from appx.apps import compose
from appx.apps.compose import MOST, MOST_NAMED, Plan, images_of, kept, order, planned, started, written
from appx.domain.apps import App, Release, Service
from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.podman.apps import Limits, Start
from appx.podman.config import config_in
from appx.podman.parse import Image
from tests.unit.podman.odd import ODD, with_odd

SHOP = ProjectId("shop")
DATA = "/var/lib/postgresql/data"
APP = App(project=SHOP, environment="dev", release=3, wanted="running")


def service(**more: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"image": "localhost/appx/static", **more}


def config(**services: dict[str, Any]) -> dict[str, Any]:
    return {"services": services}


FULL: dict[str, Any] = config(
    db=service(image="localhost/appx/postgres", environment={"A": "$$1", "B": None, "TEA": "black"}),
    web={"build": {"context": "/w/shop/web", "labels": ["a=b"]}, "ports": ["8080"], "depends_on": {"api": {}}},
    api={
        "build": {"context": "/w/shop/api"},
        "depends_on": {"db": {"condition": "service_healthy"}, "seed": {"condition": "service_completed_successfully"}},
        "deploy": {"resources": {"limits": {"memory": "1g"}}},
    },
    seed=service(depends_on={"db": {"condition": "service_started"}}),
)


def image(volumes: tuple[str, ...] = ()) -> Image:
    return Image(id="a" * 64, size=5, port=8080, volumes=volumes)


def start(plan: Plan | None = None, **more: Any) -> Start:  # noqa: ANN401
    plan = plan or planned(FULL, SHOP, 3)
    images = {each.service: image((DATA,) if each.service == "db" else ()) for each in plan.sources}
    release = Release(
        project=SHOP, number=3, at=datetime.now(UTC), image="a" * 64, checkpoint="", size=5, port=8080,
        services=plan.services, compose=kept(plan, images),
    )  # fmt: skip
    return Start(app=APP, release=release, name=APP.container, port=3000, limits=Limits(), **more)


def test_each_service_has_an_image_of_the_release() -> None:
    plan = planned(FULL, SHOP, 3)
    assert (plan.web, plan.port) == ("web", 8080)
    assert plan.services == (
        Service(name="web"), Service(name="db"), Service(name="api"), Service(name="seed", lasting=False),
    )  # fmt: skip
    assert {each.service: (each.tag, each.context or each.image) for each in plan.sources} == {
        "db": ("localhost/shop:r3-db", "localhost/appx/postgres"),
        "web": ("localhost/shop:r3-web", "/w/shop/web"),
        "api": ("localhost/shop:r3-api", "/w/shop/api"),
        "seed": ("localhost/shop:r3-seed", "localhost/appx/static"),
    }
    assert plan.file["services"]["web"]["build"]["labels"] == {"a": "b", "appx.project": "shop"}
    assert plan.file["services"]["web"]["image"] == "localhost/shop:r3-web"


@pytest.mark.parametrize(
    ("services", "web", "port"),
    [
        ({"a": service(ports=["80"]), "b": service()}, "a", 80),
        ({"a": service(ports=["8000:80/tcp"]), "web": service()}, "a", 80),
        ({"a": service(ports=["127.0.0.1:8000:80"]), "web": service(ports=[{"target": 81}])}, "web", 81),
        ({"a": service(), "web": service(expose=[9000])}, "web", 9000),
        ({"a": service()}, "a", None),
        ({"a": service(ports=["53/udp"])}, "a", None),
    ],
    ids=["the one that publishes", "whatever another's name", "of two", "by its name", "the only one", "no tcp"],
)
def test_one_service_answers_the_web(services: dict[str, Any], web: str, port: int | None) -> None:
    plan = planned(config(**services), SHOP, 1)
    assert (plan.web, plan.port, plan.services[0].name) == (web, port, web)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no services"),
        ({"services": None}, "no services"),
        (config(**{f"s{number}": service() for number in range(11)}), "10 is the most"),
        (config(a=service(), b=service()), "Which service answers the web"),
        (config(a=service(ports=["1"]), b=service(ports=["2"])), "Which service answers the web"),
        (config(**{"a b": service()}), "no name for a service"),
        (config(**{"a.last": service()}), "no name for a service"),
        (config(a={}), "neither `build` nor `image`"),
        (config(a=service(extends={"service": "b"})), "`extends`"),
        (config(a=service(network_mode="host")), "`network_mode`"),
        (config(a=service(pid="host")), "`pid`"),
        (config(a=service(secrets=["key"])), "`secrets`.*appx app set"),
        (config(a=service(configs=["file"])), "`configs`"),
        (config(a=service(scale=2)), "wants 2 containers"),
        (config(a=service(deploy={"replicas": 3})), "wants 3 containers"),
        (config(a=service(depends_on={"b": {}})), "waits for b, which is not there"),
        (
            config(a=service(depends_on={"b": {}}), b=service(depends_on={"a": {}}), web=service()),
            "wait for each other",
        ),
    ],
)
def test_what_is_not_possible_is_said(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        planned(given, SHOP, 1)


def listed(key: str, count: int) -> list[str] | dict[str, str]:
    names = [str(number) for number in range(1, count + 1)]
    return names if key in {"volumes", "ports", "expose"} else dict.fromkeys(names, "x")


@pytest.mark.parametrize(("key", "most"), MOST.items())
def test_a_service_lists_no_more_than_any_app_has(key: str, most: int) -> None:
    planned(config(a=service(**{key: listed(key, most)})), SHOP, 1)
    with pytest.raises(Invalid, match=f"The service a has {most + 1:,} `{key}`; {most:,} is the most"):
        planned(config(a=service(**{key: listed(key, most + 1)})), SHOP, 1)


@pytest.mark.parametrize("kind", ["networks", "volumes"])
def test_a_file_names_no_more_than_any_app_has(kind: str) -> None:
    names = [f"n{number}" for number in range(MOST_NAMED + 1)]
    planned(config(a=service()) | {kind: dict.fromkeys(names[1:])}, SHOP, 1)
    with pytest.raises(Invalid, match=f"There are 101 {kind} in the compose file; 100 is the most"):
        planned(config(a=service()) | {kind: dict.fromkeys(names)}, SHOP, 1)


def test_each_mount_is_looked_at_once_however_many_volumes_an_image_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    whole = compose._target

    def target(mount: object) -> str:
        asked.append(mount)
        return whole(mount)

    monkeypatch.setattr(compose, "_target", target)
    plan = planned(config(a=service(volumes=[f"data:/m{number}" for number in range(100)])), SHOP, 1)
    paths = (*(f"/v{number}" for number in range(99)), "/v0/", "/m5")
    file = json.loads(kept(plan, {"a": image(paths)}))
    assert len(file["services"]["a"]["volumes"]) == 199
    assert len(asked) == 100


def test_what_is_kept_builds_nothing_and_keeps_the_data() -> None:
    file = json.loads(start().release.compose)
    assert not any("build" in each for each in file["services"].values())
    name = "db-var-lib-postgresql-data"
    assert (file["volumes"], file["services"]["db"]["volumes"]) == ({name: None}, [f"{name}:{DATA}"])
    assert images_of(start().release) == {
        f"localhost/shop:r3-{each}": image().id for each in ("db", "web", "api", "seed")
    }
    plan = planned(config(db=service(volumes=[f"data:{DATA}:rw"])) | {"volumes": {"data": None}}, SHOP, 1)
    assert json.loads(kept(plan, {"db": image((f"{DATA}/",))}))["volumes"] == {"data": None}


def test_an_environment_has_its_own_containers_network_and_volumes() -> None:
    file = json.loads(started(start()))
    assert {name: each["container_name"] for name, each in file["services"].items()} == {
        "web": "shop-app-dev", "db": "shop-app-dev_db", "api": "shop-app-dev_api", "seed": "shop-app-dev_seed",
    }  # fmt: skip
    labels = {"appx.project": "shop", "appx.environment": "dev", "appx.release": "3"}
    assert all(each["labels"] == labels for each in file["services"].values())
    assert {name: each["ports"] for name, each in file["services"].items() if each["ports"]} == {"web": ["3000:8080"]}
    assert {name: each["restart"] for name, each in file["services"].items()} == {
        "web": "always", "db": "always", "api": "always", "seed": "no",
    }  # fmt: skip
    mine = {"labels": {"appx.project": "shop"}}
    isolated = {"driver_opts": {"isolate": "true"}}
    assert file["networks"] == {"default": {"name": "shop-app-dev_default", **mine, **isolated}}
    assert list(file["volumes"].values()) == [{"name": "shop-app-dev_db-var-lib-postgresql-data", **mine}]
    alone = json.loads(started(replace(start(), port=None)))
    assert alone["services"]["web"]["ports"] == ["127.0.0.1::8080"]


def test_variables_of_the_server_go_before_those_of_the_file_and_are_no_values() -> None:
    file = json.loads(started(start(secrets=("TEA",))))
    assert file["services"]["db"]["environment"] == {"A": "$$$$1", "APPX_ENVIRONMENT": "dev"}
    assert file["services"]["web"]["environment"] == {"APPX_ENVIRONMENT": "dev", "PORT": "8080"}
    for each in file["services"].values():
        assert each["secrets"] == [{"source": "shop-app-dev.TEA", "type": "env", "target": "TEA"}]
    assert file["secrets"] == {"shop-app-dev.TEA": {"external": True}}


def test_limits_of_the_server_go_before_those_of_the_file() -> None:
    assert "deploy" in json.loads(started(start()))["services"]["api"]
    limited = replace(start(), limits=Limits(memory=1 << 20, processes=9, cpus=0.5))
    for each in json.loads(started(limited))["services"].values():
        assert "deploy" not in each
        assert (each["mem_limit"], each["pids_limit"], each["cpus"]) == ("1048576", "9", "0.5")


def test_services_start_after_those_that_they_wait_for() -> None:
    found = order(start())
    names = [name for name, _ in found]
    assert names == ["shop-app-dev_db", "shop-app-dev_seed", "shop-app-dev_api", "shop-app-dev"]
    assert dict(found)["shop-app-dev_api"] == [("shop-app-dev_db", "healthy"), ("shop-app-dev_seed", "completed")]
    assert dict(found)["shop-app-dev"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"services": {"a": {"image": 5}}}, "services.a.image"),
        ({"services": {"a": {"image": "a\0b"}}}, "services.a.image"),
        ({"services": {"a": {"build": {"context": 5}}}}, "services.a.build.context"),
        ({"services": {"a": {"build": {"context": "x", "labels": 5}}}}, "services.a.build.labels.*a map or as a list"),
        ({"services": {"a": service(volumes=5)}}, "services.a.volumes"),
        ({"services": {"a": service(labels=5)}}, "services.a.labels.*a map or as a list"),
        ({"services": {"a": service(environment=5)}}, "services.a.environment.*a map or as a list"),
        ({"services": {"a": service(depends_on={"a": {"condition": []}})}}, "services.a.depends_on.a.condition"),
        ({"services": {"a": service()}, "networks": [1]}, "networks"),
        ({"services": {"a": service()}, "networks": {"n": {"driver_opts": 5}}}, "networks.n.driver_opts"),
        ({"services": {"a": service()}, "volumes": {"v": {"labels": 5}}}, "volumes.v.labels"),
        ({"services": {"a": service(x=json.loads("[" * 500 + "]" * 500))}}, "recursion limit"),
        ([], "should be an object"),
    ],
)
def test_what_has_another_form_is_said(given: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        config_in(json.dumps(given))


@pytest.mark.parametrize("port", ["0", "65536", 99_999, {"target": 0}])
def test_a_port_that_cannot_be_is_said(port: object) -> None:
    with pytest.raises(Invalid, match="is no port"):
        planned(config_in(json.dumps(config(a=service(ports=[port])))), SHOP, 1)


NAMED = {"labels": ["a=b"], "driver_opts": {"a": "b"}, "external": False}
SAMPLE = json.loads(json.dumps(FULL)) | {"networks": {"n": NAMED, "m": None}, "volumes": {"v": NAMED}}
SAMPLE["services"]["web"] |= {"volumes": ["v:/v", {"target": "/w"}], "expose": [{"target": 80}], "scale": 1}


@given(with_odd(SAMPLE) | ODD)
def test_whatever_compose_prints_is_refused_or_can_be_started(text: str) -> None:
    try:
        plan = planned(config_in(text), SHOP, 3)
    except (ValueError, Invalid):
        return
    what = start(plan)
    for each in (written(plan.file), started(what)):
        json.loads(each.encode())
    assert len(order(what)) == len(plan.services)
