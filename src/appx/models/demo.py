"""The plan of ``scripted/demo``: what appx does without a language model, for real and saying so."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2s

from appx.domain.ids import CallId
from appx.domain.messages import Message, Reply, ToolCall, ToolMessage, UserMessage
from appx.models.demo_page import page
from appx.models.model import ModelFailed, Request
from appx.models.scripted import Broken, Step, calling, saying

HONEST = (
    "I am a scripted demo, not a language model: I follow a fixed plan and understand nothing of what you write. "
    "Set a provider's key (Settings, or ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY) for a real one."
)
TAIL = 1_200
CONTAINERFILE = "FROM localhost/appx/static\nCOPY --chmod=0644 index.html /srv/www/\n"

_FACT = re.compile(r"^[\s*#>-]*project(?:[ _]id)?\W*[:=]\W*([a-z0-9][a-z0-9-]*)", re.IGNORECASE | re.MULTILINE)
_DEV = re.compile(r"^[\s*#>-]*dev\b\W.*$", re.IGNORECASE | re.MULTILINE)
_PORT = re.compile(r"\bport\W{0,4}(\d{4,5})\b", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s,;)`'\"<>]+")
_SPECIAL = re.compile(r"^\s*(say|run|count|ask|fail)\s*:[ \t]*(.*)$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the app goes, as far as the system prompt tells."""

    project: str = ""
    url: str = ""


def place(system: str) -> Place:
    """Read the deployment section: ``- project id: demo`` and ``- dev: port 3000, http://localhost:3000``."""
    project = _FACT.search(system)
    lines = [line for line in _DEV.findall(system) if _PORT.search(line)]
    url = _URL.search(lines[0]) if lines else None
    return Place(
        project=project[1] if project else "",
        url=url[0].rstrip(".") if url else "",
    )


def demo(request: Request) -> Step:
    """The next step, from what was said and done so far. Pure.

    The prompts ``say: …``, ``run: …``, ``count: n``, ``ask: … | …`` and ``fail: …`` are described in docs/models.md.
    """
    prompts = [message.text for message in request.messages if isinstance(message, UserMessage)]
    if not prompts:
        return saying(HONEST)
    done = _since_last_prompt(request.messages)
    special = _SPECIAL.match(prompts[-1])
    if special:
        return _special(request, special[1].lower(), special[2].strip(), done)
    if not {"write", "deploy"} <= {tool.name for tool in request.tools}:
        return saying(_summary(prompts[-1]))
    return _build(request, [line for line in prompts if not _SPECIAL.match(line)], done)


def _summary(text: str) -> str:
    """Without tools it is asked for a summary: the prompts, shortened."""
    listed = "\n".join(f"- {each[:200]}" for each in list(_by_person(text))[-20:])
    return f"The scripted demo can only list what the person wrote:\n{listed or '- nothing'}"


def _by_person(text: str) -> Iterator[str]:
    """Of a conversation as ``agent.compaction`` writes it: a message on each line, as JSON."""
    for line in text.split("\n"):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and found.get("from") == "person":
                yield found["text"]


def _since_last_prompt(messages: Sequence[Message]) -> list[ToolMessage]:
    results: list[ToolMessage] = []
    for message in messages:
        if isinstance(message, UserMessage):
            results = []
        elif isinstance(message, ToolMessage):
            results.append(message)
    return results


def _build(request: Request, prompts: list[str], done: list[ToolMessage]) -> Step:
    """Write the page, write the Containerfile, deploy: one call a step, stopping at the first failure."""
    if done and not done[-1].result.ok:
        return _gave_up(done[-1])
    where = place(request.system)
    match len(done):
        case 0:
            first = len(prompts) == 1
            intro = f"{HONEST}\n\nWhat I can do is build a page out of your words, and really run it. I write the page."
            text = intro if first else "Still the scripted demo. I add your words to the page and deploy it again."
            return _call(request, text, "write", path="index.html", content=page(where.project, prompts))
        case 1:
            text = "Now the recipe of its container."
            return _call(request, text, "write", path="Containerfile", content=CONTAINERFILE)
        case 2:
            return _call(request, "Now I build the image, start the container and look whether it answers.", "deploy")
        case _:
            return saying(_finished(where, done[-1].result.text))


def _finished(where: Place, told: str) -> str:
    """``told``: by deploy."""
    port = _PORT.search(told)
    url = where.url or (f"http://localhost:{port[1]}" if port else "the DEV port of this project")
    return (
        f"The page runs in a container of its own: {url}\n\n"
        "It was built by the scripted demo. With a provider's key, a language model writes the app that you describe."
    )


def _gave_up(last: ToolMessage) -> Reply:
    tail = last.result.text[-TAIL:].strip()
    return saying(
        f"`{last.tool}` failed, so I stop here: a script cannot find out why. The end of what it said:\n\n"
        f"```\n{tail}\n```\n\nNothing was undone. Send the prompt again to try once more."
    )


def _special(request: Request, word: str, rest: str, done: list[ToolMessage]) -> Step:
    match word:
        case "run" if not done:
            return _call(request, "I run that.", "bash", command=rest)
        case "run":
            said = "It worked" if done[-1].result.ok else "It failed"
            return saying(f"{said}:\n\n```\n{done[-1].result.text[-TAIL:].strip()}\n```")
        case "count":
            last = min(int(rest), 10_000) if rest.isdecimal() else 10
            return saying("\n".join(str(number) for number in range(1, last + 1)))
        case "ask" if not done:
            title, *options = (part.strip() for part in rest.split("|"))
            return _call(request, "I ask that.", "ask", question=title or "What now?", options=options)
        case "ask":
            return saying(done[-1].result.text)
        case "fail":
            return Broken(failure=ModelFailed(rest or "The demo was asked to fail."))
        case _:
            return saying(rest or "…")


def _call(request: Request, text: str, tool: str, **arguments: object) -> Reply:
    return calling(ToolCall(id=_call_id(request), name=tool, arguments=arguments), text=text)


def _call_id(request: Request) -> CallId:
    """The same for the same conversation, another one for any other."""
    seed = f"{request.session}|{len(request.messages)}|{request.messages[-1]!r}"
    return CallId(f"demo_{blake2s(seed.encode(), digest_size=8).hexdigest()}")
