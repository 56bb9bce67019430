"""A git repository that is served over HTTP, as plain files: git calls that the dumb protocol."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override

MINE = ["-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "init.defaultBranch=trunk"]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *MINE, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path, **files: str) -> Path:
    """With one commit on ``trunk``, and a tag."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    git(folder, "tag", "v1")
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(repository: Path) -> Iterator[str]:
    """Its address."""
    git(repository, "update-server-info")
    handler = partial(_Quiet, directory=str(repository / ".git"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
