"""Read the description of the API, and hold values and answers against it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import httpx
from fastapi.routing import APIRoute

from app.main import ROUTERS
from tests.harness import prepared

PROBLEM = "application/problem+json"
METHODS = ("get", "post", "put", "patch", "delete")
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_WORDS = """
    type enum const anyOf items properties required additionalProperties propertyNames maxProperties maxItems minItems
    minLength maxLength pattern minimum maximum format title description examples default $ref
"""
_KNOWN = frozenset(_WORDS.split())


@dataclass(frozen=True)
class Operation:
    """One method on one path template."""

    method: str
    path: str
    described: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.described["operationId"])

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_list(self) -> bool:
        return any(p["name"] == "cursor" for p in self.parameters())

    def parameters(self, place: str | None = None) -> list[dict[str, Any]]:
        return [p for p in self.described.get("parameters", ()) if place in (None, p["in"])]

    def required_query(self) -> dict[str, Any]:
        """What must be asked for, as its examples ask."""
        return {p["name"]: p["schema"]["examples"][0] for p in self.parameters("query") if p["required"]}

    def content(self, status: int | None = None) -> dict[str, Any]:
        """What the request (no status) or the answer holds, by media type."""
        part = self.described.get("requestBody") if status is None else self.described["responses"].get(str(status))
        found: dict[str, Any] = (part or {}).get("content", {})
        return found

    def codes(self) -> set[str]:
        answers = (self.content(int(status)).get(PROBLEM, {}) for status in self.described["responses"])
        return {code for answer in answers for code in answer.get("examples", {})}


@cache
def document() -> dict[str, Any]:
    """The description as the app gives it."""
    return prepared().openapi()


def routes() -> list[APIRoute]:
    """Every route of the app, also those that are not described."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, item[method])
        for path, item in document()["paths"].items()
        for method in METHODS
        if method in item
    ]


def resolved(reference: str) -> Any:
    """What a `$ref` points at. Fails when it points at nothing."""
    found: Any = document()
    for step in reference.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def misfits(schema: dict[str, Any], value: Any, at: str = "") -> Iterator[str]:
    """Say where a value does not fit a schema: as much of JSON Schema 2020-12 as our description uses."""
    assert schema.keys() <= _KNOWN, f"teach this reader {schema.keys() - _KNOWN}"
    if "$ref" in schema:
        yield from misfits(resolved(schema["$ref"]), value, at)
    if "anyOf" in schema and all(list(misfits(part, value, at)) for part in schema["anyOf"]):
        yield f"{at}: none of the alternatives"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: not in the enum"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: not the constant"
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at}: not {schema['type']}"
    elif isinstance(value, str):
        yield from _text(schema, value, at)
    elif isinstance(value, dict):
        yield from _object(schema, value, at)
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} items"
        for index, item in enumerate(value):
            yield from misfits(schema.get("items", {}), item, f"{at}/{index}")
    elif isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at}: out of range"


def assert_described(operation: Operation, answer: httpx.Response) -> None:
    """Hold an answer against its operation: a status, code and body that the description names."""
    where = f"{operation.route}: {answer.status_code} {answer.text[:500]}"
    assert str(answer.status_code) in operation.described["responses"], where
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == PROBLEM, where
        problem = answer.json()
        assert problem["code"] in operation.content(answer.status_code)[PROBLEM]["examples"], where
        assert list(misfits(resolved("#/components/schemas/ProblemRead"), problem)) == [], where
        assert problem["request_id"] == answer.headers["x-request-id"], where
    elif schema := operation.content(answer.status_code).get("application/json", {}).get("schema"):
        assert answer.headers["content-type"] == "application/json", where
        assert list(misfits(schema, answer.json())) == [], where


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _text(schema: dict[str, Any], value: str, at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: {len(value)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: not {schema['pattern']}"
    reads = {"date-time": datetime.fromisoformat, "date": date.fromisoformat}.get(schema.get("format", ""))
    try:
        if reads is not None:
            reads(value)
    except ValueError:
        yield f"{at}: not a {schema['format']}"


def _object(schema: dict[str, Any], value: dict[str, Any], at: str) -> Iterator[str]:
    fields = schema.get("properties", {})
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{at}: {len(value)} properties"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}/{name}: absent"
    others = schema.get("additionalProperties", True)
    for name, part in value.items():
        yield from misfits(schema.get("propertyNames", {}), name, f"{at} names")
        if name in fields:
            yield from misfits(fields[name], part, f"{at}/{name}")
        elif others is False:
            yield f"{at}/{name}: unknown"
        elif isinstance(others, dict):
            yield from misfits(others, part, f"{at}/{name}")
