"""The description of the API (OpenAPI 3.1): what FastAPI writes, completed by what holds for every operation."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from fastapi import FastAPI

from app.errors import Problem, TooLarge, UnsupportedMedia
from app.operations.idempotency import KeyInProgress, KeyReused
from app.queries.pages import CursorInvalid
from app.routers.dependencies import RepeatedParameter, UnknownParameter
from app.routers.problems import MEDIA_TYPE, ProblemRead, refusals

_WRITES = ("post", "put", "patch", "delete")
_ON_WRITES: tuple[type[Problem], ...] = (TooLarge, UnsupportedMedia, KeyInProgress, KeyReused)
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Send it again with the same request and get the same answer, once only carried out. Kept 7 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": 'The ETag you read, such as "v7": refused as `stale` when it has changed since.',
    "schema": {"type": "string"},
}
_DEPTH = 6
_FIRST_SENTENCE = re.compile(r".+?\.(?= |$)")


def described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return what gives the app's description; written at the first call, the same bytes for the same code."""
    plain = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        return _completed(plain())

    return openapi


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    problem = ProblemRead.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["ProblemRead"] = problem
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [_with_nulls(example, schema, schemas) for example in schema["examples"]]
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "es_live_…", "description": "`earshot key create`"}
    }
    for path, method, operation in _operations(document):
        _describe(operation)
        if path.startswith("/v1/"):
            operation["security"] = [{"key": []}]
        _add_refusals(operation, UnknownParameter)
        queries = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
        if any(parameter["schema"].get("type") != "array" for parameter in queries):
            _add_refusals(operation, RepeatedParameter)
        if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
            _add_refusals(operation, CursorInvalid)
        if method in _WRITES:
            _complete_write(operation)
        _give_examples(operation, schemas)
        _share_refusals(operation, document["components"].setdefault("examples", {}))
    for name, parts in document["components"].items():
        document["components"][name] = dict(sorted(parts.items()))
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _describe(operation: dict[str, Any]) -> None:
    """Say in short what the first sentence of the docstring says, and all of it without its line breaks."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in operation.get("description", "").split("\n\n")]
    operation["description"] = "\n\n".join(paragraphs)
    if first := _FIRST_SENTENCE.match(paragraphs[0]):
        operation["summary"] = first[0]


def _complete_write(operation: dict[str, Any]) -> None:
    headers = [_IDEMPOTENCY, _IF_MATCH] if "412" in operation["responses"] else [_IDEMPOTENCY]
    operation.setdefault("parameters", []).extend(headers)
    _add_refusals(operation, *_ON_WRITES)


def _add_refusals(operation: dict[str, Any], *kinds: type[Problem]) -> None:
    for status, answer in refusals(*kinds).items():
        known = operation["responses"].setdefault(str(status), answer)
        if MEDIA_TYPE not in known.get("content", {}):
            continue
        examples = known["content"][MEDIA_TYPE]["examples"]
        examples |= answer["content"][MEDIA_TYPE]["examples"]
        known["description"] = " · ".join(f"`{code}`" for code in examples)


def _share_refusals(operation: dict[str, Any], shared: dict[str, Any]) -> None:
    """Keep each refusal's example once, and refer to it: it is the same for every operation."""
    for answer in operation["responses"].values():
        examples = answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
        for code, example in examples.items():
            shared.setdefault(code, example)
            examples[code] = {"$ref": f"#/components/examples/{code}"}


def _give_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        content = body.get("content", {}).get("application/json", {})
        if content.get("schema") and not {"example", "examples"} & content.keys():
            content["example"] = _example(content["schema"], schemas, _DEPTH)


def _with_nulls(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Put back the nulls of an example: FastAPI drops them, and then required fields are missing."""
    if "$ref" in schema:
        return _with_nulls(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema and value is not None:
        return _with_nulls(value, schema["anyOf"][0], schemas)
    if isinstance(value, list):
        return [_with_nulls(item, schema.get("items", {}), schemas) for item in value]
    if not isinstance(value, dict):
        return value
    fields = schema.get("properties", {})
    there = [name for name in fields if name in value or name in schema.get("required", ())]
    return {name: _with_nulls(value.get(name), fields.get(name, {}), schemas) for name in (there or value)}


def _example(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    """Return a value that fits the schema: its own example, else one made from its parts."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    if schema.get("examples"):
        return schema["examples"][0]
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas, depth)
    if depth == 0:
        return None
    if schema.get("type") == "object":
        return {name: _example(part, schemas, depth - 1) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}), schemas, depth - 1)]
    return {"integer": 1, "number": 1.0, "boolean": False, "string": "…"}.get(schema.get("type", ""))
