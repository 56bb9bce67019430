"""Reads a backup from its beginning to its end, and believes nothing before it has seen the manifest."""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TypeVar

from pydantic import BaseModel, ValidationError

from appx.backup import format as form
from appx.backup.format import About, Entry, Manifest
from appx.domain.errors import Invalid
from appx.store.schema import MIGRATIONS

B = TypeVar("B", bound=BaseModel)

OTHER = "This is no backup of appx. `appx backup FILE` makes one."
DAMAGED = "The backup is damaged or was cut off{}. Nothing was changed. Take another one."


class Reader:
    """``about`` is known at once. Then ``next`` and ``read`` by turns, until ``next`` answers None: all is well."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises Invalid when it is no backup, or one of a newer appx."""
        try:
            self._plain = gzip.GzipFile(fileobj=file)
            self._tar = tarfile.TarFile.open(fileobj=self._plain, mode="r|")
            first = self._tar.next()
        except (tarfile.TarError, EOFError, OSError, zlib.error):
            raise Invalid(OTHER) from None
        self._entries: list[Entry] = []
        self._seen = hashlib.sha256()
        self._member = first
        self._data: IO[bytes] | None = None
        if first is None or first.name != form.ABOUT:
            raise Invalid(OTHER)
        with _damaged():
            self._open(first)
            self.about = _parsed(About, self.whole())
        _check(self.about)

    def next(self) -> str | None:
        """The name of the next file; None when all files were seen and are those of the manifest."""
        with _damaged():
            self._close()
            member = self._tar.next()
            if member is None:
                raise Invalid(DAMAGED.format(": its end is missing"))
            if not member.isreg():
                raise Invalid(DAMAGED.format(f": {member.name} is no file"))
            self._open(member)
            if member.name != form.MANIFEST:
                return member.name
            manifest = _parsed(Manifest, self.whole())
            if self._plain.read(form.PART_BYTES).strip(b"\0"):
                raise Invalid(DAMAGED.format(": there is more after its end"))
        pairs = zip(manifest.files, self._entries, strict=False)  # both in the order in which they stand
        wrong = next((told.name for told, seen in pairs if told != seen), None)
        if wrong is not None or len(manifest.files) != len(self._entries):
            raise Invalid(DAMAGED.format(f": {wrong or 'the list of files'} is not as it was written"))
        return None

    def read(self, size: int = form.PART_BYTES) -> bytes:
        """More of the file; empty at its end."""
        assert self._data is not None
        with _damaged():
            data = self._data.read(size)
        self._seen.update(data)
        return data

    def whole(self) -> bytes:
        """All of a small file."""
        data = self.read(form.MAX_SMALL)
        if self.read(1):
            raise Invalid(DAMAGED.format(": a file is too large"))
        return data

    def _open(self, member: tarfile.TarInfo) -> None:
        self._member, self._data, self._seen = member, self._tar.extractfile(member), hashlib.sha256()

    def _close(self) -> None:
        while self.read():
            pass
        assert self._member is not None
        name, size = self._member.name, self._member.size
        self._entries.append(Entry(name=name, size=size, sha256=self._seen.hexdigest()))


def verify(file: IO[bytes]) -> About:
    """Read all of it. Raises Invalid when something is not as it was written."""
    reader = Reader(file)
    while reader.next() is not None:
        pass
    return reader.about


def _check(about: About) -> None:
    if about.format > form.FORMAT or about.schema_version > len(MIGRATIONS):
        raise Invalid(
            f"This backup was made by a newer appx ({about.appx}, schema {about.schema_version}; this one knows "
            f"{len(MIGRATIONS)}). Restore it with that version."
        )


def _parsed(model: type[B], data: bytes) -> B:
    try:
        return model.model_validate_json(data)
    except ValidationError:
        raise Invalid(DAMAGED.format(f": its {model.__name__.lower()} cannot be read")) from None


@contextmanager
def _damaged() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Invalid(DAMAGED.format(f" ({error})")) from None
