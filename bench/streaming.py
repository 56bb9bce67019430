"""What readers of a long reply cost the server: its CPU seconds, with readers, against the same reply with none.

    python bench/streaming.py [--deltas 20000] [--piece 24]

A provider on loopback streams one reply in so many deltas as fast as it can. Each row is one turn of a server of its
own, with so many readers; ``ratio`` is its CPU time over that of the row without a reader.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "bench-token-0123456789"
ROWS = [("none", 0), ("lean", 1), ("full", 1), ("lean", 16), ("full", 16)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deltas", type=int, default=20_000)
    parser.add_argument("--piece", type=int, default=24)
    options = parser.parse_args()
    print(f"{options.deltas} deltas of {options.piece} characters")
    print("readers        CPU s  ratio   wall s   MiB sent to each   most memory MiB")
    floor = 0.0
    for kind, readers in ROWS:
        row = measure(options.deltas, options.piece, kind, readers)
        floor = floor or row["cpu"]
        print(
            f"{readers:>3} {kind:<6} {row['cpu']:>9.2f} {row['cpu'] / floor:>6.2f} {row['wall']:>8.2f}"
            f" {row['sent'] / (1 << 20) / max(1, readers):>18.2f} {row['rss'] / (1 << 20):>17.0f}"
        )


def measure(deltas: int, piece: int, kind: str, readers: int) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        provider(Path(folder), deltas, piece) as url,
        server(Path(folder), url) as (pid, http),
    ):
        project = http.post("/v1/projects", json={"name": "bench"}).json()["id"]
        session = http.post(f"/v1/projects/{project}/sessions").json()["id"]
        path = f"/v1/projects/{project}/sessions/{session}"
        sent: list[int] = []
        ready = threading.Barrier(readers + 1)
        threads = [
            threading.Thread(target=read, args=(http.base_url, f"{path}/events?deltas={kind}", ready, sent))
            for _ in range(readers)
        ]
        for thread in threads:
            thread.start()
        ready.wait()
        before, began = cpu(pid), time.monotonic()
        http.post(f"{path}/prompt", json={"text": "go"}).raise_for_status()
        for thread in threads:
            thread.join()
        while len(http.get(path).json()["messages"]) < 2:
            time.sleep(0.2)
        return {"cpu": cpu(pid) - before, "wall": time.monotonic() - began, "sent": sum(sent), "rss": rss(pid)}


def read(base: httpx2.URL, path: str, ready: threading.Barrier, sent: list[int]) -> None:
    total = 0
    with httpx2.stream("GET", str(base).rstrip("/") + path, headers=headers(), timeout=120, trust_env=False) as answer:
        ready.wait()
        tail = b""
        for chunk in answer.iter_raw():
            total += len(chunk)
            tail = tail[-40:] + chunk
            if b'"type":"agent_end"' in tail:
                break
    sent.append(total)


@contextmanager
def provider(folder: Path, deltas: int, piece: int) -> Iterator[str]:
    text = "x" * (piece - 1) + " "
    (folder / "plan.json").write_text(json.dumps([{"text": text * deltas, "piece": piece}]))
    command = [sys.executable, ROOT / "tests/fakes/openai_server.py", "--plan", folder / "plan.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{child.stdout.readline().strip()}/v1"
        child.terminate()


@contextmanager
def server(folder: Path, url: str) -> Iterator[tuple[int, httpx2.Client]]:
    port = 14_771
    environment = {
        "PATH": os.environ["PATH"], "WORKSPACE_DIR": str(folder / "w"), "AGENT_SERVER_TOKEN": TOKEN,
        "AGENT_SERVER_PORT": str(port), "LITELLM_BASE_URL": url, "LITELLM_DEFAULT_MODEL": "openai/gpt-5.5",
    }  # fmt: skip
    (folder / "w").mkdir()
    command = [sys.executable, "-m", "appx", "serve", "--local"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as child:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers(), timeout=120, trust_env=False
        ) as http:
            wait(http)
            yield child.pid, http
        child.terminate()


def wait(http: httpx2.Client) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            http.get("/v1/healthz")
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    sys.exit("the server did not start")


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def cpu(pid: int) -> float:
    """User and system seconds."""
    fields: list[Any] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    """The most that it ever had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


if __name__ == "__main__":
    main()
