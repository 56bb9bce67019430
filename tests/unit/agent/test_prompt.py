"""The prompt holds all that it was given, from general to particular."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from appx.agent.prompt import MAX_FILE, ContextFile, Place, base_prompt, cut, deployment_section, system_prompt
from appx.domain.deployment import Deployment, Target
from appx.domain.ids import ProjectId
from appx.models.demo import place

TODAY = date(2026, 11, 24)
WORDS = st.text("abc xyz\n", max_size=20)


def here(deployment: Deployment | None = None) -> Place:
    return Place(
        project=ProjectId("tea-shop"), directory="/workspace/tea-shop", runtime="podman", ports="3000-3010",
        deployment=deployment,
    )  # fmt: skip


@given(WORDS, st.lists(st.builds(ContextFile, path=st.text("abc/", min_size=1), text=WORDS), max_size=4))
def test_nothing_is_lost_and_the_order_stays(base: str, files: list[ContextFile]) -> None:
    prompt = system_prompt(base=base, files=files, place=here(), today=TODAY)
    at = 0
    for part in (base, *(text for file in files for text in (f"# Instructions from {file.path}\n", file.text))):
        found = prompt.find(part.strip(), at)
        assert found >= at
        at = found + len(part.strip())
    assert prompt.find("# Deployment", at) >= at
    assert prompt.endswith("Today is 2026-11-24. You work in /workspace/tea-shop.\n")


def test_what_is_added_follows_the_base_and_skills_follow_the_deployment() -> None:
    file = ContextFile(path="AGENTS.md", text="file")
    prompt = system_prompt(
        base="base", added=["more", ""], files=[file], place=here(), skills="# Skills\n\n- tea", today=TODAY
    )
    assert prompt.startswith("base\n\nmore\n\n# Instructions from AGENTS.md\n\nfile\n\n# Deployment\n")
    assert prompt.endswith("\n\n# Skills\n\n- tea\n\nToday is 2026-11-24. You work in /workspace/tea-shop.\n")


def test_a_file_that_fits_is_whole() -> None:
    assert cut("a", b"x" * MAX_FILE) == "x" * MAX_FILE
    assert cut("a", b"\xff words\n") == "\ufffd words\n"


def test_a_long_file_is_cut_behind_a_line_and_the_way_to_its_rest_is_told() -> None:
    line = b"0123456789\n"
    kept = MAX_FILE // len(line)
    text = cut("my notes.md", line * 10_000)
    assert text.startswith((line * kept).decode())
    rest = f"[my notes.md is cut here, after 32,758 bytes. The rest: bash: tail -c +{kept * 11 + 1} 'my notes.md']"
    assert text.endswith(f"9\n{rest}")


@given(st.binary(max_size=50), st.integers(1, 50))
def test_no_file_takes_more_than_its_room(unit: bytes, times: int) -> None:
    data = unit * (MAX_FILE // 100) * times
    assert len(cut("a", data)) <= MAX_FILE + 100


def test_the_agent_is_told_where_its_apps_go() -> None:
    section = deployment_section(
        here(Deployment(dev=Target(port=3004), prod=Target(port=3005, url="https://tea.example.com")))
    )
    assert "- project id: tea-shop" in section
    assert "appx.project=tea-shop" in section
    assert "- dev: port 3004, http://localhost:3004, container tea-shop-app-dev" in section
    assert "- prod: port 3005, https://tea.example.com, container tea-shop-app-prod" in section


def test_without_a_port_it_is_told_to_take_a_free_one() -> None:
    section = deployment_section(here())
    assert section.count("no port is set: take one of these ports that is free") == 2
    assert "3000-3010" in section
    assert "no port set, https://x.example.com" in deployment_section(
        here(Deployment(dev=Target(url="https://x.example.com")))
    )


def test_the_demo_finds_its_place_in_it() -> None:
    prompt = system_prompt(base=base_prompt(), files=(), place=here(Deployment(dev=Target(port=3004))), today=TODAY)
    found = place(prompt)
    assert (found.project, found.url) == ("tea-shop", "http://localhost:3004")


def test_the_base_is_there_and_short() -> None:
    assert 200 < len(base_prompt()) < 8_000
