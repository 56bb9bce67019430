"""A small client of the API, for the commands."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import click
import httpx2

from appx.kit.harmless import harmless

url_option = click.option(
    "--url", envvar="APPX_URL", default="http://127.0.0.1:4001", show_default=True, help="Where the server is."
)

PATIENCE = 60.0


class Client:
    """JSON in and out; what goes wrong is a sentence."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE, trust_env=False
        )
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, *, accept: tuple[int, ...] = (200,)) -> Any:  # noqa: ANN401  JSON
        return self._call("GET", path, accept=accept)

    def post(self, path: str, body: object = None, *, patience: float = PATIENCE) -> Any:  # noqa: ANN401  JSON
        """``patience``: seconds that the answer may take."""
        return self._call("POST", path, body=body, patience=patience)

    def put(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON
        return self._call("PUT", path, body=body)

    def delete(self, path: str) -> Any:  # noqa: ANN401  JSON
        return self._call("DELETE", path)

    def events(self, path: str, *, after: int | None = None) -> Iterator[tuple[int | None, dict[str, Any]]]:
        """The events of a stream with their numbers, until the server ends it. ``after``: a record of a session."""
        # None, because {} would take away the query that the path has.
        ask = None if after is None else {"after": str(after), "deltas": "lean"}
        with self._http.stream("GET", path, params=ask, timeout=httpx2.Timeout(60.0)) as answer:
            if answer.status_code != 200:
                answer.read()
                raise click.ClickException(_sentence(answer))
            number: int | None = None
            for line in _lines(answer):
                if line.startswith(b"id: "):
                    number = int(line[4:])
                elif line.startswith(b"data: {"):
                    yield number, json.loads(line[6:])
                    number = None

    @contextmanager
    def stream(
        self, method: str, path: str, query: Mapping[str, str], content: Iterable[bytes] | None = None
    ) -> Iterator[httpx2.Response]:
        """An answer of any size to a body of any size."""
        try:
            patience = httpx2.Timeout(60.0, read=600.0)  # an archive is unpacked before the answer
            with self._http.stream(method, path, params=query, content=content, timeout=patience) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise click.ClickException(_sentence(answer))
                yield answer
        except httpx2.TransportError as error:
            raise click.ClickException(f"The connection to {self._url} broke off: {error}") from error

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        accept: tuple[int, ...] = (200,),
        patience: float = PATIENCE,
    ) -> Any:  # noqa: ANN401
        try:
            answer = self._http.request(method, path, json=body, timeout=httpx2.Timeout(PATIENCE, read=patience))
        except httpx2.TransportError as error:
            raise click.ClickException(f"The server at {self._url} does not answer: {error}") from error
        if answer.status_code not in accept:
            raise click.ClickException(_sentence(answer))
        return answer.json()


def _lines(answer: httpx2.Response) -> Iterator[bytes]:
    """httpx's end at each of Unicode's line ends, which JSON may have in it."""
    rest = b""
    for each in answer.iter_bytes():
        *lines, rest = (rest + each).split(b"\n")
        yield from lines


def _sentence(answer: httpx2.Response) -> str:
    """An agent may have a word in it."""
    try:
        return harmless(str(answer.json()["error"]))
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code}."
