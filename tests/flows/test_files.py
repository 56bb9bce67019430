"""A project's files over HTTP."""

import io
import json
import os
import socket
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from anyio import to_thread
from click.testing import CliRunner, Result

from appx.cli.main import main
from tests.contract.schema import check
from tests.flows.apart import apart
from tests.flows.api import TOKEN, Api, serving
from tests.unit.workbench.streams import archive

pytestmark = pytest.mark.anyio

DEMO = "/v1/projects/demo"


@pytest.fixture
async def demo(api: Api) -> Api:
    """With a project."""
    await api.ok("POST", "/v1/projects", {"name": "demo"})
    return api


def home(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "demo"


async def put(api: Api, path: str, data: bytes, **headers: str) -> httpx2.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.http.put(f"{DEMO}/files", params={"path": path}, content=data, headers=given)


async def get(api: Api, path: str, **headers: str) -> httpx2.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.http.get(f"{DEMO}/files", params={"path": path}, headers=given)


async def asked(api: Api, what: str, **query: object) -> tuple[int, Any]:
    answer = await api.http.get(f"{DEMO}/{what}", params={name: str(value) for name, value in query.items()})
    return answer.status_code, answer.json()


def sentence(answer: httpx2.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    check(answer.json(), "ErrorResponse")
    told: str = answer.json()["error"]
    assert told.endswith(".")
    return told


async def test_a_file_is_written_read_and_replaced_when_it_is_as_it_was_seen(demo: Api, tmp_path: Path) -> None:
    made = await put(demo, "src/a ☃.txt", b"one", If_None_Match="*")
    assert made.status_code == 200
    entry = made.json()
    assert (entry["path"], entry["name"], entry["kind"], entry["size"]) == ("src/a ☃.txt", "a ☃.txt", "file", 3)
    assert entry["etag"] == made.headers["etag"]
    read = await get(demo, "src/a ☃.txt")
    assert (read.status_code, read.content, read.headers["etag"]) == (200, b"one", entry["etag"])
    assert read.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await get(demo, "src/a ☃.txt", If_None_Match=entry["etag"])).status_code == 304

    assert "Read it" in sentence(await put(demo, "src/a ☃.txt", b"two", If_None_Match="*"), 412)
    newer = await put(demo, "src/a ☃.txt", b"two", If_Match=entry["etag"])
    assert newer.status_code == 200
    assert "changed" in sentence(await put(demo, "src/a ☃.txt", b"three", If_Match=entry["etag"]), 412)
    sentence(await put(demo, "src/a ☃.txt", b"three", If_Match="bare"), 400)
    assert (home(tmp_path) / "src/a ☃.txt").read_bytes() == b"two"
    status, listed = await asked(demo, "tree", path="src")
    assert (status, [each["etag"] for each in listed["entries"]]) == (200, [newer.headers["etag"]])


async def test_a_part_of_a_file_is_answered(demo: Api) -> None:
    data = os.urandom(900_000)
    tag = (await put(demo, "big.bin", data)).headers["etag"]
    part = await get(demo, "big.bin", Range="bytes=100-299999")
    assert (part.status_code, part.content) == (206, data[100:300_000])
    assert part.headers["content-range"] == "bytes 100-299999/900000"
    assert (await get(demo, "big.bin", Range="bytes=-5", If_Range=tag)).content == data[-5:]
    whole = await get(demo, "big.bin", Range="bytes=-5", If_Range='"older"')
    assert (whole.status_code, whole.content) == (200, data)
    refused = await get(demo, "big.bin", Range="bytes=900000-")
    assert "900000 bytes" in sentence(refused, 416)
    assert refused.headers["content-range"] == "bytes */900000"


async def test_no_file_runs_in_a_browser_on_the_origin_of_the_api(demo: Api) -> None:
    page = b"<script>fetch('/v1/projects')</script>"
    for name in ("x.html", "x.svg", "x.xml", "x.png", "x.js", "x"):
        await put(demo, name, page)
        told = (await get(demo, name)).headers
        assert told["x-content-type-options"] == "nosniff"
        assert told["content-security-policy"] == "default-src 'none'; sandbox"
        assert told["cross-origin-resource-policy"] == "same-origin"
        assert told["content-type"] in {"application/octet-stream", "text/plain; charset=utf-8", "image/png"}
    assert (await get(demo, "x.html")).headers["content-disposition"].startswith("attachment")


async def test_what_is_not_there_or_is_something_else_has_a_sentence(demo: Api, tmp_path: Path) -> None:
    await put(demo, "dir/file", b"x")
    (home(tmp_path) / "out").symlink_to("/etc")
    assert "no such file" in sentence(await get(demo, "none"), 404)
    assert "directory" in sentence(await get(demo, "dir"), 400)
    assert "directory" in sentence(await put(demo, "dir", b"x"), 400)
    for path in ("../x", "/etc/passwd", "out/passwd", "a\0b", "", "dir/../../x", "x" * 5_000):
        for answer in (await get(demo, path), await put(demo, path, b"x")):
            sentence(answer, 400)
    for what in ("tree", "download"):
        status, told = await asked(demo, what, path="../..")
        assert (status, told["error"].endswith(".")) == (400, True)
    for what in ("tree", "files?path=x", "download", "search?q=x", "find?q=x"):
        answer = await demo.http.get(f"/v1/projects/none/{what}")
        assert (answer.status_code, answer.json()) == (404, {"error": "project not registered: none"})


async def test_files_are_moved_and_removed(demo: Api, tmp_path: Path) -> None:
    await put(demo, "a/b.txt", b"x")
    moved = await demo.ok("POST", f"{DEMO}/files/move", {"path": "a/b.txt", "to": "c/d.txt"})
    assert moved["path"] == "c/d.txt"
    await put(demo, "e.txt", b"e")
    status, told = await demo.call("POST", f"{DEMO}/files/move", {"path": "e.txt", "to": "c/d.txt"})
    assert (status, "there already" in told["error"]) == (409, True)
    await demo.ok("POST", f"{DEMO}/files/move", {"path": "e.txt", "to": "c/d.txt", "replace": True})
    assert (await get(demo, "c/d.txt")).content == b"e"
    status, told = await demo.call("DELETE", f"{DEMO}/files?path=c")
    assert (status, "recursive=true" in told["error"]) == (409, True)
    await demo.ok("DELETE", f"{DEMO}/files?path=c&recursive=true")
    assert (await demo.call("DELETE", f"{DEMO}/files?path=c"))[0] == 404
    assert (await demo.call("DELETE", f"{DEMO}/files?path=.git&recursive=true"))[0] == 400
    assert sorted(path.name for path in home(tmp_path).iterdir()) == [".git", ".pi", "a"]


async def test_the_tree_comes_in_pages(demo: Api) -> None:
    for name in ("a/1", "a/2", "b"):
        await put(demo, name, b"x")
    told: list[str] = []
    after: dict[str, object] = {}
    while True:
        status, found = await asked(demo, "tree", depth=5, limit=2, hidden=False, **after)
        assert status == 200
        told += [each["path"] for each in found["entries"]]
        if "next" not in found:
            break
        after = {"after": found["next"]}
    assert told == ["a", "a/1", "a/2", "b"]


async def test_contents_and_names_are_searched(demo: Api) -> None:
    await put(demo, "src/main.py", "import os\n\nprint('Größe', OS)\n".encode())
    await put(demo, "notes.md", b"os.path\n" + b"y" * 2_000 + b"os\n")
    await put(demo, "skip.log", b"os\n")
    await put(demo, ".gitignore", b"*.log\n")
    status, found = await asked(demo, "search", q="os")
    assert (status, found["complete"]) == (200, True)
    assert [(each["path"], each["line"], each["column"]) for each in found["matches"]] == [
        ("notes.md", 1, 1), ("notes.md", 2, 2_001), ("src/main.py", 1, 8), ("src/main.py", 3, 16),
    ]  # fmt: skip
    cut = found["matches"][1]
    assert (cut["cut"], cut["text"]) == (True, "y" * 100 + "os")
    status, found = await asked(demo, "search", q="os", case=True, glob="*.py")
    assert [each["line"] for each in found["matches"]] == [1]
    status, found = await asked(demo, "search", q=r"os\.", regex=True, limit=1)
    assert [each["path"] for each in found["matches"]] == ["notes.md"]
    assert (await asked(demo, "search", q="os.", path="src"))[1]["matches"] == []
    assert (await asked(demo, "search", q="os", limit=2))[1]["complete"] is False
    for query in ({"q": "(", "regex": True}, {"q": "x", "path": ".."}, {"q": "x", "path": "none"}, {"q": "a\nb"}):
        status, found = await asked(demo, "search", **query)
        assert (status, len(found["error"]) > 10) == (400, True)
    assert (await asked(demo, "find", q="ain"))[1] == {"paths": ["src/main.py"], "complete": True}
    assert (await asked(demo, "find", q="src/*.py"))[1]["paths"] == ["src/main.py"]
    assert (await asked(demo, "find", q="*", path="src"))[1]["paths"] == ["src/main.py"]
    assert (await asked(demo, "find", q="log"))[1]["paths"] == []


async def test_a_project_leaves_as_a_zip_and_comes_in_again(demo: Api, tmp_path: Path) -> None:
    for name in ("a ☃.txt", "dir/b.txt", "x.log", ".gitignore"):
        await put(demo, name, b"*.log")
    answer = await demo.http.get(f"{DEMO}/download")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert 'filename="demo.zip"' in answer.headers["content-disposition"]
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {"a ☃.txt", "dir/b.txt", ".gitignore"} <= set(names)
    assert "x.log" not in names
    every = await demo.http.get(f"{DEMO}/download", params={"all": "true"})
    assert {"x.log", ".git/HEAD"} <= set(zipfile.ZipFile(io.BytesIO(every.content)).namelist())

    done = (await demo.http.post(f"{DEMO}/upload?path=copy", content=every.content)).json()
    assert done["files"] >= 5
    assert done["leftOutCount"] > 5
    assert all(".git" in name.split("/") for name in done["leftOut"])
    assert (home(tmp_path) / "copy/a ☃.txt").read_bytes() == b"*.log"
    assert not (home(tmp_path) / "copy/.git").exists()
    assert "replace=true" in sentence(await demo.http.post(f"{DEMO}/upload?path=copy", content=every.content), 409)
    evil = archive(("ok", b""), ("../evil", b"x"))
    assert "leads out" in sentence(await demo.http.post(f"{DEMO}/upload", content=evil), 400)
    bomb = archive(("zeros", bytes(100_000_000)))
    assert "in parts" in sentence(await demo.http.post(f"{DEMO}/upload", content=bomb), 413)
    assert not (home(tmp_path) / "ok").exists()


async def test_a_body_over_the_limit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async def large() -> AsyncIterator[bytes]:
        """It does not say how large it is."""
        for _ in range(30):
            yield b"x" * 100_000

    async with serving(tmp_path / "workspace", APPX_MAX_UPLOAD="1") as api:
        await api.ok("POST", "/v1/projects", {"name": "demo"})
        assert (await put(api, "fits", b"x" * (1 << 20))).status_code == 200
        assert "APPX_MAX_UPLOAD" in sentence(await put(api, "large", b"x" * ((1 << 20) + 1)), 413)
        for method, path in (("PUT", "files?path=large"), ("POST", "upload")):
            sentence(await api.http.request(method, f"{DEMO}/{path}", content=large()), 413)
        await only(home(tmp_path), [".git", ".pi", "fits"])


async def only(top: Path, names: list[str]) -> None:
    """Return when nothing else is there: the server notices a little later that a client left."""
    with anyio.fail_after(5):
        while there(top) != names:  # noqa: ASYNC110  a directory tells nobody
            await anyio.sleep(0.02)


def there(top: Path) -> list[str]:
    return sorted(path.name for path in top.iterdir())


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with apart(tmp_path) as server:
        await server.ok("POST", "/v1/projects", {"name": "demo"})
        for line in (f"PUT {DEMO}/files?path=a/b", f"POST {DEMO}/upload"):
            async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
                head = f"{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
                head += "Content-Length: 9999999\r\n\r\n"
                await stream.send(head.encode() + b"x" * 1_000_000)
                top = home(tmp_path)
                with anyio.fail_after(5):
                    while not any(path.name.startswith(".appx-") for path in top.iterdir()):  # noqa: ASYNC110
                        await anyio.sleep(0.01)
            await only(home(tmp_path), [".git", ".pi"])
        await server.ok("GET", "/v1/healthz")
        assert "Traceback" not in server.log
        assert "defect" not in server.log


async def test_who_reads_slowly_or_leaves_costs_nothing(tmp_path: Path) -> None:
    async with apart(tmp_path) as server:
        await server.ok("POST", "/v1/projects", {"name": "demo"})
        (home(tmp_path) / "big").write_bytes(os.urandom(1_000_000) * 150)
        before = server.memory()
        for what in ("files?path=big", "download"):
            async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
                raw: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                head = f"GET {DEMO}/{what} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
                await stream.send(head.encode())
                assert b"200 OK" in await stream.receive(100)
                await anyio.sleep(0.5)
                assert server.memory() - before < 20_000
        answer = await server.http.get(f"{DEMO}/files?path=big")
        assert len(answer.content) == 150_000_000
        assert server.memory() - before < 20_000
        assert "Traceback" not in server.log


async def test_a_file_that_is_cut_while_it_is_read_is_not_taken_for_whole(tmp_path: Path) -> None:
    async with apart(tmp_path) as server:
        await server.ok("POST", "/v1/projects", {"name": "demo"})
        big = home(tmp_path) / "big"
        big.write_bytes(bytes(50_000_000))
        async with server.http.stream("GET", f"{DEMO}/files?path=big") as answer:
            parts = answer.aiter_raw()
            await anext(parts)
            os.truncate(big, 10)
            with pytest.raises(httpx2.RemoteProtocolError):
                await rest(parts)


async def rest(parts: AsyncIterator[bytes]) -> None:
    async for _ in parts:
        pass


async def test_a_person_at_a_terminal_moves_files(demo: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    variables = {"AGENT_SERVER_TOKEN": TOKEN, "APPX_URL": str(demo.http.base_url).rstrip("/")}

    async def files(*words: str, given: bytes | None = None) -> tuple[int, str]:
        def run() -> Result:
            return CliRunner().invoke(main, ["files", *words], env=variables, input=given)

        done = await to_thread.run_sync(run)
        return done.exit_code, done.output

    (here / "a.txt").write_bytes(b"one\nTwo\n")
    assert await files("put", "demo", "a.txt") == (0, "a.txt: 8 bytes\n")
    assert await files("put", "demo", "-", "dir/b", given=b"x\x1b[31m\xff") == (0, "dir/b: 7 bytes\n")
    assert (await files("put", "demo", "-", given=b"x"))[0] == 2
    assert await files("cat", "demo", "a.txt") == (0, "one\nTwo\n")
    code, told = await files("ls", "demo", "--depth", "2")
    assert (code, [line.split()[-1] for line in told.splitlines()]) == (
        0, [".pi/", ".pi/deployment.json", "a.txt", "dir/", "dir/b"],
    )  # fmt: skip
    assert await files("search", "demo", "two") == (0, "a.txt:2: Two\n")
    assert await files("search", "demo", "[31m") == (0, "dir/b:1: x\ufffd[31m\ufffd\n")
    assert await files("search", "demo", "two", "--case") == (1, "")
    assert "is there already" in (await files("get", "demo", "a.txt"))[1]
    assert await files("get", "demo", "a.txt", "--to", "c") == (0, "c: 8 bytes\n")
    assert (await files("get", "demo"))[1].startswith("demo.zip: ")
    assert (await files("put", "demo", "demo.zip", "copy", "--unzip"))[1] == "3 files, 39 bytes\n"
    assert "replace=true" in (await files("put", "demo", "demo.zip", "copy", "--unzip"))[1]
    assert (await files("put", "demo", "demo.zip", "copy", "--unzip", "--replace"))[0] == 0
    assert (await files("get", "demo", "none"))[0] == 1
    (here / "b.part").symlink_to("a.txt")  # an agent's, where both can write: to a file that is the server's
    assert await files("get", "demo", "dir/b") == (0, "b: 7 bytes\n")
    assert (here / "a.txt").read_bytes() == b"one\nTwo\n"
    assert there(here) == ["a.txt", "b", "b.part", "c", "demo.zip"]


async def test_names_that_are_not_utf_8_break_no_answer(demo: Api, tmp_path: Path) -> None:
    with open(os.fsencode(home(tmp_path)) + b"/bad\xff.txt", "wb") as file:  # noqa: PTH123, ASYNC230
        file.write(b"needle\n")
    (home(tmp_path) / "new\nline").write_bytes(b"needle\n")
    status, found = await asked(demo, "tree", hidden=False)
    assert (status, [(each["path"], each["exact"]) for each in found["entries"]]) == (
        200, [("bad\ufffd.txt", False), ("new\nline", True)],
    )  # fmt: skip
    assert [each["path"] for each in (await asked(demo, "search", q="needle"))[1]["matches"]] == [
        "bad\ufffd.txt", "new\nline",
    ]  # fmt: skip
    assert (await asked(demo, "find", q="bad"))[1]["paths"] == ["bad\ufffd.txt"]
    answer = await demo.http.get(f"{DEMO}/download")
    assert "bad%FF.txt" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    body = json.dumps({"path": "\ud800", "to": "x"})
    answer = await demo.http.post(f"{DEMO}/files/move", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
