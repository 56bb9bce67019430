"""The model that needs no key: a provider at the network that plays the plan of the task whose prompt it reads.

    python -m bench.agent.scripted --port 8099

Point any server's LITELLM_BASE_URL at it (http://127.0.0.1:8099/v1) to send the solutions through that server.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.agent.task import Step, load
from tests.fakes.openai_server import Plan, Server

MODEL = "scripted-solutions"
UNKNOWN: Sequence[Step] = [{"text": "I play the solutions of the bench's tasks, and this is none of them."}]


def by_prompt(plans: Mapping[str, Sequence[Step]]) -> Plan:
    """The steps of the prompt that is the first of the conversation."""

    def find(body: Mapping[str, Any]) -> Sequence[Step]:
        return plans.get(_first_prompt(body), UNKNOWN) or UNKNOWN

    return find


def _first_prompt(body: Mapping[str, Any]) -> str:
    for message in body.get("messages", ()):
        if message["role"] == "user":
            content = message["content"]
            parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
            return "".join(parts).strip()
    return ""


def variables(provider: Server) -> dict[str, str]:
    """What makes it a server's default model."""
    return {"LITELLM_BASE_URL": provider.url, "LITELLM_DEFAULT_MODEL": MODEL, "LITELLM_API_KEY": "no key is needed"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    given = parser.parse_args()
    server = Server(by_prompt({task.prompt: task.solution for task in load()}), host=given.host, port=given.port)
    print(server.port)
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
