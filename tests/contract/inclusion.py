"""Whether every value that one schema describes is also described by another, as far as both say it by structure.

Objects count as closed here: what a schema does not name is not sent. A keyword that this module does not know is a
problem, so that nothing passes unseen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from jsonschema import Draft202012Validator

Schema: TypeAlias = Mapping[str, Any]
Document: TypeAlias = Mapping[str, Any]

NOTES = frozenset(
    {"title", "description", "default", "example", "examples", "discriminator", "writeOnly", "readOnly", "deprecated"}
)
KNOWN = frozenset(
    {
        "type", "const", "properties", "required", "additionalProperties", "propertyNames", "items", "minItems",
        "maxItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum",
    }
)  # fmt: skip
OTHER_TYPE = " is sent where the type is "
TAGS = ("type", "method", "role")
"""Properties that say which of several shapes an object has."""


@dataclass(kw_only=True)
class Inclusion:
    """``request``: we must take all that the contract sends. ``response``: we may send only what the contract names."""

    ours: Document
    contract: Document
    direction: Literal["request", "response"]
    _known: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def problems(self, our: Schema, theirs: Schema, where: str) -> list[str]:
        """Empty when the schema of ours fits. Each problem names the place."""
        narrow, wide = (theirs, our) if self.direction == "request" else (our, theirs)
        return self._fits(narrow, wide, where)

    @cached_property
    def _documents(self) -> tuple[Document, Document]:
        return (self.contract, self.ours) if self.direction == "request" else (self.ours, self.contract)

    def _fits(self, narrow: Schema, wide: Schema, where: str) -> list[str]:
        pair = (str(narrow.get("$ref")), str(wide.get("$ref")))
        if "None" in pair:
            return self._each_fits(narrow, wide, where)
        if pair not in self._known:
            self._known[pair] = []  # a type that contains itself fits if the rest of it does
            self._known[pair] = self._each_fits(narrow, wide, where)
        return self._known[pair]

    def _each_fits(self, narrow: Schema, wide: Schema, where: str) -> list[str]:
        """Each alternative of ``narrow`` has to fit into one of ``wide``; the nearest one tells the problems."""
        choices = list(alternatives(wide, self._documents[1]))
        found: list[str] = []
        for each in alternatives(narrow, self._documents[0]):
            tried = [self._plain(each, choice, where) for choice in _same_kind(each, choices)]
            if tried:
                nearest = min(tried, key=_distance)
                found += nearest
            else:
                found.append(f"{where}: {_brief(each)} is not among the alternatives")
        return found

    def _plain(self, narrow: Schema, wide: Schema, where: str) -> list[str]:
        if unknown := sorted((narrow.keys() | wide.keys()) - NOTES - KNOWN):
            return [f"{where}: the comparison does not know {', '.join(unknown)}"]
        if not wide.keys() - NOTES:
            return []
        if "const" in wide and narrow.get("const", ...) != wide["const"]:
            return [f"{where}: {_brief(narrow)} is not {wide['const']!r}"]
        if "const" in narrow:
            valid = Draft202012Validator(dict(wide)).is_valid(narrow["const"])
            return [] if valid else [f"{where}: {narrow['const']!r} does not fit {_brief(wide)}"]
        if not _type_fits(narrow, wide):
            return [f"{where}: {_brief(narrow)}{OTHER_TYPE}{_brief(wide)}"]
        return [*_bounds(narrow, wide, where), *self._inside(narrow, wide, where)]

    def _inside(self, narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
        if "items" in wide:
            yield from self._fits(narrow.get("items", {}), wide["items"], f"{where}[]")
        if "propertyNames" in wide and "additionalProperties" in narrow:
            names = narrow.get("propertyNames", {"type": "string"})
            yield from self._fits(names, wide["propertyNames"], f"{where}.(names)")
        yield from self._additional(narrow, wide, where)
        yield from (
            f"{where}.{name}: has to be there always" for name in _required(wide) if name not in _required(narrow)
        )
        yield from self._properties(narrow, wide, where)

    def _additional(self, narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
        sent, taken = narrow.get("additionalProperties", False), wide.get("additionalProperties", True)
        if sent is not False and taken is False:
            yield f"{where}: takes no other fields"
        elif sent is not False and taken is not True:
            yield from self._fits({} if sent is True else sent, taken, f"{where}.*")

    def _properties(self, narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
        sent, taken = narrow.get("properties", {}), wide.get("properties", {})
        promised, here = (sent, taken) if self.direction == "request" else (taken, sent)
        open_here = (wide if self.direction == "request" else narrow).get("additionalProperties", False) is not False
        for name in promised:
            if name in here:
                yield from self._fits(sent[name], taken[name], f"{where}.{name}")
            elif not open_here:
                yield f"{where}.{name}: missing"


def resolved(schema: Schema, document: Document) -> Schema:
    """Without ``$ref`` and ``allOf`` at its top."""
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return _merged([resolved(found, document), {key: schema[key] for key in schema if key != "$ref"}])
    if "allOf" in schema:
        rest = {key: schema[key] for key in schema if key != "allOf"}
        return _merged([*(resolved(each, document) for each in schema["allOf"]), rest])
    return schema


def alternatives(schema: Schema, document: Document) -> Iterator[Schema]:
    """The schemas without a choice at their top that together are ``schema``."""
    found = resolved(schema, document)
    for word in ("anyOf", "oneOf"):
        if word in found:
            rest = {key: found[key] for key in found if key != word}
            for each in found[word]:
                yield from alternatives(_merged([resolved(each, document), rest]), document)
            return
    yield from _unfolded(found, document)


def _unfolded(found: Schema, document: Document) -> Iterator[Schema]:
    """Without lists of types or values, and one for each value of a tag."""
    if isinstance(found.get("type"), list):
        for each in found["type"]:
            yield from _unfolded({**found, "type": each}, document)
    elif "enum" in found:
        yield from ({"const": value} for value in found["enum"])
    elif found.get("type") == "boolean" and "const" not in found:
        yield from ({"const": value} for value in (True, False))
    elif choices := _tagged(found, document):
        name, tags = choices
        for tag in tags:
            yield from _unfolded({**found, "properties": {**found["properties"], name: tag}}, document)
    else:
        yield found


def _tagged(found: Schema, document: Document) -> tuple[str, list[Schema]] | None:
    for name in TAGS:
        if name in found.get("properties", {}):
            tags = list(alternatives(found["properties"][name], document))
            if len(tags) > 1 and all("const" in tag for tag in tags):
                return name, tags
    return None


def _same_kind(narrow: Schema, choices: Iterable[Schema]) -> list[Schema]:
    """Those of ``choices`` with the same tags, as far as they have any."""
    tags = _tags(narrow)
    return [each for each in choices if all(tags.get(name, value) == value for name, value in _tags(each).items())]


def _tags(schema: Schema) -> dict[str, object]:
    named = schema.get("properties", {})
    return {name: named[name]["const"] for name in TAGS if "const" in named.get(name, {})}


def _merged(schemas: Iterable[Schema]) -> Schema:
    found: dict[str, Any] = {}
    for each in schemas:
        for key, value in each.items():
            if key not in NOTES and found.setdefault(key, value) != value:
                raise AssertionError(f"the comparison cannot merge two of {key}")
    return found


def _distance(problems: list[str]) -> tuple[bool, int]:
    """How far off an alternative is: most when it is of another type."""
    return any(OTHER_TYPE in each for each in problems), len(problems)


def _type_fits(narrow: Schema, wide: Schema) -> bool:
    sent, taken = _type(narrow), _type(wide)
    return taken in {None, sent} or (sent, taken) == ("integer", "number")


def _type(schema: Schema) -> str | None:
    found: str | None = schema.get("type", "object" if "properties" in schema else None)
    return found


def _required(schema: Schema) -> list[str]:
    found: list[str] = schema.get("required", [])
    return found


def _bounds(narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
    for word in ("pattern", "format"):
        if word in wide and wide[word] not in {narrow.get(word), "password"}:
            yield f"{where}: {word} {wide[word]!r} is not asked for by {_brief(narrow)}"
    for word, sign in (("min", 1), ("max", -1)):
        for end in ("imum", "Length", "Items"):
            sent, taken = _bound(narrow, word + end), _bound(wide, word + end)
            if taken is not None and (sent is None or sign * sent < sign * taken):
                yield f"{where}: {word}{end} is {taken:g}, not {sent}"


def _bound(schema: Schema, word: str) -> float | None:
    """Of whole numbers, also the bound that is just outside."""
    step = {"minimum": 1, "maximum": -1}.get(word, 0)
    outside = schema.get("exclusive" + word[:1].upper() + word[1:])
    if outside is not None and step:
        return float(outside) + (step if schema.get("type") == "integer" else 0)
    if word == "minLength" and schema.get("format") == "uri":
        return float(schema.get(word, 1))
    found = schema.get(word)
    return None if found is None else float(found)


def _brief(schema: Schema) -> str:
    if "const" in schema:
        return repr(schema["const"])
    return str(_type(schema) or "anything")
