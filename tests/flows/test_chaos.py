"""Whatever a provider does, a reply is whole or a failure that says what to do, and the next request works."""

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr

from appx.domain.deltas import Delta
from appx.domain.messages import Message, Reply, UserMessage
from appx.models import bounds, incoming, whole_events
from appx.models.catalogue import Api, ModelInfo
from appx.models.connections import Patience
from appx.models.model import Model, ModelFailed, Request
from appx.models.registry import Models
from tests.fakes.chaos import Act, Chaos, events, head, misbehaving, never_ends, refuses, says, stalls, streams
from tests.fakes.openai_server import Step
from tests.fakes.streams import step
from tests.unit.models.requests import MODELS, TOOLS

pytestmark = pytest.mark.anyio

KEY = "canary-key-0123456789"
CHAT: Api = "openai-completions"
ANTHROPIC: Api = "anthropic-messages"
RESPONSES: Api = "openai-responses"
GOOGLE: Api = "google-generative-ai"
DIALECTS: tuple[Api, ...] = (CHAT, ANTHROPIC, RESPONSES, GOOGLE)
HTML = "<!doctype html><title>502 Bad Gateway</title><h1>It broke</h1>" + "<p>really</p>" * 1_000


@dataclass(frozen=True, slots=True)
class Asking:
    """One dialect, one provider that misbehaves."""

    model: Model
    provider: Chaos

    async def ask(self, *messages: Message) -> Reply:
        deltas: list[Delta] = []
        request = Request(
            system="Be brief.", messages=messages or (UserMessage(text="hi"),), tools=TOOLS, thinking="off", session="s"
        )
        return await self.model.reply(request, deltas.append)

    async def attempt(self) -> Reply | ModelFailed:
        try:
            return await self.ask()
        except ModelFailed as failure:
            return failure

    async def fails(self) -> ModelFailed:
        with pytest.raises(ModelFailed) as raised:
            await self.ask()
        assert str(raised.value)[-1:] in ".}>])'\"" or len(str(raised.value)) > 10
        assert KEY not in str(raised.value)
        assert len(str(raised.value)) < 2_000
        return raised.value


@asynccontextmanager
async def asking(
    state: Path, api: Api, *acts: Act, silence: float = 30.0, whole: float = 60.0
) -> AsyncIterator[Asking]:
    info: ModelInfo = MODELS[api]
    async with misbehaving(*acts) as provider:
        models = Models(
            state=state, keys={info.provider: SecretStr(KEY)}, patience=Patience(silence=silence, reply=whole)
        )
        try:
            yield Asking(models.open(replace(info, base_url=provider.url(api))), provider)
        finally:
            await models.aclose()


def good(api: Api) -> Step:
    return step(api, text="I look.", call=("bash", {"command": "ls"}))


def cuts(data: bytes, every: int) -> Sequence[int]:
    return range(0, len(data), every)


@pytest.mark.parametrize(
    ("api", "every", "part"),
    [
        *((CHAT, 1, part) for part in range(4)), *((ANTHROPIC, 1, part) for part in range(4)),
        (RESPONSES, 11, 0), (GOOGLE, 3, 0),
    ],
)  # fmt: skip
async def test_a_stream_that_is_cut_at_any_byte_is_a_failure_or_the_whole_reply(
    tmp_path: Path, api: Api, every: int, part: int
) -> None:
    """The body ends with the connection, so what comes is good HTTP wherever it is cut."""
    data = head() + events(good(api))
    parts = 4 if every == 1 else 1
    places = [*cuts(data, every)][part::parts]
    acts = [says(data[:place]) for place in places]
    whole = 0
    async with asking(tmp_path, api, *acts, streams(good(api))) as asked:
        expected: Reply | None = None
        for place in places:
            found = await asked.attempt()
            if isinstance(found, ModelFailed):
                assert found.again, f"cut at {place}: {found}"
                assert not whole, f"cut at {place}: less came as a whole reply before"
                continue
            whole += 1
            expected = expected or found
            assert (found.blocks, found.stop) == (expected.blocks, "toolUse"), f"cut at {place}"
        last = await asked.ask()
        assert (last.text, last.calls[0].arguments) == ("I look.", {"command": "ls"})
        assert expected is None or expected.blocks == last.blocks
        assert whole < len(places) / 3, "only what comes after the last word may be missing"


