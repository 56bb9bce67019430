"""A session knows its readers, so that it stays in memory as long as somebody follows it."""

import anyio
import pytest

from appx.domain.ids import ProjectId, SessionId
from tests.flows.api import Api

pytestmark = pytest.mark.anyio


async def test_readers_are_counted_until_they_leave(api: Api) -> None:
    session = await api.session()
    log = (await api.server._sessions.get(ProjectId("demo"), SessionId(session.rpartition("/")[2]))).log
    assert log.idle(0)
    async with api.events(session), api.events(session, after=0) as reader:
        assert log.readers == 2
        await api.turn(session, "say: hi")
        await reader.until("agent_end")
        assert not log.idle(0)
    with anyio.fail_after(5):
        while not log.idle(0):  # noqa: ASYNC110
            await anyio.sleep(0.01)
