"""Render refusals: one handler for every way in which a request can fail."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.errors import (
    Fault,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
)
from app.routers.refusal_notes import RefusalNotes

MEDIA_TYPE = "application/problem+json"
_CODES = {"missing": "required", "extra_forbidden": "unknown_field", "model_attributes_type": "object_expected"}
_SENTENCES = {
    "missing": "is required",
    "model_attributes_type": "must be an object",
    "string_pattern_mismatch": "is not written as it should be: see the examples in the API docs",
}


class FaultRead(BaseModel):
    """One thing wrong with the request."""

    pointer: str
    code: str
    detail: str


class AlternativeRead(BaseModel):
    """What would work instead: a time, and the call that has a seat then where one was asked for."""

    starts_at: datetime
    ends_at: datetime
    call_id: str | None = None
    host_id: str | None = None


class ProblemRead(BaseModel):
    """A refusal (RFC 9457). `code` is the contract; sentences may change.

    Booking adds whom a refusal is about and the time in the way: what takes it, for `limit` the local day or ISO week
    in which that is full, for `outside_availability` the gap in working hours that the time falls into, which is cut 31
    days before and after. And up to three alternatives, the nearest first.
    """

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/seats-full"])
    title: str = Field(examples=["Every seat on this call is taken"])
    status: int = Field(examples=[409])
    detail: str
    code: str = Field(examples=["seats_full"])
    request_id: str
    errors: list[FaultRead] = []
    person_id: str | None = None
    blocking_starts_at: datetime | None = None
    blocking_ends_at: datetime | None = None
    alternatives: list[AlternativeRead] = []


class NotModified(Exception):
    """The client has this version already."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


class Replay(Exception):
    """This keyed request was answered before: say the same again."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.response = Response(body, status, {**headers, "Idempotency-Replayed": "true"})


def refuse(problem: Problem, *, request_id: str) -> Response:
    """Turn a Problem into its response."""
    body: dict[str, Any] = {
        "type": "/problems/" + problem.code.replace("_", "-"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
        "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in problem.faults],
        **problem.extra,
    }
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_iso),
        problem.status,
        {**problem.headers, "X-Request-Id": request_id},
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI, *, allowed_methods: "AllowedMethods") -> None:
    """Answer every failure of this app as a problem."""
    notes = RefusalNotes()

    @app.exception_handler(Problem)
    def _problem(request: Request, problem: Problem) -> Response:
        if problem.noted:  # the transaction of the request is rolled back by now
            notes.note(request, problem)
        return refuse(problem, request_id=request.state.request_id)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        problem = Invalid("See `errors` for each field.", faults=faults(error.errors()))
        return refuse(problem, request_id=request.state.request_id)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        allow = allowed_methods(request.url.path) or (error.headers or {}).get("Allow", "")
        if error.status_code == 404 and not allow:
            return refuse(NotFound(), request_id=request.state.request_id)
        if error.status_code in (404, 405):
            return refuse(MethodNotAllowed(headers={"Allow": allow}), request_id=request.state.request_id)
        return refuse(Malformed(), request_id=request.state.request_id)

    @app.exception_handler(NotModified)
    def _not_modified(_request: Request, same: NotModified) -> Response:
        return Response(status_code=304, headers={"ETag": same.etag})

    @app.exception_handler(Replay)
    def _replay(_request: Request, replay: Replay) -> Response:
        return replay.response


class AllowedMethods:
    """The methods that a path knows, over all its routes (RFC 9110 section 15.5.6)."""

    def __init__(self, routes: list[Any]) -> None:
        self._routes = [(route.path, route.path_regex, _with_head(route.methods)) for route in routes]

    def __call__(self, path: str) -> str:
        """Return the value of `Allow`; empty when no route has this path. A path that is written out in a route, such
        as `/v1/calls/batch-upsert`, is not the id that another route would take it for.
        """
        found = [(own, methods) for own, regex, methods in self._routes if regex.match(path)]
        exact = [(own, methods) for own, methods in found if own == path]
        return ", ".join(sorted({method for _, methods in exact or found for method in methods}))


def _with_head(methods: set[str]) -> set[str]:
    return methods | {"HEAD"} if "GET" in methods else methods


def faults(errors: Iterable[Any]) -> tuple[Fault, ...]:
    """Say what pydantic found, each thing once and without a word of the input: not its values, and not the names of
    unknown fields.
    """
    return tuple(dict.fromkeys(_fault(error) for error in errors))


def _fault(error: Any) -> Fault:
    kind, place = error["type"], [str(part) for part in error["loc"]]
    where = place[0] if place and place[0] in ("body", "query", "path", "header") else ""
    steps = place[1:] if where else place
    if kind == "extra_forbidden":
        return Fault(_pointer(steps[:-1]), "unknown_field", "There is a field here that this operation does not know.")
    if kind == "json_invalid":
        return Fault("", "malformed", "The body is not JSON.")
    if kind == "union_tag_invalid":  # its sentence quotes the input
        return Fault(_pointer(steps), kind, f"The kind is none of {error['ctx']['expected_tags']}.")
    detail = _SENTENCES.get(kind) or _sentence(error["msg"])
    return Fault(_pointer(steps) if where in ("body", "") else f"{where}:{steps[0]}", _CODES.get(kind, kind), detail)


def _pointer(steps: list[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def refusals(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an operation: each refusal under its status, with an example per code."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in (*_EVERYWHERE, *kinds):
        answer = found.setdefault(kind.status, {"content": {MEDIA_TYPE: {"schema": _SCHEMA, "examples": {}}}})
        examples = answer["content"][MEDIA_TYPE]["examples"]
        examples[kind.code] = {"summary": kind.title, "value": _example(kind)}
        answer["description"] = " · ".join(f"`{code}`" for code in examples)
    return found


_SCHEMA = {"$ref": "#/components/schemas/ProblemRead"}
_EVERYWHERE: tuple[type[Problem], ...] = (Malformed, Unauthenticated, NotAcceptable, Invalid, Unavailable)


def _example(kind: type[Problem]) -> dict[str, Any]:
    return {
        "type": "/problems/" + kind.code.replace("_", "-"),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.title,
        "code": kind.code,
        "request_id": "9f1c2b7a60d34e5f8a1b2c3d",
        "errors": [],
    }