@pytest.mark.parametrize("api", DIALECTS)
@pytest.mark.parametrize(
    ("act", "again", "says_"),
    [
        (refuses(429, '{"error": {"message": "slow down"}}', Retry_After="7"), True, "slow down"),
        (refuses(500, '{"error": {"message": "oops"}}'), True, "oops"),
        (refuses(529, '{"error": {"type": "overloaded_error", "message": "Overloaded"}}'), True, "Overloaded"),
        (refuses(502, HTML, kind="text/html"), True, "502"),
        (refuses(500, ""), True, "500"),
        (refuses(200, HTML, kind="text/html"), True, ""),
        (refuses(200, '{"choices": []}'), True, ""),
        (refuses(200, ""), True, ""),
        (says(head()), True, ""),
        (says(head() + b"data: {\"broken\": \n\n"), True, ""),
        (says(head() + b"data: [1, 2]\n\n"), True, ""),
        (says(head() + b"data: null\n\n"), True, ""),
        (says(head() + b"\xff\xfe\x00 not even text \x80\n\n"), True, ""),
        (says(head() + b'data: {"choices": 7, "type": 7, "candidates": 7}\n\n'), True, ""),
        (says(b"HTTP/1.1 what\r\n\r\n"), True, "connection"),
        (says(b"SSH-2.0-OpenSSH_9.9\r\n"), True, "connection"),
        (says(b""), True, "connection"),
        (refuses(403, HTML, kind="text/html"), False, ""),
        (refuses(400, "{not json"), False, "400"),
    ],
)  # fmt: skip
async def test_each_misbehaviour_is_a_failure_that_says_whether_to_ask_again(
    *, tmp_path: Path, api: Api, act: Act, again: bool, says_: str
) -> None:
    async with asking(tmp_path, api, act, streams(good(api))) as asked:
        failure = await asked.fails()
        assert (failure.again, failure.overflow) == (again, False), failure
        assert says_ in str(failure)
        assert (await asked.ask()).text == "I look.", "the next request works"
        assert len(asked.provider.asked) == 2, "the library did not ask again by itself"


@pytest.mark.parametrize("api", DIALECTS)
async def test_how_long_to_wait_is_what_the_provider_says(tmp_path: Path, api: Api) -> None:
    async with asking(tmp_path, api, refuses(429, "{}", Retry_After="7")) as asked:
        assert (await asked.fails()).retry_after == 7.0


