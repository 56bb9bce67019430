"""A running server as the bench uses it: projects, sessions, one turn with the person's answers."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
from bench.agent.task import Answer

RECONNECTS = 5
SILENCE = 60.0
"""Seconds; there is a heartbeat each 15."""


class Trouble(Exception):
    """The builder or the provider did not do its part: a sentence."""


@dataclass(frozen=True, slots=True)
class Builder:
    """``model`` (provider, id) and ``thinking`` are set for each new session; None leaves the server's default."""

    http: httpx2.AsyncClient
    model: tuple[str, str] | None = None
    thinking: str | None = None

    async def project(self, name: str) -> tuple[str, str]:
        """Make one. Its id, its directory."""
        made = await self._call("POST", "/v1/projects", {"name": name})
        return made["id"], made["projectDir"]

    async def delete(self, project: str) -> None:
        await self._call("DELETE", f"/v1/projects/{project}")

    async def session(self, project: str) -> str:
        """The path of a new one."""
        sessions = f"/v1/projects/{project}/sessions"
        path = f"{sessions}/{(await self._call('POST', sessions))['id']}"
        wanted = dict(zip(("provider", "modelId"), self.model, strict=True)) if self.model else {}
        wanted |= {"thinkingLevel": self.thinking} if self.thinking else {}
        if wanted:
            await self._call("PATCH", f"{path}/settings", wanted)
        return path

    async def unusable(self) -> str:
        """Why the model cannot be asked; empty when it can."""
        models = (await self._call("GET", "/v1/sessions/models"))["models"]
        usable = sorted(f"{each['provider']}/{each['id']}" for each in models if each["available"])
        if self.model is None or "/".join(self.model) in usable:
            return ""
        return f"The server has no model {'/'.join(self.model)} with a key. It has: {', '.join(usable) or 'none'}."

    async def turn(self, session: str, prompt: str, answers: Sequence[Answer]) -> tuple[str, str]:
        """Prompt, answer what is asked, wait for the end. Its outcome and detail. Raises Trouble."""
        await self._call("POST", f"{session}/prompt", {"text": prompt})
        after = 0
        for _ in range(RECONNECTS):
            with suppress(httpx2.TransportError):
                async with self._events(session, after) as events:
                    async for number, event in events:
                        after = number or after
                        if event["type"] == "agent_end":
                            return event["outcome"], event.get("detail", "")
                        if event["type"] == "extension_ui_request" and event["method"] != "notify":
                            await self._call(
                                "POST", f"{session}/extension-ui/{event['id']}/response", reply(event, answers)
                            )
            await anyio.sleep(1)
        raise Trouble(f"The events of the session broke off {RECONNECTS} times.")

    async def abort(self, session: str) -> None:
        await self._call("POST", f"{session}/abort")

    async def messages(self, session: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._call("GET", session))["messages"]
        return found

    @asynccontextmanager
    async def _events(self, session: str, after: int) -> AsyncIterator[AsyncIterator[tuple[int, dict[str, Any]]]]:
        asked = {"after": str(after), "deltas": "lean"}
        async with self.http.stream("GET", f"{session}/events", params=asked, timeout=SILENCE) as answer:
            if answer.status_code != 200:
                await answer.aread()
                raise Trouble(sentence(answer))
            yield _parsed(answer)

    async def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        try:
            answer = await self.http.request(method, path, json=body)
        except httpx2.TransportError as error:
            raise Trouble(f"The server at {self.http.base_url} does not answer: {error!r}") from error
        if answer.status_code != 200:
            raise Trouble(sentence(answer))
        return answer.json()


async def _parsed(answer: httpx2.Response) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """Events, each with the number of its fact, or 0."""
    number = 0
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("data: {"):
            yield number, json.loads(line[6:])
            number = 0


def reply(question: Mapping[str, Any], answers: Sequence[Answer]) -> dict[str, object]:
    """What the person of the task answers; a question that the task does not know is cancelled. Pure."""
    asked = f"{question['title']} {question.get('message', '')}"
    for answer in answers:
        if answer.question.search(asked):
            return _fitting(question, answer.value) or {"cancelled": True}
    return {"cancelled": True}


def _fitting(question: Mapping[str, Any], value: str) -> dict[str, object]:
    match question["method"]:
        case "confirm":
            return {"confirmed": value.lower() in {"yes", "true"}}
        case "select":
            found = [option for option in question["options"] if value.lower() in option.lower()]
            return {"value": found[0]} if found else {}
        case _:
            return {"value": value}


def sentence(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code}."


def client(url: str, token: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"},
        limits=httpx2.Limits(max_connections=None),
        timeout=150.0,  # to delete a project takes podman's time
        trust_env=False,
    )
