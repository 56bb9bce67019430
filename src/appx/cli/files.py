"""``appx files``: a project's files from the terminal."""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote

import click

from appx.cli.access import api_token
from appx.cli.client import Client, url_option
from appx.kit.harmless import harmless

PART_BYTES = 1 << 20


@click.group()
@url_option
@click.pass_context
def files(context: click.Context, url: str) -> None:
    """List, read, write and search the files of a project. PROJECT is its id."""
    context.obj = context.with_resource(Client(url, api_token()))


project_argument = click.argument("project")


@files.command(name="ls")
@click.pass_obj
@project_argument
@click.argument("path", default=".")
@click.option("--depth", default=1, show_default=True, help="How many levels.")
def list_files(client: Client, project: str, path: str, depth: int) -> None:
    """List a directory: size, time and path of each entry."""
    query = {"path": path, "depth": str(depth)}
    while True:
        found = _asked(client, project, "tree", query)
        for each in found["entries"]:
            mark = {"directory": "/", "link": "@"}.get(each["kind"], "")
            click.echo(f"{each['size']:>12,}  {each['modified'][:16]}  {_line(each['path'])}{mark}")
        if "next" not in found:
            return
        query["after"] = found["next"]


@files.command()
@click.pass_obj
@project_argument
@click.argument("path")
def cat(client: Client, project: str, path: str) -> None:
    """Write a file to the standard output, as it is."""
    with client.stream("GET", _place(project, "files"), {"path": path}) as answer:
        for part in answer.iter_raw():
            sys.stdout.buffer.write(part)


@files.command()
@click.pass_obj
@project_argument
@click.argument("path", default=".")
@click.option("--to", type=click.Path(path_type=Path), help="The file to write; else its own name, here.")
@click.option("--zip", "zipped", is_flag=True, help="PATH, or the whole project, as a zip archive.")
@click.option("--all", "everything", is_flag=True, help="Into the archive also .git and what git ignores.")
def get(client: Client, project: str, path: str, to: Path | None, *, zipped: bool, everything: bool) -> None:
    """Fetch a file; the whole project, or with --zip any directory, as a zip archive."""
    name = PurePosixPath(path).name
    zipped = zipped or not name
    query = {"path": path} | ({"all": "true"} if everything else {})
    target = to or Path(f"{name or project}.zip" if zipped else name)
    _save(client, project, "download" if zipped else "files", query, target)


def _save(client: Client, project: str, what: str, query: dict[str, str], target: Path) -> None:
    if target.exists():
        raise click.ClickException(f"{target} is there already. Name another file with --to.")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        # Never through a link: where agents can write, one could lead to a file of the server's.
        with client.stream("GET", _place(project, what), query) as answer, part.open("xb") as file:
            for data in answer.iter_raw():
                file.write(data)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{target}: {target.stat().st_size:,} bytes")


@files.command()
@click.pass_obj
@project_argument
@click.option("--to", type=click.Path(path_type=Path), help="The file to write; else PROJECT.bundle, here.")
def bundle(client: Client, project: str, to: Path | None) -> None:
    """Fetch the repository as a git bundle: branches, tags and checkpoints. `git clone` takes it."""
    _save(client, project, "bundle", {}, to or Path(f"{project}.bundle"))


@files.command()
@click.pass_obj
@project_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.argument("path", required=False)
@click.option("--unzip", is_flag=True, help="FILE is a zip archive, and PATH the directory for what is in it.")
@click.option("--replace", is_flag=True, help="With --unzip: replace files of the same names.")
def put(client: Client, project: str, file: str, path: str | None, *, unzip: bool, replace: bool) -> None:
    """Write FILE (- is the standard input) to PATH, or unpack it there."""
    if path is None and not unzip and file == "-":
        raise click.UsageError("Give a PATH for what comes from the standard input.")
    method, what, query = "PUT", "files", {"path": path or Path(file).name}
    if unzip:
        method, what, query = "POST", "upload", {"path": path or "."} | ({"replace": "true"} if replace else {})
    with (
        click.open_file(file, "rb") as source,
        client.stream(method, _place(project, what), query, parts_of(source)) as answer,
    ):
        answer.read()
        done = answer.json()
    if unzip:
        left = f", {done['leftOutCount']} left out" if done["leftOutCount"] else ""
        click.echo(f"{done['files']} files, {done['size']:,} bytes{left}")
    else:
        click.echo(f"{_line(done['path'])}: {done['size']:,} bytes")


@files.command()
@click.pass_obj
@project_argument
@click.argument("text")
@click.option("--glob", help="Only in such files: *.ts, src/**/*.py; with ! before it, not in those.")
@click.option("--regex", is_flag=True, help="TEXT is a regular expression.")
@click.option("--case", is_flag=True, help="Capitals count.")
def search(client: Client, project: str, text: str, glob: str | None, *, regex: bool, case: bool) -> None:
    """Find lines with TEXT."""
    flags = {name: "true" for name, given in (("regex", regex), ("case", case)) if given}
    found = _asked(client, project, "search", {"q": text, "limit": "1000", **flags, **({"glob": glob} if glob else {})})
    for each in found["matches"]:
        click.echo(f"{_line(each['path'])}:{each['line']}: {_line(each['text'])}")
    if not found["complete"]:
        click.echo("There may be more. Narrow the search.", err=True)
    if not found["matches"]:
        raise SystemExit(1)


def _place(project: str, what: str) -> str:
    return f"/v1/projects/{quote(project, safe='')}/{what}"


def _asked(client: Client, project: str, what: str, query: dict[str, str]) -> Any:  # noqa: ANN401  JSON
    with client.stream("GET", _place(project, what), query) as answer:
        answer.read()
        return answer.json()


def parts_of(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(PART_BYTES):
        yield data


def _line(text: str) -> str:
    """On one line, and without what a terminal would obey."""
    return harmless(text.replace("\n", "\ufffd"))
