"""A project under attack, and what lies outside of it: the canary that nothing may read, change, remove or add to."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from appx.domain.errors import AppxError
from appx.domain.ids import ProjectId
from appx.workbench.local import LocalBench
from tests.races.attacker import Counter

SHOP = ProjectId("shop")
SECRET = b"SECRET: not of this project"
MINE = b"of this project"

SECONDS = 1.0
"""How long each operation is tried at least."""

MOST_SECONDS = 30.0
LEAST_TRIES = 20
LEAST_SWAPS = 200
LEAST_MET = 10
"""Tries during which something was swapped. With fewer the race did not take place, and the test says nothing."""

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Attack:
    process: subprocess.Popen[bytes]
    counter: Counter

    @property
    def swaps(self) -> int:
        return self.counter.read()

    @contextmanager
    def held(self) -> Iterator[None]:
        """It does nothing meanwhile."""
        self.process.send_signal(signal.SIGSTOP)
        status = Path(f"/proc/{self.process.pid}/stat")
        while status.read_bytes().rpartition(b") ")[2][:1] != b"T":
            time.sleep(0.0001)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Scene:
    """``outside`` and ``project / "way"`` have the same names in them."""

    bench: LocalBench
    outside: Path

    @property
    def project(self) -> Path:
        return self.bench.workspace / SHOP

    def fill(self) -> None:
        """The project as it was at the beginning. While nobody swaps anything: it follows links."""
        for path in self.project.iterdir():
            _drop(path)
        _tree(self.project / "way", MINE)
        _tree(self.project / "calm", MINE)
        (self.project / ".git").write_text("gitdir: elsewhere")
        self.put_beside()

    def refill(self) -> None:
        """The same, whatever became of the project itself and of a link beside it."""
        for path in self.bench.workspace.iterdir():
            _drop(path)
        self.project.mkdir()
        self.fill()

    def put_beside(self) -> None:
        beside = self.project / ".beside"
        beside.mkdir()
        (beside / "link").symlink_to(self.outside)
        (beside / "relative").symlink_to(os.path.relpath(self.outside, self.project))
        (beside / "file-link").symlink_to(self.outside / "file.txt")
        os.mkfifo(beside / "fifo")
        (beside / "folder").mkdir()

    def canary(self) -> dict[str, object]:
        """All that is outside, without what reading changes."""
        found: dict[str, object] = {}
        for top, folders, files in os.walk(self.outside):
            for name in [".", *folders, *files]:
                path = Path(top, name)
                told = path.lstat()
                content = path.read_bytes() if stat.S_ISREG(told.st_mode) else b""
                found[str(path)] = (told.st_mode, told.st_mtime_ns, content)
        return found

    @contextmanager
    def attacked(self, *words: str) -> Iterator[Attack]:
        file = self.bench.workspace.parent / "counter"
        file.write_bytes(bytes(8))
        script = Path(__file__).with_name("attacker.py")
        attacker = subprocess.Popen([sys.executable, "-I", str(script), str(file), *words])
        try:
            yield Attack(attacker, Counter(str(file)))
        finally:
            attacker.send_signal(signal.SIGKILL)
            attacker.wait()

    async def race(self, act: Act, *, attack: tuple[str, ...], refill: bool = False, met: int = LEAST_MET) -> int:
        """Try ``act`` until the race took place often enough. How often it succeeded. ``refill``: before each try.

        What it raises is either of ours or a failure. Nothing outside may have changed.
        """
        self.fill()
        canary = self.canary()
        succeeded = tries = overlaps = 0
        with self.attacked(*attack) as attacker:
            begin = time.monotonic()
            while True:
                passed = time.monotonic() - begin
                enough = tries >= LEAST_TRIES and overlaps >= met and attacker.swaps >= LEAST_SWAPS
                if passed > MOST_SECONDS or (passed > SECONDS and enough):
                    break
                if refill:
                    with attacker.held():
                        self.fill()
                swaps = attacker.swaps
                with suppress(AppxError):
                    await act()
                    succeeded += 1
                tries += 1
                overlaps += attacker.swaps != swaps
            swaps = attacker.swaps
        now = self.canary()
        changed = sorted(path for path in canary.keys() | now.keys() if canary.get(path) != now.get(path))
        assert not changed, f"changed outside: {changed}"
        said = f"{tries} tries, {succeeded} succeeded, {swaps} swaps, {overlaps} tries met one"
        sys.stdout.write(f"{said}\n")
        assert overlaps >= met, f"the race did not take place: {said}"
        assert swaps >= LEAST_SWAPS, f"the race did not take place: {said}"
        return succeeded


def make_scene(bench: LocalBench, outside: Path) -> Scene:
    scene = Scene(bench, outside)
    _tree(outside, SECRET)
    outside.chmod(0o750)
    return scene


def _tree(top: Path, content: bytes) -> None:
    (top / "sub" / "deep").mkdir(parents=True)
    for path in (top / "file.txt", top / "sub/inner.txt", top / "sub/deep/bottom.txt"):
        path.write_bytes(content)
    (top / "sub").chmod(0o750)


def _drop(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
