"""What the commands say of apps."""

from appx.cli.apps import described, happened, weighed

MIB = 1 << 20


def test_each_thing_that_happens_is_a_line() -> None:
    assert happened({"time": "t", "app": "started", "container": "shop-app-dev"}) == "t  shop-app-dev started"
    killed = {"time": "t", "app": "ended", "container": "x", "exitCode": 137, "outOfMemory": True}
    assert happened(killed) == "t  x ended, exit code 137, out of memory"
    deployment = {"number": 3, "kind": "deploy", "environment": "dev", "status": "failed", "reason": "It is sick."}
    assert happened({"time": "t", "deployment": deployment}) == "t  deployment 3 (deploy of dev) failed: It is sick."
    assert happened({"time": "t", "other": 1}) == "t  "


def test_what_takes_how_much_of_the_disk() -> None:
    found = {
        "used": 300 * MIB,
        "limit": 400 * MIB,
        "directory": MIB,
        "images": 254 * MIB,
        "containers": [{"name": "hog", "size": 44 * MIB}],
        "volumes": [],
        "other": MIB,
        "whole": True,
    }
    assert [line.strip() for line in weighed(found)] == [
        "300.0 of 400 MiB", "1.0 directory", "254.0 images", "1.0 other", "44.0 container hog",
    ]  # fmt: skip
    assert next(line.strip() for line in weighed({"used": MIB, "whole": False})) == "1.0 MiB"


def test_an_app_without_a_port_says_why() -> None:
    app = {"environment": "dev", "release": 1, "wanted": "running", "note": "No published port is free."}
    *_, note = described({"apps": [app], "unmanaged": []})
    assert note.strip() == "No published port is free."
