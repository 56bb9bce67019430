"""Keys without a restart: typed, piped, and handed over by run.sh."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.flows.api import TOKEN, Api, serving
from tests.flows.test_choices import provider

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

KEY = "sk-canary-0123456789"
OTHER = "sk-canary-9876543210"


async def appx(api: Api, workspace: Path, *arguments: str, typed: str = "", **variables: str) -> tuple[int, str]:
    """Exit code and all that it said. Without a token of its own it takes the workspace's, as in the container."""
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "APPX_URL": str(api.http.base_url).rstrip("/"),
        "WORKSPACE_DIR": str(workspace),
        **variables,
    }
    argv = [sys.executable, "-m", "appx", "keys", *arguments]
    done = await anyio.run_process(argv, input=typed.encode(), env=environment, check=False, stderr=subprocess.STDOUT)
    told = done.stdout.decode()
    assert "canary" not in told
    return done.returncode, told


async def test_a_key_is_set_from_standard_input_listed_and_removed(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        own = {"AGENT_SERVER_TOKEN": TOKEN}
        assert await appx(api, tmp_path, "set", "anthropic", typed=f"{KEY}\n", **own) == (
            0, "The key for anthropic is stored.\n",
        )  # fmt: skip
        code, told = await appx(api, tmp_path, "list", **own)
        assert code == 0
        assert "anthropic    key, stored\n" in told
        assert "openai       no key\n" in told
        assert await appx(api, tmp_path, "remove", "anthropic", **own) == (0, "anthropic has now: no key\n")
        for name, typed in (("anthropic", "\n"), ("anthropic", f"{KEY} {KEY}"), ("nobody", KEY)):
            assert (await appx(api, tmp_path, "set", name, typed=typed, **own))[0] == 1


async def test_what_run_sh_hands_over_counts_at_once_and_outlives_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path, AGENT_SERVER_TOKEN="") as api:
        made = (tmp_path / ".pi-global/token").read_text().strip()
        api.http.headers["Authorization"] = f"Bearer {made}"
        given = f"ANTHROPIC_API_KEY={KEY}\nGEMINI_API_KEY={KEY}\n"
        code, told = await appx(api, tmp_path, "take", "--only", typed=given)
        assert (code, told) == (0, "ANTHROPIC_API_KEY is new\nGEMINI_API_KEY is new\n")
        assert (await provider(api, "anthropic"))["source"] == "environment"

        code, told = await appx(api, tmp_path, "take", typed=f"ANTHROPIC_API_KEY={OTHER}\n")
        assert told == "ANTHROPIC_API_KEY has changed\nGEMINI_API_KEY is still there from before\n"
        await api.ok("DELETE", "/v1/auth/providers/anthropic")
        assert (await provider(api, "anthropic"))["source"] == "environment", "only run.sh takes it away"
    async with serving(tmp_path, AGENT_SERVER_TOKEN="") as api:
        api.http.headers["Authorization"] = f"Bearer {made}"
        assert (await provider(api, "google"))["source"] == "environment"
        code, told = await appx(api, tmp_path, "take", "--only")
        assert told == "ANTHROPIC_API_KEY is removed\nGEMINI_API_KEY is removed\n"
        assert not (await provider(api, "google"))["configured"]
    assert json.loads((tmp_path / ".pi-global/handed.json").read_text()) == {}


async def test_a_new_token_counts_at_once_and_the_old_one_no_longer(tmp_path: Path) -> None:
    async with serving(tmp_path, AGENT_SERVER_TOKEN="") as api:
        made = (tmp_path / ".pi-global/token").read_text().strip()
        code, told = await appx(api, tmp_path, "take", typed="AGENT_SERVER_TOKEN=a-token-of-my-own\n")
        assert (code, told) == (0, "AGENT_SERVER_TOKEN is new\n")
        assert [await status(api, token) for token in (made, "a-token-of-my-own")] == [401, 200]
        assert (await appx(api, tmp_path, "list"))[0] == 0, "the commands find it by themselves"
        code, told = await appx(api, tmp_path, "take", typed="AGENT_SERVER_TOKEN=short\n")
        assert code == 1
        assert "AGENT_SERVER_TOKEN: the token needs at least 16 characters" in told
        assert await status(api, "a-token-of-my-own") == 200
        assert (await appx(api, tmp_path, "take", "--only"))[0] == 0
        assert [await status(api, token) for token in (made, "a-token-of-my-own")] == [200, 401]


async def status(api: Api, token: str) -> int:
    async with httpx2.AsyncClient(base_url=api.http.base_url, trust_env=False) as http:
        return (await http.get("/v1/projects", headers={"Authorization": f"Bearer {token}"})).status_code


@pytest.mark.parametrize("typed", ["canary", f"OPENAI_API_KEY={KEY}\nOPENAI_API_KEY={KEY}\n", f"PATH={KEY}\n"])
async def test_what_run_sh_would_not_say_is_refused_without_repeating_it(api: Api, tmp_path: Path, typed: str) -> None:
    code, told = await appx(api, tmp_path / "workspace", "take", typed=typed, AGENT_SERVER_TOKEN=TOKEN)
    assert code == 1
    assert told.startswith("Error: ")
