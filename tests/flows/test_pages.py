"""Long lists and transcripts over HTTP: whole without being asked, in pages when asked."""

import pytest

from tests.contract.schema import check
from tests.flows.api import Api

pytestmark = pytest.mark.anyio


async def test_lists_come_in_pages(api: Api) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        await api.ok("POST", "/v1/projects", {"name": name})
    first = await api.ok("GET", "/v1/projects?limit=2")
    check(first, "ListProjectsResponse")
    assert [each["id"] for each in first["projects"]] == ["p4", "p3"]
    rest = await api.ok("GET", "/v1/projects?limit=10&before=p3")
    assert [each["id"] for each in rest["projects"]] == ["p2", "p1", "p0"]
    assert await api.ok("GET", "/v1/projects?before=none") == {"projects": []}

    sessions = [(await api.ok("POST", "/v1/projects/p0/sessions"))["id"] for _ in range(5)]
    found = await api.ok("GET", f"/v1/projects/p0/sessions?limit=2&before={sessions[3]}")
    assert [row["id"] for row in found["sessions"]] == [sessions[2], sessions[1]]
    for path in ("/v1/projects", "/v1/projects/p0/sessions"):
        for wrong in ("limit=0", "limit=x", "limit=10001", f"before={'x' * 100}"):
            assert (await api.call("GET", f"{path}?{wrong}"))[0] == 400


async def test_a_transcript_comes_in_pages(api: Api) -> None:
    session = await api.session()
    for number in range(4):
        await api.turn(session, f"run: echo {number}")
    whole = await api.messages(session)
    page = await api.ok("GET", f"{session}?limit=3")
    check(page, "SessionMessagesResponse")
    found = page["messages"]
    while "earlier" in page:
        page = await api.ok("GET", f"{session}?limit=3&before={page['earlier']}")
        found = page["messages"] + found
    assert found == whole
    for wrong in ("limit=0", "before=0", "before=x"):
        assert (await api.call("GET", f"{session}?{wrong}"))[0] == 400
