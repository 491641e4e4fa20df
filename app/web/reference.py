"""Read an OpenAPI 3.1 document for people: groups, operations, fields, examples, a curl line each. Pure.

It trusts nothing about the document but that it is one: what is missing or odd is left out.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote

Json = Mapping[str, Any]
T = TypeVar("T")
_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 6
"""Schemas may refer to themselves: examples end here."""
_SAMPLES = {
    "date-time": "2026-11-23T09:00:00Z",
    "date": "2026-11-23",
    "email": "aisha@earshot.example",
    "uri": "https://earshot.example",
    "string": "text",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    place: str
    """path, query, header or body."""
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back under one status."""

    status: str
    is_refusal: bool
    words: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    curl: str
    example: str
    """What a good answer looks like; empty when it has no JSON body."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Operations with one tag."""

    id: str
    """The tag as a part of a URL."""
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """All operations, and what is said once because it holds for each of them: (status, code), by status."""

    groups: tuple[Group, ...]
    refused_anywhere: tuple[tuple[str, str], ...]
    refused_on_writes: tuple[tuple[str, str], ...]
    """What holds for everything but GET, beside that."""


def reference(document: Json, *, base_url: str) -> Reference:
    """Return the operations of a document by tag, both in the document's order."""
    operations = list(_Reader(document, base_url.rstrip("/")).operations())
    writes = [one for _, one in operations if one.method != "GET"]
    anywhere = _common([_refusals(one) for _, one in operations])
    on_writes = _common([_refusals(one) for one in writes]) - anywhere
    on_every_write = _common([set(one.fields) for one in writes])
    found: dict[str, list[Operation]] = {}
    for tag, operation in operations:
        answers = tuple(_without(answer, anywhere | on_writes) for answer in operation.answers)
        short = replace(
            operation,
            fields=tuple(field for field in operation.fields if field not in on_every_write),
            answers=tuple(answer for answer in answers if answer.words or answer.codes),
        )
        found.setdefault(tag, []).append(short)
    by_tag = tuple(
        Group(
            quote(tag.replace(" ", "-"), safe=""), tag.replace("_", " ").replace("-", " ").capitalize(), tuple(several)
        )
        for tag, several in found.items()
    )
    return Reference(by_tag, tuple(sorted(anywhere)), tuple(sorted(on_writes)))


def _refusals(operation: Operation) -> set[tuple[str, str]]:
    return {(answer.status, code) for answer in operation.answers for code in answer.codes}


def _without(answer: Answer, said: set[tuple[str, str]]) -> Answer:
    return replace(answer, codes=tuple(code for code in answer.codes if (answer.status, code) not in said))


def _common(several: list[set[T]]) -> set[T]:
    return set.intersection(*several) if several else set()


