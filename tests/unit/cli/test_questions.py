import pytest

from appx.cli.questions import is_question


@pytest.mark.parametrize("method", ["select", "confirm", "input", "editor"])
def test_what_waits_for_an_answer_is_a_question(method: str) -> None:
    assert is_question({"type": "extension_ui_request", "method": method})


@pytest.mark.parametrize("method", ["notify", "setStatus"])
def test_a_notice_and_the_status_of_a_checkpoint_are_none(method: str) -> None:
    assert not is_question({"type": "extension_ui_request", "method": method})


def test_another_event_is_none() -> None:
    assert not is_question({"type": "turn_start"})
