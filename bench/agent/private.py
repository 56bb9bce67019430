"""A server of our own for one run: in a process of its own, on the loopback, in a directory that goes away."""

import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL

import anyio
import anyio.abc
import httpx2
from bench.agent.builder import Trouble, client

STARTS_WITHIN = 30.0
STOPS_WITHIN = 30.0
NO_PODMAN = """#!/bin/sh
# No chosen task needs podman, or it does not work: so no agent gets at yours. There is nothing to list or to remove.
case "$1" in ps | pod | network | volume | images | rm) exit 0 ;; esac
echo "podman: not available in this run of the bench" >&2
exit 125
"""


@asynccontextmanager
async def private(directory: Path, variables: Mapping[str, str], *, podman: bool) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of ``appx serve --local`` with the workspace ``directory/workspace``; Trouble when it does not start."""
    workspace, log, token = directory / "workspace", directory / "server.log", secrets.token_urlsafe(24)
    workspace.mkdir()
    path = os.environ["PATH"] if podman else f"{_without_podman(directory)}:{os.environ['PATH']}"
    own = {
        "PATH": path,
        "WORKSPACE_DIR": str(workspace),
        "AGENT_SERVER_TOKEN": token,
        "AGENT_SERVER_HOST": "127.0.0.1",
        "AGENT_SERVER_PORT": "0",
    }
    with log.open("wb") as told:
        process = await anyio.open_process(
            [sys.executable, "-m", "appx", "serve", "--local"],
            env=dict(variables) | own,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=told,
            start_new_session=True,  # Ctrl-C is for the bench, which then stops it
        )
    async with process:
        try:
            port = await _port(process, anyio.Path(log))
            async with client(f"http://127.0.0.1:{port}", token) as http:
                yield http
        finally:
            process.terminate()
            with anyio.move_on_after(STOPS_WITHIN, shield=True):
                await process.wait()


def inherited() -> dict[str, str]:
    """The caller's variables, keys of models among them, without those that say where another server is."""
    elsewhere = {"AGENT_SERVER_TOKEN_FILE", "APPX_WORKBENCH_SOCKET", "APPX_URL"}
    return {name: value for name, value in os.environ.items() if name not in elsewhere}


def bare() -> dict[str, str]:
    """No key, no setting."""
    return {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}


def _without_podman(directory: Path) -> Path:
    found = directory / "bin"
    found.mkdir()
    (found / "podman").write_text(NO_PODMAN)
    (found / "podman").chmod(0o755)
    return found


async def _port(process: anyio.abc.Process, log: anyio.Path) -> int:
    with anyio.move_on_after(STARTS_WITHIN):
        while process.returncode is None:
            found = re.search(r"listening on \S+ port (\d+)", await log.read_text(errors="replace"))
            if found:
                return int(found[1])
            await anyio.sleep(0.05)
    last = (await log.read_text(errors="replace")).strip().splitlines()[-3:]
    raise Trouble(f"The private server did not start: {' '.join(last) or 'it said nothing'}")
