"""Looks at the files of an image, as a tar on standard input: ``tree.py raising|writable``. Prints what is wrong."""

import stat
import sys
import tarfile

CAPABILITY = "SCHILY.xattr.security.capability"
BUILDERS = ("home/builder",)
"""With the storage volume, in which each account has a directory."""


def raising(member: tarfile.TarInfo) -> str | None:
    if member.isfile() and member.mode & (stat.S_ISUID | stat.S_ISGID):
        return f"mode {member.mode:o}"
    return "it has file capabilities" if CAPABILITY in member.pax_headers else None


def writable(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.name.rstrip("/").removeprefix("./").startswith(BUILDERS):
        return None
    if member.uid != 0 and not member.name.startswith("workspace"):
        return f"it belongs to uid {member.uid}"
    if member.mode & stat.S_IWOTH and not (member.isdir() and member.mode & stat.S_ISVTX) and not member.isdev():
        return f"mode {member.mode:o}"
    return None


def main() -> None:
    look = {"raising": raising, "writable": writable}[sys.argv[1]]
    seen = wrong = 0
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
        for member in tar:
            seen += 1
            problem = look(member)
            if problem:
                wrong += 1
                print(f"/{member.name}: {problem}")
    if seen < 1_000:
        sys.exit(f"only {seen} files were there to look at")
    sys.exit(1 if wrong else 0)


main()
