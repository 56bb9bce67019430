"""JSON that several readers are sent, encoded once."""

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable

import orjson

from appx.http.wire import Json

BUDGET_BYTES = 4 << 20


class Once:
    """The newest pieces of one session by key, in at most ``budget`` bytes. What fell out is encoded again."""

    def __init__(self, budget: int = BUDGET_BYTES) -> None:
        self._budget = budget
        self._size = 0
        self._pieces: OrderedDict[Hashable, bytes] = OrderedDict()

    def __call__(self, key: Hashable, make: Callable[[], Json]) -> orjson.Fragment:
        """The JSON of what ``make`` gives, or gave for the same key."""
        piece = self._pieces.get(key)
        if piece is None:
            piece = encode(make())
            self._keep(key, piece)
        return orjson.Fragment(piece)

    def _keep(self, key: Hashable, piece: bytes) -> None:
        self._pieces[key] = piece
        self._size += len(piece)
        while self._size > self._budget:
            _, old = self._pieces.popitem(last=False)
            self._size -= len(old)


def encode(value: object) -> bytes:
    """As JSON. ``orjson`` does not take what a model may send: an integer beyond 64 bits, half a surrogate pair."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, default=_piece).encode()


def _piece(found: object) -> object:
    assert isinstance(found, orjson.Fragment)
    return json.loads(orjson.dumps(found))


def plainly(_key: Hashable, make: Callable[[], Json]) -> Json:
    """Instead of ``Once``, for one reader: nothing is kept."""
    return make()
