#!/usr/bin/env python3
"""Gives the wheels in pip's caches their names: pip knows them by their addresses, and without a network there is none.

    name_wheels.py CACHE

CACHE/USER/pip holds what the users of builds fetched. CACHE/wheels, where pip is told to look, too, gets links to it.
"""

import os
import re
import stat
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 64 << 10
_FILE = re.compile(r"([\w.]+-[\w.+!]+)\.dist-info/WHEEL", re.ASCII)
_TAG = re.compile(r"^Tag: *([\w.]+)-([\w.]+)-([\w.]+) *\r?$", re.ASCII | re.MULTILINE)
_BUILD = re.compile(r"^Build: *(\d[\w.]*) *\r?$", re.ASCII | re.MULTILINE)


def main(cache: Path) -> None:
    for body in cache.glob("*/pip/http*/**/*.body"):
        # What no index offers, what is no wheel and what goes meanwhile is left out.
        with suppress(OSError, zipfile.BadZipFile, ValueError, LookupError):
            known = body.lstat()
            if stat.S_ISREG(known.st_mode) and known.st_nlink == 1:
                os.link(body, cache / "wheels" / name_of(body), follow_symlinks=False)


def name_of(wheel: Path) -> str:
    """As the packaging guide wants it: name, version, build, and the tags of each kind with dots between.

    Raises LookupError when it is an archive of another kind, ValueError when it names no tag.
    """
    with zipfile.ZipFile(wheel) as archive:
        found = next(filter(None, map(_FILE.fullmatch, archive.namelist())), None)
        if found is None:
            raise LookupError(wheel)
        with archive.open(found[0]) as file:
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    if not (tags := _TAG.findall(text)):
        raise ValueError(wheel)
    build = _BUILD.search(text)
    kinds = (".".join(dict.fromkeys(each)) for each in zip(*tags, strict=True))
    return "-".join([found[1], *([build[1]] if build else []), *kinds]) + ".whl"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
