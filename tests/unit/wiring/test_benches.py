"""What a command of the agent is started by."""

import pytest

from appx.wiring.benches import behind


@pytest.mark.parametrize(("now", "then"), [("0\n", "500"), ("-100", "400"), ("800", "1000"), ("1000", "1000")])
def test_a_command_comes_after_the_server_and_never_asks_for_less_than_it_has(now: str, then: str) -> None:
    """Less would be refused, and no command could be started: an orchestrator may have given the most already."""
    assert behind(now) == ("nice", "-n", "19", "choom", "-n", then, "--")
