"""What every dialect sends for the conversations of a shared list is what was checked in, and holds no key."""

import json

import pytest

from appx.domain.messages import Reply, Thinking
from appx.models.catalogue import Api
from tests.fakes.conversations import CONVERSATIONS, SIGNATURES, SIGNED_CALL
from tests.fakes.streams import step
from tests.unit.models import requests
from tests.unit.models.requests import DATA, KEY, MODELS
from tests.unit.models.test_dialects import reply_of

pytestmark = pytest.mark.anyio

RENEW = "`make snapshots` renews the files. Read what it changed before you commit it."


def kept(api: Api, name: str) -> object:
    return json.loads((DATA / api / f"{name}.json").read_text())


@pytest.mark.parametrize("api", MODELS)
async def test_a_conversation_makes_the_request_that_was_checked_in(api: Api) -> None:
    for name, found in (await requests.conversations(api)).items():
        assert found == kept(api, name), f"{name}: {RENEW}"


@pytest.mark.parametrize("api", MODELS)
async def test_each_model_is_told_each_level_as_it_was_checked_in(api: Api) -> None:
    assert await requests.levels(api) == kept(api, "levels"), RENEW


def test_nothing_is_checked_in_that_is_not_compared_and_no_key() -> None:
    files = sorted(DATA.rglob("*.*"))
    assert files == sorted(DATA / api / f"{name}.json" for api in MODELS for name in (*CONVERSATIONS, "levels"))
    assert not [path for path in files if KEY in path.read_text()]


@pytest.mark.parametrize("api", MODELS)
async def test_the_signatures_of_the_shared_list_are_those_that_come_with_a_stream(api: Api) -> None:
    reply: Reply = await reply_of(MODELS[api], step(api, thinking="Hm.", text="So.", call=("bash", {"command": "ls"})))
    (thought,) = (block for block in reply.blocks if isinstance(block, Thinking))
    assert (thought.text, thought.signature) == ("Hm.", SIGNATURES.get(api))
    assert reply.calls[0].signature == SIGNED_CALL.get(api)
