"""The documentation has a line for everything that a person can use, and its links lead somewhere."""

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from click import Context

RUN_SH = Path("docker/builder/run.sh")
OF_THE_IMAGE = {
    "WORKSPACE_DIR", "AGENT_SERVER_HOST", "AGENT_SERVER_PORT", "APPX_WORKBENCH_SOCKET", "APPX_BUILDER_PROMPT",
    "APPX_LLM_PORT", "APPX_LAUNCHER_SOCKET", "APPX_EGRESS_SOCKET", "APP_CONTAINER_RUNTIME",
    "APPX_LOGINS_PATH",  # docs/models.md says with which flag its file is mounted
}  # fmt: skip
"""Settings that are no business of ``run.sh``."""
OUTSIDE = (
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "image/AGENTS.builder.md",
    "acceptance/README.md",
    "bench/agent/README.md",
)
PAGES = sorted([*map(Path, OUTSIDE), *Path("docs").rglob("*.md")])
GUIDES = [page for page in PAGES if page.name != "CHANGELOG.md"]

REGISTRIES = ("files." + "pythonhosted", "registry." + "npmjs", "deb." + "debian.org", "pypi.org/" + "simple")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_VARIABLE = re.compile(r"\b[A-Za-z]+(?:_[A-Za-z]+)+\b")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def text(path: str | Path) -> str:
    return Path(path).read_text(encoding="utf-8")


@cache
def all_guides() -> str:
    return "\n".join(map(text, GUIDES))


@cache
def help_of(script: str) -> str:
    told = subprocess.run(["bash", script, "--help"], capture_output=True, text=True, check=True)
    return told.stdout


def test_the_page_of_settings_is_what_the_command_prints() -> None:
    from appx.settings.settings import manual  # noqa: PLC0415

    page = text("docs/settings.md")
    assert page[page.index("\n| variable") + 1 :] == manual(), (
        "docs/settings.md is old; its first lines say how to renew it"
    )


@pytest.mark.parametrize("script", ["docker/builder/run.sh", "docker/builder/build.sh"])
def test_every_option_and_variable_of_a_script_is_explained(script: str) -> None:
    told, page = help_of(script), text("docs/operate.md")
    options = set(_OPTION.findall(told)) - set(_OPTION.findall(page)) - {"--help"}
    variables = {name for name in _VARIABLE.findall(told) if name.upper() == name or name.endswith("_proxy")}
    assert variables
    assert options | (variables - set(_VARIABLE.findall(page))) == set()


def test_run_sh_drops_no_setting_of_the_server() -> None:
    """Else a budget that somebody sets would count for nothing, without a word."""
    from appx.settings.settings import SECRETS, Settings  # noqa: PLC0415

    given = {str(field.alias) for field in Settings.model_fields.values()}
    known = set(_VARIABLE.findall(help_of(str(RUN_SH))))
    assert given - known == OF_THE_IMAGE
    assert {f"{name}_FILE" for name in SECRETS} - known == set()


def test_every_flag_of_the_contract_has_a_row_with_its_check() -> None:
    rows = flag_rows()
    missing = {flag for flag in flags_of_run_sh() if not any(stands_in(flag, row) for row in rows)}
    assert missing == set()


def test_every_row_of_the_table_is_a_flag_and_is_complete() -> None:
    known = flags_of_run_sh()
    for row in flag_rows():
        assert any(stands_in(flag, row) for flag in known), f"run.sh has no such flag: {row[0]}"
        assert len(row) == 4, row
        assert all(row), row
        checks = re.findall(r"\b\d\d-[a-z]+(?:-[a-z]+)*\b", row[3])
        assert all(Path(f"acceptance/{check}.sh").exists() for check in checks), row
        assert checks or row[3].startswith(("none yet", "as above", "the same")), row