class _Reader:
    def __init__(self, document: Json, base_url: str) -> None:
        self._document = document
        self._base_url = base_url

    def operations(self) -> Iterator[tuple[str, Operation]]:
        """Yield each operation with its first tag."""
        for path, item in _mapping(self._document.get("paths")).items():
            for method in _METHODS:
                if operation := _mapping(_mapping(item).get(method)):
                    tag = next(iter(_strings(operation.get("tags"))), "other")
                    yield tag, self._operation(method, str(path), _mapping(item), operation)

    def _operation(self, method: str, path: str, item: Json, operation: Json) -> Operation:
        parameters = [self._resolved(p) for p in (*_list(item.get("parameters")), *_list(operation.get("parameters")))]
        media = _json_media(self._resolved(operation.get("requestBody")))
        responses = {str(k): self._resolved(v) for k, v in _mapping(operation.get("responses")).items()}
        good = next((r for status, r in sorted(responses.items()) if status.startswith("2")), {})
        summary, _, rest = _text(operation.get("description")).strip().partition("\n")
        return Operation(
            id=_text(operation.get("operationId")) or f"{method}-{quote(path, safe='')}",
            method=method.upper(),
            path=path,
            summary=summary or _text(operation.get("summary")),
            description=" ".join(rest.split()),
            fields=(*(self._parameter(p) for p in parameters), *self._body_fields(media)),
            curl=self._curl(method, path, media),
            example=self._example_text(_json_media(good)),
            answers=tuple(_answer(status, response) for status, response in sorted(responses.items())),
        )

    def _parameter(self, parameter: Json) -> Field:
        schema = self._resolved(parameter.get("schema"))
        return Field(
            name=_text(parameter.get("name")),
            place=_text(parameter.get("in")),
            type=self._type(schema).removesuffix(" or null"),  # a parameter is there or not; it is never null
            is_required=parameter.get("required") is True,
            description=_text(parameter.get("description") or schema.get("description")),
        )

    def _body_fields(self, media: Json) -> Iterator[Field]:
        schema = self._resolved(media.get("schema"))
        required = _strings(schema.get("required"))
        for name, given in _mapping(schema.get("properties")).items():
            field = self._resolved(given)
            yield Field(name, "body", self._type(field), name in required, _text(field.get("description")))

    def _curl(self, method: str, path: str, media: Json) -> str:
        line = ["curl"] if method == "get" else ["curl", "-X", method.upper()]
        text = " ".join([*line, shlex.quote(self._base_url + path)]) + ' \\\n  -H "Authorization: Bearer $EARSHOT_KEY"'
        if not media:
            return text
        body = json.dumps(self._example(media), ensure_ascii=False)
        return f"{text} \\\n  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"

    def _example_text(self, media: Json) -> str:
        return json.dumps(self._example(media), ensure_ascii=False, indent=2) if media else ""

    def _example(self, media: Json) -> Any:
        if "example" in media:
            return media["example"]
        for named in _mapping(media.get("examples")).values():
            if "value" in (example := self._resolved(named)):
                return example["value"]
        return self._sample(media.get("schema"), 0)

    def _sample(self, given: Any, depth: int) -> Any:
        schema = self._resolved(given)
        for key in ("examples", "enum"):
            if listed := _list(schema.get(key)):
                return listed[0]
        for key in ("const", "example", "default"):
            if schema.get(key) is not None:
                return schema[key]
        if depth >= _DEEPEST:
            return None
        for key in ("anyOf", "oneOf", "allOf"):
            if choices := _list(schema.get(key)):
                return self._sample(choices[0], depth + 1)
        if properties := _mapping(schema.get("properties")):
            return {name: self._sample(field, depth + 1) for name, field in properties.items()}
        if "items" in schema:
            return [self._sample(schema["items"], depth + 1)]
        return _SAMPLES.get(_text(schema.get("format"))) or _SAMPLES.get(_text(schema.get("type")), {})

    def _type(self, schema: Json, depth: int = 0) -> str:
        if depth >= _DEEPEST:
            return "…"
        if choices := [self._resolved(c) for key in ("anyOf", "oneOf") for c in _list(schema.get(key))]:
            return " or ".join(dict.fromkeys(self._type(choice, depth + 1) for choice in choices))
        if enum := _list(schema.get("enum")):
            return " | ".join(str(value) for value in enum)
        if schema.get("type") == "array":
            return f"list of {self._type(self._resolved(schema.get('items')), depth + 1)}"
        return _text(schema.get("format")) or _text(schema.get("type")) or "any"

    def _resolved(self, given: Any) -> Json:
        """Follow a reference into this document; one that leads nowhere, or in a circle, is an empty object."""
        schema = _mapping(given)
        for _ in range(_DEEPEST):
            ref = schema.get("$ref")
            if not isinstance(ref, str):
                return schema
            found: Any = self._document
            for step in ref.removeprefix("#/").split("/"):
                found = _mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
            schema = _mapping(found)
        return {}


def _answer(status: str, response: Json) -> Answer:
    content = _mapping(response.get("content"))
    codes = tuple(_mapping(_mapping(content.get("application/problem+json")).get("examples")))
    words = "" if codes else _text(response.get("description"))
    return Answer(status, not status.startswith(("2", "3")), words.replace("Successful Response", "Done"), codes)


def _json_media(holder: Json) -> Json:
    return _mapping(_mapping(holder.get("content")).get("application/json"))


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(value: Any) -> list[str]:
    return [one for one in _list(value) if isinstance(one, str)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
