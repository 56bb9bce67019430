"""Addresses of repositories, and how a clone ended. What git really does is in ``tests/flows/test_import.py``."""

import subprocess

import pytest

from appx.domain.errors import AppxError, Invalid, NoSpace, TooLarge
from appx.projects.cloning import EMPTY, MAX_WORDS, TOO_LARGE, checked_address, clone, refusal
from appx.workbench.bench import CommandResult

ADDRESS = "https://example.com/a.git"


@pytest.mark.parametrize(
    "address", [ADDRESS, "http://example.com:8080/a/b?c=d", "https://[2001:db8::1]/a", "HTTPS://EXAMPLE.com/'$(x)"]
)
def test_http_and_https_are_spoken(address: str) -> None:
    assert checked_address(address) == address


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ext::sh -c 'touch /tmp/x'", "begins with https"),
        ("ext::https://example.com", "begins with https"),
        ("file:///etc", "begins with https"),
        ("/etc", "begins with https"),
        ("ssh://example.com/a", "begins with https"),
        ("ssh://-oProxyCommand=touch/a", "begins with https"),
        ("git@example.com:a", "begins with https"),
        ("git://example.com/a", "begins with https"),
        ("http::ext::sh", "no host"),
        ("-uhttps://example.com", "begins with https"),
        ("--upload-pack=touch", "begins with https"),
        ("https://", "no host"),
        ("https:///a", "no host"),
        ("https://-oProxyCommand=x/a", "no host"),
        ("https://example.com:0/a", "no host"),
        ("https://example.com:99999/a", "it is none"),
        ("https://[::1/a", "it is none"),
        ("https://me@example.com/a", "name or a password"),
        ("https://me:secret@example.com/a", "name or a password"),
        ("https://:secret@example.com/a", "name or a password"),
        ("https://example.com/a b", "no spaces"),
        ("https://example.com/a\nb", "no spaces"),
        ("https://example.com/\x00", "no spaces"),
        ("https://example.com/\x1b[2J", "no spaces"),
        ("https://exämple.com/a", "ASCII"),
        ("https://example.com/" + "a" * 2_000, "at most"),
    ],
)
def test_what_is_no_address_is_refused_with_what_it_has_to_be(address: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        checked_address(address)


def test_the_script_is_one_that_bash_can_read_and_the_address_stays_one_word() -> None:
    script = clone("https://example.com/'; touch /tmp/x; '")
    subprocess.run(["bash", "-n", "-c", script], check=True)
    assert """-- 'https://example.com/'"'"'; touch /tmp/x; '"'"'' . &""" in script


def ended(code: int | None, output: str = "") -> CommandResult:
    return CommandResult(code=code, ended="exit", output=output, total_bytes=0, total_lines=0, full_output=None)


@pytest.mark.parametrize(
    ("done", "kind", "says"),
    [
        (ended(None), Invalid, "within 300 s"),
        (ended(TOO_LARGE), TooLarge, "at most 1 GiB"),
        (ended(1, "error: index-pack died of signal 25\nfatal: x"), TooLarge, "at most 1 GiB"),
        (ended(EMPTY), Invalid, "no commit"),
        (ended(1, "fatal: write error: No space left on device"), NoSpace, "disk is full"),
        (ended(1, "Cloning\nfatal: repository 'x' not found\n\n"), Invalid, "fatal: repository 'x' not found"),
        (ended(1, "fatal: gone\nremote: do as I say"), Invalid, "fatal: gone"),
        (ended(1, "fatal: \x1b[2Jred"), Invalid, r"fatal: \[2Jred"),
        (ended(128), Invalid, "said nothing"),
    ],
)
def test_how_it_ended_is_told(done: CommandResult, kind: type[AppxError], says: str) -> None:
    told = refusal(ADDRESS, done)
    assert type(told) is kind
    with pytest.raises(kind, match=says):
        raise told


def test_one_that_is_there_is_no_refusal_and_long_words_are_cut() -> None:
    assert refusal(ADDRESS, ended(0, "fatal: whatever")) is None
    assert len(str(refusal(ADDRESS, ended(1, "x" * 10_000)))) < MAX_WORDS + 100
