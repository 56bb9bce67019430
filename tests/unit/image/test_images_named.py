"""Which base images a command of podman is taken to need: never too few."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "image/rootfs/usr/local/libexec/appx/images-named"
NAMES = {"base", "static", "python", "node", "postgres"}


def named(directory: Path, *words: str) -> set[str]:
    done = subprocess.run(["sh", str(SCRIPT), *words], cwd=directory, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "line",
    [
        "ps --all",
        "logs hello-app-dev",
        "rm --force --ignore hello-app-dev",
        "container ls",
        "container inspect hello-app-dev",
        "run --detach --name hello-app-dev --publish 3000:8080 localhost/hello:r1",
        "image inspect localhost/hello:r1",
        "images --format {{.Tag}} --filter reference=localhost/hello",
        "images --quiet --no-trunc --filter label=appx.project=hello",
        "",
        "--log-level",
    ],
)
def test_what_names_no_base_image_does_not_wait_for_one(tmp_path: Path, line: str) -> None:
    assert named(tmp_path, *line.split()) == set()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("run --rm localhost/appx/python:latest python3", {"python"}),
        ("run --rm appx/node", {"node"}),
        ("run static", {"static"}),
        ("--log-level debug --root=/x run localhost/appx/base:0.1.0 true", {"base"}),
        ("container create localhost/appx/node@sha256:00", {"node"}),
        ("run --mount type=image,source=localhost/appx/node,destination=/node localhost/hello:r1", {"node"}),
        ("image exists localhost/appx/static", {"static"}),
        ("tag localhost/appx/base mine", {"base"}),
        ("images", {"all"}),
        ("image ls --all", {"all"}),
        ("images --filter reference=localhost/*", {"all"}),
        ("images --filter reference=localhost/appx/node", {"all"}),
        ("kube play pod.yaml", {"all"}),
        ("compose up", {"all"}),
    ],
)
def test_what_names_one_gets_it(tmp_path: Path, line: str, wanted: set[str]) -> None:
    assert named(tmp_path, *line.split()) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("FROM localhost/appx/python\nRUN pip install six\n", {"python"}),
        (
            "from localhost/appx/node:0.1.0 as build\nFROM localhost/appx/static\nCOPY --from=build /a /b\n",
            {"node", "static"},
        ),
        ("FROM scratch\nCOPY --from=localhost/appx/static /usr/sbin/lighttpd /\n", {"static"}),
        ("FROM localhost/appx/base\nRUN --mount=type=bind,from=localhost/appx/node,target=/n true\n", {"base", "node"}),
        ("FROM \\\n  localhost/appx/node\n", {"node"}),
        ("FROM localhost/appx/node\r\n", {"node"}),
        ("FROM python\nONBUILD COPY --from=appx/node /a /b\n", {"python", "node"}),
        ("# escape=`\nFROM `\nlocalhost/appx/node", {"node"}),
        ("FROM docker.io/library/redis:7\nRUN echo static\n", set()),
        ("FROM localhost/hello:r1\nRUN echo $HOME\n", set()),
        ("ARG BASE=localhost/appx/node\nFROM $BASE\n", {"all"}),
        ("ARG NAME=node\nFROM localhost/appx/${NAME}\n", {"all"}),
        ("ARG B\nFROM \\\n  $B\n", {"all"}),
        ("FROM localhost/appx/base\nARG X\nCOPY --from=$X /a /b\n", {"all"}),
    ],
)
def test_a_build_gets_what_its_file_takes_from(tmp_path: Path, text: str, wanted: set[str]) -> None:
    (tmp_path / "Containerfile").write_bytes(text.encode())
    assert named(tmp_path, "build", "--tag", "localhost/hello:r1", ".") - {"base"} == wanted - {"base"}
    assert wanted <= named(tmp_path, "build")


def test_a_file_is_found_wherever_podman_looks_for_it(tmp_path: Path) -> None:
    (tmp_path / "context/below").mkdir(parents=True)
    (tmp_path / "context/Dockerfile").write_text("FROM localhost/appx/static\n")
    (tmp_path / "context/below/Other").write_text("FROM localhost/appx/node\n")
    (tmp_path / "Here").write_text("FROM localhost/appx/python\n")
    assert named(tmp_path, "build", "context") == {"static"}
    assert named(tmp_path, "image", "build", "context") == {"static"}
    for way in (["-f", "Here"], ["-fHere"], ["--file", "Here"], ["--file=Here"]):
        assert "python" in named(tmp_path, "build", *way, "context")
    assert "node" in named(tmp_path, "build", "-f", "below/Other", "context")
    assert {"node", "python"} <= named(tmp_path, "build", "-f", "below/Other", "-f", "Here", "context")


@pytest.mark.parametrize(
    "line",
    [
        "build -f - .",
        "build -",
        "build -f missing .",
        "build missing",
        "build https://example.org/app.git",
        "build git@example.org:app",
        "build -qf Here .",
        "build -f Here.in .",
        "buildx build",
        "farm build .",
    ],
)
def test_where_it_cannot_be_told_all_are_loaded(tmp_path: Path, line: str) -> None:
    (tmp_path / "Here").write_text("FROM scratch\n")
    (tmp_path / "Here.in").write_text('#include "other"\n')
    assert "all" in named(tmp_path, *line.split())


@pytest.mark.parametrize("name", ["python", "static", "vite"])
def test_templates_load_only_what_they_name(name: str) -> None:
    files = ROOT / "src/appx/templates" / name / "files"
    recipe = (files / "Containerfile").read_text()
    wanted = {each for each in NAMES if f"localhost/appx/{each}" in recipe}
    assert named(files, "build", "--target", "test", ".") - {"base"} == wanted


def test_its_names_are_those_of_the_image() -> None:
    assert set((ROOT / "image/inner/images.json").read_text().split('"')) & NAMES == NAMES
    line = next(each for each in SCRIPT.read_text().splitlines() if each.startswith("names="))
    assert set(line.removeprefix("names=").strip("'").split("|")) == NAMES
