"""Which project gets which published port."""

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.deployment import Deployment, Target
from appx.domain.leases import chosen, deployed, explained, ports_of, without_port

PUBLISHED = ports_of("3000-3010")
PORTS = st.integers(2_998, 3_012)
TARGETS = st.none() | st.builds(Target, port=st.none() | PORTS)
DEPLOYMENTS = st.none() | st.builds(Deployment, dev=TARGETS, prod=TARGETS)
HAD = st.dictionaries(st.sampled_from(["dev", "prod"]), PORTS)


@given(st.sets(PORTS), DEPLOYMENTS, HAD)
def test_a_port_is_published_nobody_elses_and_for_one_environment(
    taken: set[int], deployment: Deployment | None, had: dict[str, int]
) -> None:
    found = list(chosen(PUBLISHED, taken, deployment, had).values())  # type: ignore[arg-type]
    assert set(found) <= set(PUBLISHED) - taken
    assert len(set(found)) == len(found)


@given(st.sets(PORTS), DEPLOYMENTS)
def test_what_a_project_has_it_keeps(taken: set[int], deployment: Deployment | None) -> None:
    had = chosen(PUBLISHED, taken, deployment, {})
    assert chosen(PUBLISHED, taken, deployment, had) == had


def test_each_project_gets_a_port_until_all_are_used() -> None:
    taken: set[int] = set()
    for _ in range(8):
        found = chosen(PUBLISHED, taken, None, {})
        taken |= set(found.values())
        assert "dev" in found
    assert chosen(PUBLISHED, set(PUBLISHED), None, {}) == {}


def test_the_control_planes_port_goes_before() -> None:
    wanted = Deployment(dev=Target(port=3007, url="https://tea.example"))
    found = chosen(PUBLISHED, {3000}, wanted, {"dev": 3001})
    assert found == {"dev": 3007, "prod": 3001}
    assert deployed(wanted, found) == Deployment(dev=wanted.dev, prod=Target(port=3001))


def test_without_a_lease_the_deployment_stays_as_it_is() -> None:
    assert deployed(None, {}) is None


def test_why_an_environment_has_no_port_and_what_to_do() -> None:
    assert without_port(PUBLISHED, None, "dev").startswith("No published port is free: all 11 ports of 3000-3010 are")
    assert "the only published port 3000 is leased" in without_port(ports_of("3000"), None, "prod")
    named = Deployment(dev=Target(port=3007), prod=Target(port=9000))
    assert "Port 3007, which the project's deployment names, is leased" in without_port(PUBLISHED, named, "dev")
    assert "Port 9000" in (sentence := without_port(PUBLISHED, named, "prod"))
    assert "3000-3010 are. Name one of these" in sentence
    for deployment in (None, named):
        assert "APPX_APP_PORTS" in without_port(PUBLISHED, deployment, "dev")


def test_the_reason_stands_at_the_environment_that_has_no_port() -> None:
    had = Deployment(prod=Target(port=3001))
    assert explained(had, {}) is had
    assert explained(had, {"dev": "why"}) == Deployment(dev=Target(note="why"), prod=Target(port=3001))
