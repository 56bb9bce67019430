"""``appx backup`` and ``appx restore``: they run beside the server, as its user, and need no token."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import anyio
import click
from anyio import to_thread

from appx.domain.errors import Conflict, NoSpace, Unavailable
from appx.settings.settings import Settings, read_settings
from appx.wiring import benches
from appx.wiring.state import only_one

STANDARD = "-"
SHOW_SECONDS = 0.1


@click.command()
@click.argument("file")
@click.option(
    "--with-credentials", is_flag=True, help="Take the stored keys of providers along. Keep such a file safe."
)
@click.option("--force", is_flag=True, help="Replace FILE when it is there.")
@click.option(
    "--without", metavar="PROJECT", multiple=True, help="Leave its files out, not its record; may be given again."
)
def backup(file: str, *, with_credentials: bool, force: bool, without: tuple[str, ...]) -> None:
    """Write the whole workspace into FILE: database, builder prompt, providers, project directories.

    The server may go on working. FILE is a .tar.gz that only you can read; - is standard output.
    A project whose files cannot be had is named, and the exit code is 1; all else is in the file.
    """
    settings = read_settings(os.environ)
    incomplete = anyio.run(_backup, settings, file, with_credentials, force, without)
    if incomplete:
        names, options = ", ".join(incomplete), " ".join(f"--without {each}" for each in incomplete)
        kept = "the archive" if file == STANDARD else file
        raise click.ClickException(
            f"Not all files of {names} are in the backup; the rest is whole, and {kept} was kept. "
            f"Look at what runs in {names} and make another, or leave its files out: {options}"
        )


@click.command()
@click.argument("file")
@click.option("--force", is_flag=True, help="Put what is there aside and take the backup instead.")
@click.option(
    "--stop", is_flag=True, help="Stop the server if it runs. In the builder container it comes back by itself."
)
@click.option(
    "--incomplete", metavar="PROJECT", multiple=True, help="Take what can be unpacked of it; may be given again."
)
def restore(file: str, *, force: bool, stop: bool, incomplete: tuple[str, ...]) -> None:
    """Put the backup FILE in place, all of it or nothing. The server must not run; - is standard input."""
    settings = read_settings(os.environ)
    with _source(file) as source, only_one(settings, stop=stop):
        anyio.run(_restore, settings, source, force, incomplete)


def finish_restore(settings: Settings) -> None:
    """Do the rest of a restore that was cut off while it put things in place; else remove what it unpacked."""
    from appx.backup.place import left, settle  # noqa: PLC0415

    async def rest() -> None:
        async with benches.chosen(settings, path=os.environ["PATH"]) as hands:
            await settle(settings.state_dir, hands.bench, hands.accounts)

    if left(settings.state_dir):
        anyio.run(rest)


async def _backup(
    settings: Settings,
    file: str,
    with_credentials: bool,  # noqa: FBT001  anyio.run
    force: bool,  # noqa: FBT001
    without: Sequence[str],
) -> Sequence[str]:
    """Answers the projects of which not all is in the backup."""
    from appx.backup.make import make  # noqa: PLC0415  the other commands start faster without it

    progress = Progress()
    with _target(file, force=force) as write:

        async def sink(data: bytes) -> None:
            with _our_errors(file):
                await to_thread.run_sync(write, data)
            progress.add(len(data))

        async with benches.chosen(settings, path=os.environ["PATH"]) as hands:
            done = await make(
                settings.state_dir,
                hands.bench,
                sink,
                credentials=with_credentials,
                on_step=progress.step,
                without=without,
            )
        progress.step("verifying")
    progress.end()
    for project in done.gone:
        click.echo(f"warning: the directory of {project} is gone; only its record is in the backup", err=True)
    for project, reason in done.incomplete:
        click.echo(f"warning: of {project} not all is in the backup: {reason}", err=True)
    left_out = f", without the files of {', '.join(sorted(set(without)))}" if without else ""
    keys = "with the stored keys" if with_credentials else "without keys: --with-credentials takes them along"
    click.echo(f"{file}: {len(done.projects)} projects{left_out}, {_megabytes(progress.size)}, {keys}", err=True)
    return [project for project, _ in done.incomplete]


async def _restore(settings: Settings, source: IO[bytes], force: bool, incomplete: Sequence[str]) -> None:  # noqa: FBT001  anyio.run
    from appx.backup.restore import restore as restoring  # noqa: PLC0415

    progress = Progress()
    async with benches.chosen(settings, path=os.environ["PATH"]) as hands:
        done = await restoring(
            settings.state_dir,
            hands.bench,
            hands.accounts,
            source,
            force=force,
            on_step=progress.step,
            incomplete=incomplete,
        )
    progress.end()
    for project, reason in done.incomplete:
        click.echo(f"warning: of {project} not all could be unpacked: {reason}", err=True)
    about = done.about
    click.echo(
        f"restored {len(done.projects)} projects of {about.made:%Y-%m-%d %H:%M} UTC, appx {about.appx}", err=True
    )
    click.echo(
        f"what was there is in {settings.state_dir / done.aside} and {settings.workspace_dir / ('.' + done.aside)}, "
        "if there was something",
        err=True,
    )


def _to_stdout(data: bytes) -> None:
    """Unbuffered: what cannot be written is said here, not at the end of the process."""
    left = memoryview(data)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


@contextmanager
def _target(file: str, *, force: bool) -> Iterator[Callable[[bytes], object]]:
    """Who writes: into a new file beside, mode 0600. When all is well, that is read again and takes its place."""
    if file == STANDARD:
        if sys.stdout.isatty():
            raise click.ClickException("A backup is no text. Name a file, or send it on: appx backup - > FILE")
        with _our_errors(file):
            yield _to_stdout
        return
    path = Path(file).absolute()
    if path.exists() and not force:
        raise Conflict(f"{file} is there already. Choose another name, or --force to replace it.")
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _our_errors(file):
        try:
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as target:
                yield target.write
                target.flush()
                os.fsync(target.fileno())
            _verify(beside)
            beside.replace(path)
            _sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def _verify(path: Path) -> None:
    from appx.backup.reader import verify  # noqa: PLC0415

    with path.open("rb") as written:
        verify(written)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _source(file: str) -> Iterator[IO[bytes]]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115  only the opening is to be translated
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error
    with opened:
        yield opened


@contextmanager
def _our_errors(file: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise Unavailable("The backup is not whole: who should take it has left.") from None
    except OSError as error:
        if error.errno == 28:
            raise NoSpace(
                f"The disk that holds {file} is full. No backup was made. Make room, or name another place."
            ) from None
        raise Unavailable(f"{file} cannot be written: {error.strerror}.") from error


class Progress:
    """One line on a terminal, and nothing elsewhere."""

    def __init__(self) -> None:
        self.size = 0
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()
        self._last = 0.0
        self._step = ""

    def step(self, name: str) -> None:
        if name != self._step:
            self._step = name
            self._show(at_once=True)

    def add(self, size: int) -> None:
        self.size += size
        self._show()

    def end(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _show(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not self._shown or (now - self._last < SHOW_SECONDS and not at_once):
            return
        self._last = now
        size = f" {_megabytes(self.size)}" if self.size else ""
        click.echo(f"\r\x1b[K{now - self._began:5.0f} s{size}  {self._step[:60]}", nl=False, err=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
