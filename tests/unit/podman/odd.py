"""JSON that no podman prints, but an agent's program in its place."""

import json
from collections.abc import Iterator

from hypothesis import strategies as st

HALF, ENDLESS, LONG, DEEP = r'"\ud800"', "Infinity", "1" + "0" * 4_300, "[" * 2_000 + "]" * 2_000
KEYS = ("Names", "Labels", "Ports", "Id", "Config", "Size", "State", "services", "image", "build", "Name", "timeNano")


def _list(parts: list[str]) -> str:
    return f"[{','.join(parts)}]"


def _object(parts: dict[str, str]) -> str:
    return f"{{{','.join(f'{json.dumps(key)}:{value}' for key, value in parts.items())}}}"


ODD = st.recursive(
    st.sampled_from(
        [HALF, ENDLESS, "-Infinity", "NaN", "1e400", LONG, DEEP, str(2**63), "-1", "0", "null", "true", '""']
    )
    | st.integers().map(str)
    | st.floats().map(json.dumps)
    | st.text(max_size=5).map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=4).map(_list)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4).map(_object)
    ),
    max_leaves=8,
)
"""As text: Python's own JSON could not say all of it."""


def with_odd(sample: object) -> st.SearchStrategy[str]:
    """The sample with one value, however deep inside, that is odd."""
    places = [json.dumps(each).split('"@"') for each in _holes(sample)]
    return st.tuples(st.sampled_from(places), ODD).map(lambda drawn: drawn[1].join(drawn[0]))


def _holes(value: object) -> Iterator[object]:
    yield "@"
    match value:
        case dict():
            yield from ({**value, key: hole} for key in value for hole in _holes(value[key]))
        case list():
            yield from ([*value[:at], hole, *value[at + 1 :]] for at in range(len(value)) for hole in _holes(value[at]))
        case _:
            pass
