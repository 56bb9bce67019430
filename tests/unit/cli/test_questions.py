import io

import pytest
from typing_extensions import override

from appx.cli.questions import ask, is_question


@pytest.mark.parametrize("method", ["select", "confirm", "input", "editor"])
def test_what_waits_for_an_answer_is_a_question(method: str) -> None:
    assert is_question({"type": "extension_ui_request", "method": method})


@pytest.mark.parametrize("method", ["notify", "setStatus"])
def test_a_notice_and_the_status_of_a_checkpoint_are_none(method: str) -> None:
    assert not is_question({"type": "extension_ui_request", "method": method})


def test_another_event_is_none() -> None:
    assert not is_question({"type": "turn_start"})


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_who_answers_with_the_words_of_the_agent_has_seen_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    question = {"method": "editor", "title": "Is that so?", "prefill": "I agree to\x1b[8m all."}
    assert ask(question) == {"value": question["prefill"]}
    shown = "I agree to\N{REPLACEMENT CHARACTER}[8m all.\n(Enter alone answers with these words.)\nIs that so?"
    assert shown in capsys.readouterr().out
