"""The prompt lists skills by name, description and path, and says which cannot be used."""

import pytest

from appx.agent.skills import MAX_HEAD, MAX_LIST, MAX_SKILLS, Skill, Unusable, skill, skills_section

PATH = ".pi/skills/tea/SKILL.md"


def text(name: str = "tea", description: str = "How to make tea") -> bytes:
    return f"---\nname: {name}\ndescription: {description}\n---\n\nBoil water.\n".encode()


def made(number: int, description: str = "What it is for") -> Skill:
    return Skill(name=f"s{number}", description=description, path=f".pi/skills/s{number}/SKILL.md")


def test_a_skill_is_read_from_its_front_matter() -> None:
    assert skill(PATH, text()) == Skill(name="tea", description="How to make tea", path=PATH)


def test_only_the_beginning_of_a_long_file_matters() -> None:
    assert isinstance(skill(PATH, text() + b"\xff" * MAX_HEAD), Skill)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no name"),
        (b"# Tea\n", "no name"),
        (b"---\nname: tea\n---\n", "no description"),
        (b"---\ndescription: d\n---\n", "no name"),
        (b"---\nname: tea\n", "no end"),
        (b"---\nname tea\n---\n", "not 'key: value': name tea"),
        (b"---\nname: a\nname: b\n---\n", "name twice"),
        (text(name="Tea"), "small letters"),
        (text(name="tea--pot"), "small letters"),
        (text(name="x" * 65), "small letters"),
        (text(name="../tea"), "small letters"),
        (text(description="[a]"), "put it into quotes"),
        (text(description="x" * 1_025), "more than 1,024 characters"),
        (b"\xff\xfe\0", "no name"),
        (b"---\n" + b"# x\n" * MAX_HEAD, "no end"),
    ],
)
def test_a_skill_that_cannot_be_used_has_a_reason(data: bytes, reason: str) -> None:
    found = skill(PATH, data)
    assert isinstance(found, Unusable)
    assert reason in found.reason


def test_the_list_says_how_to_read_a_skill() -> None:
    section = skills_section([made(1), Skill(name="tea", description="Tea", path="/opt/skills/tea/SKILL.md")])
    assert section.startswith("# Skills\n")
    assert "- s1: What it is for (.pi/skills/s1/SKILL.md)\n" in section
    assert section.endswith("- tea: Tea (/opt/skills/tea/SKILL.md)")


def test_without_skills_there_is_no_list() -> None:
    assert skills_section([]) == ""


def test_of_one_name_the_first_counts() -> None:
    section = skills_section([made(1, "first"), made(1, "second")])
    assert "first" in section
    assert "second" not in section


def test_what_cannot_be_used_is_noted() -> None:
    section = skills_section([Unusable(path="a\nb", reason="it has\nno name")])
    assert section.endswith('\n- ["a\\nb" cannot be used: it has no name]')


def test_the_list_is_bounded_and_says_what_is_missing() -> None:
    section = skills_section([made(number) for number in range(MAX_SKILLS + 5)], left_out=2)
    assert section.count("\n- s") == MAX_SKILLS
    assert section.endswith("- [7 more find no room here]")
    large = skills_section([made(number, "x" * 1_024) for number in range(MAX_SKILLS)])
    assert len(large) < MAX_LIST + 1_000
    assert large.endswith(" more find no room here]")
    broken = skills_section([Unusable(path="p", reason="r" * 10_000)] * 1_000)
    assert len(broken) < 10_000
    assert broken.endswith("- [980 more cannot be used]")