@pytest.mark.parametrize("api", DIALECTS)
@pytest.mark.parametrize("some", [False, True])
async def test_a_provider_that_falls_silent_is_left(*, tmp_path: Path, api: Api, some: bool) -> None:
    data = head() + events(good(api))
    act = stalls(data[: len(data) * 2 // 3] if some else b"")
    async with asking(tmp_path, api, act, streams(good(api)), silence=1.0) as asked:
        failure = await asked.fails()
        assert failure.again
        assert "silent" in str(failure)
        with anyio.fail_after(30):
            await asked.provider.left.wait()
        assert (await asked.ask()).text == "I look."


def endless(api: Api, text: str, *, pause: float = 0.0) -> Act:
    """A stream that opens as it should, and then has more text, and more."""
    planned = {**step(api, text=text), "piece": len(text)}
    found = [each + b"\n\n" for each in events(planned).split(b"\n\n")]
    place = next(number for number, each in enumerate(found) if text.encode() in each)
    piece = found[place].replace(b'"finishReason": "STOP", ', b"")
    return never_ends(head() + b"".join(found[:place]), piece, pause=pause)


@pytest.mark.parametrize("api", DIALECTS)
async def test_a_reply_without_end_is_given_up_by_its_size(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_REPLY", 100_000)
    async with asking(tmp_path, api, endless(api, "x" * 1_000), streams(good(api))) as asked:
        failure = await asked.fails()
        assert not failure.again
        assert "100,000 characters" in str(failure)
        with anyio.fail_after(30):
            await asked.provider.left.wait()
        assert (await asked.ask()).text == "I look."


@pytest.mark.parametrize("api", DIALECTS)
async def test_a_reply_without_end_is_given_up_after_its_time(tmp_path: Path, api: Api) -> None:
    act = endless(api, "xyz", pause=0.05)
    async with asking(tmp_path, api, act, streams(good(api)), whole=0.6) as asked:
        failure = await asked.fails()
        assert not failure.again
        assert "more than 0.6 seconds" in str(failure)
        with anyio.fail_after(30):
            await asked.provider.left.wait()
        assert (await asked.ask()).text == "I look."


@pytest.mark.parametrize("api", [CHAT, ANTHROPIC, RESPONSES])
async def test_signs_of_life_are_no_reply(tmp_path: Path, api: Api) -> None:
    async with asking(tmp_path, api, never_ends(head(), b": ping\n\n", pause=0.02), silence=2, whole=4) as asked:
        assert "silent" in str(await asked.fails())


@pytest.mark.parametrize("api", DIALECTS)
@pytest.mark.parametrize(
    "start",
    [head(), head(kind="text/html"), head(500, "text/html"), head(400, "application/json"), head() + b"data: "],
)
async def test_an_answer_without_end_fills_no_memory(
    tmp_path: Path, api: Api, start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one line, also of an error: whatever is held as a whole has a bound."""
    monkeypatch.setattr(whole_events, "MAX_EVENT", 200_000)
    monkeypatch.setattr(bounds, "MAX_ERROR", 200_000)
    async with asking(tmp_path, api, never_ends(start, b"x" * 10_000), streams(good(api))) as asked:
        failure = await asked.fails()
        assert "no end" in str(failure)
        assert not failure.again
        with anyio.fail_after(30):
            await asked.provider.left.wait()
        assert (await asked.ask()).text == "I look."


@pytest.mark.parametrize("api", DIALECTS)
@pytest.mark.parametrize("kind", ["text/event-stream", "text/html"])
@pytest.mark.parametrize("line", [b":\n", b":\n\r\n", b":\r\r\n"])
async def test_an_event_of_lines_without_end_is_given_up_before_it_takes_long(
    tmp_path: Path, api: Api, kind: str, line: bytes
) -> None:
    """The libraries copied 256 kB of it for seconds, in one go."""
    async with asking(tmp_path, api, never_ends(head(kind=kind), line * 100), streams(good(api))) as asked:
        assert "no end" in str(await asked.fails())
        with anyio.fail_after(30):
            await asked.provider.left.wait()
        assert (await asked.ask()).text == "I look."


@pytest.mark.parametrize("api", DIALECTS)
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("packing", ["gzip", "Deflate", "identity, gzip", "gzip" + "x" * 1_000])
async def test_what_is_packed_is_not_unpacked(tmp_path: Path, api: Api, status: int, packing: str) -> None:
    """300 kB of it may be 300 MB, and bounds count what comes."""
    packed = gzip.compress(events(good(api)))
    act = says(head(status, headers={"Content-Encoding": packing}) + packed)
    async with asking(tmp_path, api, act, streams(good(api))) as asked:
        failure = await asked.fails()
        assert f"is packed ('{packing.lower()[:40]}')" in str(failure)
        assert (failure.again, len(str(failure)) < 200) == (False, True)
        assert (await asked.ask()).text == "I look."


@pytest.mark.parametrize("packing", ["identity", "Identity", ""])
async def test_what_says_that_it_is_not_packed_is_read(tmp_path: Path, packing: str) -> None:
    act = says(head(headers={"Content-Encoding": packing}) + events(good(CHAT)))
    async with asking(tmp_path, CHAT, act) as asked:
        assert (await asked.ask()).text == "I look."


@pytest.mark.parametrize("api", DIALECTS)
async def test_cancelling_closes_the_connection(tmp_path: Path, api: Api) -> None:
    data = head() + events(good(api))
    async with asking(tmp_path, api, stalls(data[: len(data) // 2])) as asked:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asked.ask)
            with anyio.fail_after(30):
                while not asked.provider.asked:  # noqa: ASYNC110  it tells nobody
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(30):
            await asked.provider.left.wait()


async def test_two_calls_never_have_the_same_id(tmp_path: Path) -> None:
    """Some servers count the calls of each reply from nought, and some give all the same."""
    twice = [{"id": "call_0", "name": "bash", "arguments": {"command": each}} for each in ("ls", "pwd")]
    async with asking(tmp_path, CHAT, streams({"calls": twice})) as asked:
        first = await asked.ask()
        second = await asked.ask(UserMessage(text="hi"), first)
    ids = [call.id for call in (*first.calls, *second.calls)]
    assert ids == ["call_0", "call_0_2", "call_0_3", "call_0_4"]
    assert [call.arguments["command"] for call in first.calls] == ["ls", "pwd"]


async def test_half_an_emoji_breaks_nothing_wherever_it_stands(tmp_path: Path) -> None:
    half = "\ud83d"
    call = {"id": f"call{half}", "name": f"ba{half}sh", "arguments": json.dumps({"command": half})}
    async with asking(tmp_path, CHAT, streams({"thinking": half, "text": half, "calls": [call]})) as asked:
        reply = await asked.ask()
    assert "half a surrogate pair" in reply.calls[0].problem
    told = (reply.text, reply.calls[0].id, reply.calls[0].name, *(block.signature or "" for block in reply.blocks))
    assert "".join(told).encode()
