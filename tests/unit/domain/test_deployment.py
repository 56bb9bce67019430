"""The file that tells the agent where its app goes."""

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.deployment import Deployment, Target, as_json

TARGETS = st.builds(Target, port=st.none() | st.integers(1024, 65_535), url=st.none() | st.text(min_size=1))
DEPLOYMENTS = st.builds(Deployment, dev=st.none() | TARGETS, prod=st.none() | TARGETS)


@given(DEPLOYMENTS)
def test_it_has_what_is_set_in_the_order_of_the_contract_and_no_null(deployment: Deployment) -> None:
    found = as_json("tea", deployment)
    given = {"dev": deployment.dev, "prod": deployment.prod}
    assert list(found) == ["project", *(name for name, target in given.items() if target is not None)]
    for name, target in given.items():
        if target is not None:
            kept = {key: value for key, value in (("port", target.port), ("url", target.url)) if value is not None}
            assert found[name] == kept


def test_an_environment_without_a_port_says_why() -> None:
    assert as_json("tea", Deployment(dev=Target(note="why"))) == {"project": "tea", "dev": {"note": "why"}}


def test_without_a_deployment_there_is_only_the_project() -> None:
    assert as_json("tea", None) == as_json("tea", Deployment()) == {"project": "tea"}