def flag_rows() -> list[list[str]]:
    page = text("docs/security.md")
    table = page[page.index("| flag |") :].split("\n\n", 1)[0]
    return [cells(line) for line in table.splitlines()[2:]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_every_promise_of_security_names_a_check_that_is_there() -> None:
    rows = promises()
    assert len(rows) > 20
    for promise, proof in rows:
        assert promise
        for part in re.split(r"; (?=\d\d-|tests/)", proof):
            place, _, told = part.partition(": ")
            if place == "pending":
                assert told, promise
            elif place.startswith("tests/"):
                assert all(f"def {name}(" in text(place) for name in told.split("; ")), part
            else:
                code = text(f"acceptance/{place}.sh")
                assert all(f'"{sentence}' in code for sentence in sentences_of(told, code)), part


def promises() -> list[list[str]]:
    page = text("docs/security.md")
    table = page[page.index("| promise | proved by |") :].split("\n\n", 1)[0]
    return [cells(line) for line in table.splitlines()[2:]]


def sentences_of(told: str, code: str) -> list[str]:
    """A sentence may have a semicolon of its own: then it stands in the code as a whole."""
    parts, found = told.split("; "), []
    while parts:
        long = next((at for at in range(len(parts), 1, -1) if f'"{"; ".join(parts[:at])}"' in code), 1)
        found.append("; ".join(parts[:long]))
        parts = parts[long:]
    return found


def stands_in(flag: str, row: list[str]) -> bool:
    return any(span == flag for span in re.findall(r"`([^`]+)`", row[0]))


def flags_of_run_sh() -> set[str]:
    """Each flag of the functions that make up the command, with as much of its value as tells it from others."""
    found = set()
    for line in spawn_code():
        for flag, rest in re.findall(r"(--[a-z-]+)(?= |$)(?:(.*?)(?= --|$))", line):
            found.add(f"{flag} {told}" if (told := telling(flag, rest.strip(' ")'))) else flag)
    assert len(found) > 20
    return found


def spawn_code() -> list[str]:
    """Of ``run.sh``, the lines from ``spawn_flags`` to the end of ``add_environment``, without comments."""
    code = text(RUN_SH)
    after = code[code.index("\nspawn_flags()") :]
    last = after.index("\nadd_environment()")
    lines = after[: after.index("\n}\n", last)].splitlines()
    return [line for line in lines if not line.lstrip().startswith("#")]


def telling(flag: str, rest: str) -> str:
    match flag:
        case "--cap-add" | "--cap-drop" | "--restart" | "--stop-timeout":
            return rest
        case "--security-opt":
            named = re.match(r"[a-z-]+(?:=[A-Za-z]*)?", rest)
            assert named is not None, rest
            return named[0]
        case "--ulimit":
            return rest.partition("=")[0] + "="
        case "--device" | "--tmpfs":
            return rest.partition(":")[0]
        case "--volume" | "--publish":
            inside = re.search(r":(/[\w./-]+(?::ro)?|[\d-]+|\$app_ports)$", rest)
            assert inside is not None, rest
            return f"…:{inside[1]}".replace("$app_ports", "APPX_APP_PORTS")
        case _:
            return ""


def test_every_route_is_explained() -> None:
    from appx.http.app import openapi_document  # noqa: PLC0415

    page = re.sub(r"  +", " ", text("docs/api.md"))
    paths = json.loads(openapi_document())["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert len(routes) > 10
    assert {route for route in routes if not re.search(re.escape(route) + r"(?![/\w])", page)} == set()


def test_every_route_that_the_api_page_names_is_there() -> None:
    from appx.http.app import openapi_document  # noqa: PLC0415

    paths = json.loads(openapi_document())["paths"]
    named = re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) +(/v1/[\w/{}-]+)", text("docs/api.md"))
    assert [f"{method} {path}" for method, path in named if method.lower() not in paths.get(path, {})] == []


def test_every_event_on_the_wire_is_explained() -> None:
    code = text("src/appx/http/story.py") + text("src/appx/http/wire.py")
    sent = set(re.findall(r'"type": "([a-z]+_[a-z_]+)"', code))
    assert len(sent) > 10
    page = text("docs/api.md")
    assert {event for event in sent if f"`{event}`" not in page} == set()


def test_every_command_and_option_of_appx_is_explained() -> None:
    from appx.cli.main import FILES, main  # noqa: PLC0415

    guides = all_guides()
    assert {name for name in FILES if f"appx {name}" not in guides} == set()
    own = {"--help", "--version", "--verbose", "--url"}
    commands = [main.get_command(Context(main), name) for name in FILES]
    options = {option for command in commands if command for each in command.params for option in each.opts}
    assert {option for option in options - own if option.startswith("--") and option not in guides} == set()


def test_every_tool_is_explained() -> None:
    source = text("src/appx/projects/agents.py")
    tools = re.findall(r"from appx\.tools\.(\w+) import \1$", source, re.MULTILINE)
    assert len(tools) >= 8
    page = text("docs/agent.md")
    assert [name for name in tools if not re.search(rf"^\| `{name}` \|", page, re.MULTILINE)] == []


def test_every_prompt_of_the_demo_is_explained() -> None:
    words = re.search(r"\^\\s\*\(([a-z|]+)\)\\s\*:", text("src/appx/models/demo.py"))
    assert words is not None
    page = text("docs/models.md")
    assert [word for word in words[1].split("|") if f"`{word}: " not in page] == []


def test_the_layers_of_the_architecture_are_those_that_the_linter_enforces() -> None:
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    page = text("docs/architecture.md")
    assert " > ".join(layers) in page
    packages = re.findall(r"\w+", " ".join(layers))
    assert [name for name in packages if not re.search(rf"^\| `{name}` \|", page, re.MULTILINE)] == []


def test_every_promise_of_the_acceptance_suite_has_a_line() -> None:
    page = text("acceptance/README.md")
    assert [each.name for each in Path("acceptance").glob("[0-9]*.sh") if each.name not in page] == []


def test_every_refusal_says_how_it_can_fail() -> None:
    page = text("acceptance/README.md")
    for file in sorted(Path("acceptance").glob("[0-9]*.sh")):
        sentences = re.findall(r'^\s*refused "([^"$]+)"', text(file), re.MULTILINE)
        assert [sentence for sentence in sentences if sentence not in page] == [], file


def test_the_builder_prompt_is_short() -> None:
    assert len(text("image/AGENTS.builder.md").splitlines()) < 120


@pytest.mark.parametrize("page", sorted(Path("docs/decisions").glob("*.md")), ids=str)
def test_a_decision_is_short_and_has_its_three_parts(page: Path) -> None:
    found = text(page)
    assert len(found.splitlines()) <= 60
    assert re.findall(r"^## (.+)$", found, re.MULTILINE) == ["Context", "Decision", "Consequence"]
    assert found.startswith(f"# {page.name[:4]}: ")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files(page: Path) -> None:
    targets = [target for target in _LINK.findall(text(page)) if "://" not in target]
    broken = [target for target in targets if not leads_somewhere(page, target)]
    assert broken == []


def leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    return file.exists() and (not anchor or anchor in anchors(file))


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_page_names_a_registry(page: Path) -> None:
    found = text(page)
    assert [host for host in REGISTRIES if host in found] == []


def test_files_that_the_guides_name_are_there() -> None:
    named = re.findall(r"`((?:docker|image|acceptance|tests|scripts|src)/[\w./-]+\.(?:sh|py|md|json))`", all_guides())
    assert named
    assert [name for name in dict.fromkeys(named) if not Path(name).exists()] == []


def test_every_option_of_the_tasks_for_agents_is_explained() -> None:
    told = subprocess.run([sys.executable, "-m", "bench.agent", "--help"], capture_output=True, text=True, check=True)
    options = set(_OPTION.findall(told.stdout))
    assert len(options) > 10
    assert options - set(_OPTION.findall(text("bench/agent/README.md"))) == {"--help"}
