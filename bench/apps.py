"""What a deploy takes, whether many at once all come up, and whether many in a row leave anything behind.

    .venv/bin/python bench/apps.py times|many|cycles [N] --container appx [--engine docker] [--url http://127.0.0.1:4001]

``times``: deploy, again, promote, rollback, each against a floor of the same run: ``podman run`` of the same image.
``many``: N projects (20) deployed at once; give the builder a range of ports as wide (APPX_APP_PORTS=10000-10199).
``cycles``: N deploys (100) of one project, with all that podman and the kernel count before and after.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
import httpx2

RECIPE = "FROM localhost/appx/static\nCOPY --chmod=0644 index.html /srv/www/\n"
COUNTED = {
    "containers": "podman ps --all --quiet",
    "networks": "podman network ls --quiet",
    "volumes": "podman volume ls --quiet",
    "images": "podman images --all --quiet",
    "layers": "ls $(podman info --format '{{.Store.GraphRoot}}')/overlay/l",
    "secrets": "podman secret ls --quiet",
    "processes": "ps -u $(id -u) -o pid=",
}


@dataclass(frozen=True, slots=True)
class Builder:
    """A running builder, from outside."""

    http: httpx2.Client
    engine: str
    container: str

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def inside(self, *command: str, given: str = "") -> str:
        words = [self.engine, "exec", "-i", self.container, *command]
        return subprocess.run(words, input=given, capture_output=True, text=True, check=True).stdout

    def project(self, name: str) -> str:
        found: str = self.call("POST", "/v1/projects", {"name": name})["id"]
        self.write(found, "Containerfile", RECIPE)
        return found

    def write(self, project: str, path: str, text: str) -> None:
        self.inside("as-project", project, "sh", "-c", f"cat >{path}", given=text)

    def deploy(self, project: str, **body: object) -> float:
        """Seconds until the answer."""
        began = time.monotonic()
        ended = self.call("POST", f"/v1/projects/{project}/deployments", body)
        assert ended["status"] == "done", ended
        return time.monotonic() - began

    def page(self, project: str, environment: str = "dev") -> str:
        port = next(
            each["port"] for each in self.call("GET", f"/v1/projects/{project}/apps")["apps"]
            if each["environment"] == environment
        )  # fmt: skip
        return httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False).text

    def counts(self, project: str) -> dict[str, int]:
        # A restart waits until what the last build left is removed.
        self.call("POST", f"/v1/projects/{project}/apps/dev/restart")
        found = {
            name: len(self.inside("as-project", project, "sh", "-c", line).split()) for name, line in COUNTED.items()
        }
        pid = self.inside("s6-svstat", "-o", "pid", "/run/service/server").strip()
        found["server's files"] = len(self.inside("as-appx", "ls", f"/proc/{pid}/fd").split())
        memory = self.inside("as-appx", "sh", "-c", f"grep VmRSS /proc/{pid}/status")
        return found | {"server's memory, MiB": int(memory.split()[1]) >> 10}

    @contextmanager
    def projects(self, names: list[str]) -> Iterator[list[str]]:
        made: list[str] = []
        try:
            made += [self.project(name) for name in names]
            yield made
        finally:
            for each in made:
                self.call("DELETE", f"/v1/projects/{each}")


def times(builder: Builder, _: int) -> None:
    with builder.projects(["bench-times"]) as (project,):
        builder.write(project, "index.html", "one")
        first = builder.deploy(project)
        builder.write(project, "index.html", "two")
        second = builder.deploy(project)
        promoted = builder.deploy(project, environment="prod")
        back = min(builder.deploy(project, release="previous") for _ in range(4))
        line = f"time podman run --rm --network none localhost/{project}:r1 true"
        told = subprocess.run(
            [builder.engine, "exec", builder.container, "as-project", project, "bash", "-c", f"TIMEFORMAT=%R; {line}"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        floor = float(told.stderr.split()[-1])
    for name, seconds in (("deploy", first), ("deploy anew", second), ("promote", promoted), ("rollback", back)):
        print(f"{name:<12} {seconds:5.1f} s, {seconds / floor:5.1f} times podman run ({floor:.2f} s)")


def many(builder: Builder, count: int) -> None:
    with builder.projects([f"bench-many-{number}" for number in range(count)]) as projects:
        for project in projects:
            builder.write(project, "index.html", project)
        began = time.monotonic()
        with ThreadPoolExecutor(count) as pool:
            took = list(pool.map(builder.deploy, projects))
        right = sum(builder.page(project).strip() == project for project in projects)
        print(
            f"{count} projects at once: all within {time.monotonic() - began:.1f} s, the first after {min(took):.1f} s"
        )
        print(f"{right} of {count} answer with their own page")


def cycles(builder: Builder, count: int) -> None:
    with builder.projects(["bench-cycles"]) as (project,):
        for number in range(12):  # until the oldest releases go
            builder.write(project, "index.html", f"warm {number}")
            builder.deploy(project)
        before = builder.counts(project)
        for number in range(count):
            builder.write(project, "index.html", f"cycle {number}")
            builder.deploy(project)
        after = builder.counts(project)
    for name, was in before.items():
        print(f"{name:<22} {was:>6} before, {after[name]:>6} after {count} deploys")


@click.command(help=__doc__)
@click.argument("what", type=click.Choice(["times", "many", "cycles"]))
@click.argument("count", type=click.IntRange(1), required=False)
@click.option("--container", default="appx")
@click.option("--engine", default="docker")
@click.option("--url", default="http://127.0.0.1:4001")
def main(what: str, count: int | None, container: str, engine: str, url: str) -> None:
    token = "jq -r '.AGENT_SERVER_TOKEN // empty' handed.json 2>/dev/null | grep . || cat token"
    words = [engine, "exec", container, "as-appx", "sh", "-c", f"cd /workspace/.pi-global && {{ {token}; }}"]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    headers = {"Authorization": f"Bearer {found}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=600, trust_env=False) as http:
        builder = Builder(http, engine, container)
        {"times": times, "many": many, "cycles": cycles}[what](builder, count or {"many": 20}.get(what, 100))


if __name__ == "__main__":
    main()
