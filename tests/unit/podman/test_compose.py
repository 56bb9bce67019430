"""What compose is asked: the lines run in a real shell, beside a podman and a compose that tell what they are given."""

import json
import subprocess
from pathlib import Path

import pytest

from appx.podman import compose


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def run(folder: Path, line: str, given: str = "") -> tuple[int, str]:
    environment = {"PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, input=given, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_what_compose_cannot_read_is_said_in_its_words(folder: Path) -> None:
    program(folder, "podman-compose", "echo 'ValueError: no such thing' >&2; exit 1")
    code, said = run(folder, compose.config("compose.yaml"))
    assert code == 1
    assert "ValueError: no such thing" in said


def test_each_service_is_built_and_each_image_fetched_once(folder: Path) -> None:
    program(folder, "podman-compose", 'echo "compose $* $(cat)"')
    program(folder, "podman", '[ "$1 $2 $3" != "image exists b" ] || exit 1; echo "podman $*"')
    (folder / "web").mkdir()
    (folder / "web/.dockerignore").touch()
    line = compose.build([("web", f"{folder}/web"), ("api", f"{folder}/api; exit 9")], [("a", "x:1"), ("b", "x:2")])
    code, said = run(folder, line, '{"a": "$HOME"}')
    assert code == 0, said
    lines = said.splitlines()
    assert lines[:4] == ["podman image exists a", "podman tag a x:1", "podman pull --quiet b", "podman tag b x:2"]
    assert '--podman-build-args --pull=missing --file - build web {"a": "$HOME"}' in lines[4]
    assert "--ignorefile" in lines[5]
    assert lines[5].endswith('build api {"a": "$HOME"}')


def test_a_build_that_fails_is_the_last_thing(folder: Path) -> None:
    program(folder, "podman-compose", 'echo "$*"; exit 3')
    code, said = run(folder, compose.build([("web", "."), ("api", ".")], []), "{}")
    assert (code, said.count("build web"), said.count("build api")) == (3, 1, 0)


PODMAN = """
case "$1 $2" in
"healthcheck run") [ -e "well" ] || { touch well; exit 1; } ;;
"container inspect") case "$*" in *ExitCode*) echo 7 ;; *) cat running ;; esac ;;
"wait "*) cat ended ;;
*) echo "$*" ;;
esac
"""


def test_a_service_starts_when_those_it_waits_for_are_ready(folder: Path) -> None:
    program(folder, "podman", PODMAN)
    (folder / "running").write_text("true")
    (folder / "ended").write_text("0")
    line = compose.start([("db", []), ("seed", [("db", "healthy")]), ("api", [("seed", "completed")])], 60)
    assert run(folder, line) == (0, "start db\nstart seed\nstart api\n")
    (folder / "ended").write_text("4")
    code, said = run(folder, line)
    assert (code, said.splitlines()[-1]) == (1, "seed ended with exit code 4, and others wait for its work")
    (folder / "well").unlink()
    (folder / "running").write_text("false")
    code, said = run(folder, line)
    assert (code, said.splitlines()[-1]) == (1, "db ended with exit code 7, and others wait until it is healthy")


def test_a_service_that_does_not_become_healthy_is_not_waited_for_for_ever(folder: Path) -> None:
    program(folder, "podman", PODMAN.replace("touch well; ", ""))
    (folder / "running").write_text("true")
    code, said = run(folder, compose.start([("db", []), ("api", [("db", "healthy")])], 1))
    assert (code, said) == (1, "start db\ndb is not healthy within 1 s (4 times APPX_HEALTH_SECONDS)\n")


def test_names_are_words_and_no_commands(folder: Path) -> None:
    program(folder, "podman", 'echo "$2"')
    assert run(folder, compose.start([("$(touch it)", [])], 60)) == (0, "$(touch it)\n")
    assert not (folder / "it").exists()


def test_files_of_variables_become_part_of_the_release(folder: Path) -> None:
    """The reader needs what the image has: PyYAML and dotenv, which stand in for themselves here."""
    program(folder, "podman-compose", 'echo \'{"services": {"a": {"env_file": ["x.env"]}}}\'')
    (folder / "yaml.py").write_text("import json\nsafe_load = json.load\n")
    (folder / "dotenv.py").write_text("def dotenv_values(stream): return dict(x.strip().split('=') for x in stream)\n")
    (folder / "x.env").write_text("TEA=green\n")
    code, said = run(folder, f"export PYTHONPATH=.; {compose.config('compose.yaml')}")
    assert (code, json.loads(said)) == (0, {"services": {"a": {"environment": {"TEA": "green"}}}})
    (folder / "x.env").unlink()
    code, said = run(folder, f"export PYTHONPATH=.; {compose.config('compose.yaml')}")
    assert (code, "the file x.env is not there" in said) == (1, True)
