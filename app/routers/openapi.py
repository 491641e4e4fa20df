"""The description of the API (OpenAPI 3.1): what FastAPI writes, completed by what holds for every operation, and by
the webhooks that we send.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from fastapi import FastAPI

from app.errors import Problem, TooLarge, TooMany, UnsupportedMedia
from app.operations.idempotency import KeyInProgress, KeyReused
from app.queries.access import CannotActFor, OnlyReads
from app.queries.pages import CursorInvalid
from app.routers.areas import ScopeMissing, scope_of
from app.routers.dependencies import RepeatedParameter, UnknownParameter
from app.routers.gate import HEALTH, Misdirected
from app.routers.problems import MEDIA_TYPE, ProblemRead, refusals
from app.rules.published import PUBLISHED, Published
from app.schemas.webhooks import DeletedObject

_WRITES = ("post", "put", "patch", "delete")
_WRITES_NOTHING = frozenset({"match_runs_simulate"})
"""What is asked by POST because the question is long: there is no effect to carry out only once."""
_ANYWHERE: tuple[type[Problem], ...] = (UnknownParameter, TooLarge, UnsupportedMedia)
"""A body is looked at before it is known whether any is read."""
_ON_WRITES: tuple[type[Problem], ...] = (KeyInProgress, KeyReused, OnlyReads)
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Send it again with the same request and get the same answer, once only carried out. Kept 7 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": 'The ETag you read, such as "v7": refused as `stale` when it has changed since.',
    "schema": {"type": "string"},
}
_ON_BEHALF_OF = {
    "name": "On-Behalf-Of",
    "in": "header",
    "required": False,
    "description": "Ask as this person, with what they may do: for admins and integrations that may change people.",
    "schema": {"type": "string", "pattern": "^per_[0-9a-z]{26}$"},
}
_SESSION = (
    "Who is signed in with a browser, for our own pages alone: it takes `Sec-Fetch-Site: same-origin`, or our `Origin`."
    " Beside a key it is not looked at. Without TLS it is called `sid`."
)
_RATE_HEADERS = {
    name: {"description": what, "schema": {"type": "string"}, "example": example}
    for name, what, example in (
        ("RateLimit-Policy", "How often this key may ask: `q` times in `w` seconds.", '"default";q=600;w=60'),
        ("RateLimit", "How many are left, `r`, and in how many seconds all are again, `t`.", '"default";r=598;t=1'),
    )
}
_SHOWS = {
    "account": "AccountRead",
    "call": "CallRead",
    "enrollment": "EnrollmentRead",
    "match": "MatchRead",
    "match_run": "RunRead",
    "person": "PersonRead",
    "plan_run": "RunRead",
    "power_hour": "PowerHourRead",
    "seat": "SeatRead",
    "session": "SessionRead",
    "team": "TeamRead",
    "waitlist_entry": "WaitlistEntryRead",
    "webhook_endpoint": "WebhookEndpointRead",
}
"""What a webhook says of its object, by type: what the API says of it to an admin."""
_ENDS = ("power_hour.cancelled",)
"""Acts after which their object is gone, though their name does not say so."""
_WAITS = {"status": "pending", "awaiting": ["mentor"], "started_at": None, "fit_asked_at": None, "mentee_fit": None}
_AFTERWARDS: dict[str, dict[str, Any]] = {
    "call.cancelled": {"status": "cancelled", "seats_taken": 0, "joinable": False},
    "call.started": {"status": "live", "joinable": False},
    "call.door_opened": {"status": "live", "door": "open", "joinable": False},
    "call.door_closed": {"status": "live", "joinable": False},
    "call.ended": {"status": "ended", "seats_taken": 0, "joinable": False},
    "call.no_show": {"status": "no_show", "seats_taken": 0, "joinable": False},
    "match.requested": _WAITS,
    "match.approved": _WAITS,
    "match.reminded": _WAITS,
    "match.declined": {"status": "ended", "ended_because": "declined"},
    "match.withdrawn": {"status": "ended", "ended_because": "withdrawn"},
    "match.expired": {"status": "ended", "ended_because": "expired"},
    "match_run.started": {"status": "queued", "inputs_hash": None},
    "match_run.drafted": {"status": "draft"},
    "plan_run.started": {"status": "queued", "inputs_hash": None},
    "plan_run.drafted": {"status": "draft"},
    "plan_run.publishing_failed": {"status": "draft"},
    "plan_run.publishing_cancelled": {"status": "draft"},
    "session.started": {"status": "in_progress"},
    "waitlist_entry.joined": {"status": "waiting", "seat_id": None, "offered_until": None},
    "waitlist_entry.waiting": {"status": "waiting", "seat_id": None, "offered_until": None},
}
"""What the example of an object says after an act, where that is not its last word as a status."""
_WEBHOOK_HEADERS = (
    ("webhook-id", "The event's id: the same however often it is sent.", "evt_01jd6x0000e8r9sv4kz2m7n5qb"),
    (
        "webhook-timestamp",
        "Seconds since 1970 at which it was sent. Refuse what is older than 5 minutes.",
        "1795251600",
    ),
    (
        "webhook-signature",
        "`v1,` and base 64 of the HMAC-SHA256 of `id.timestamp.body`; two of them while two secrets hold.",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
)
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
    schemas["DeletedObject"] = DeletedObject.model_json_schema()
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [_with_nulls(example, schema, schemas) for example in schema["examples"]]
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "es_live_…", "description": "`earshot key create`"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-sid", "description": _SESSION},
    }
    for path, method, operation in _operations(document):
        _describe(operation)
        if path.startswith("/v1/"):
            _complete_keyed(operation, method)
        _add_refusals(operation, *_ANYWHERE)
        if path not in HEALTH:
            _add_refusals(operation, Misdirected)
        queries = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
        if any(parameter["schema"].get("type") != "array" for parameter in queries):
            _add_refusals(operation, RepeatedParameter)
        if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
            _add_refusals(operation, CursorInvalid)
        if method in _WRITES:
            _complete_write(operation)
        _give_examples(operation, schemas)
        _share_refusals(operation, document["components"].setdefault("examples", {}))
    _add_webhooks(document)
    document["components"]["headers"] = dict(_RATE_HEADERS)
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


def _complete_keyed(operation: dict[str, Any], method: str) -> None:
    """Say which scope lets a key in, on whose behalf it may ask, and how often."""
    scope = scope_of(operation["tags"][0], method.upper())
    operation["security"] = [{"key": [scope] if scope else []}, {"session": []}]
    operation.setdefault("parameters", []).append(_ON_BEHALF_OF)
    _add_refusals(operation, ScopeMissing, CannotActFor, TooMany)
    for status, answer in operation["responses"].items():
        if status != "401":
            answer.setdefault("headers", {}).update({name: _to("headers", name) for name in _RATE_HEADERS})


def _complete_write(operation: dict[str, Any]) -> None:
    headers = [_IDEMPOTENCY, _IF_MATCH] if "412" in operation["responses"] else [_IDEMPOTENCY]
    if operation["operationId"] not in _WRITES_NOTHING:
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


def _add_webhooks(document: dict[str, Any]) -> None:
    """Describe what is posted to endpoints. What all posts have in common is said once, and referred to."""
    components = document["components"]
    schemas = components["schemas"]
    document["webhooks"] = {act: _webhook(act, said, schemas) for act, said in PUBLISHED.items()}
    for object_type in _SHOWS:
        schemas[_posted(object_type)] = _envelope(object_type)
    components["parameters"] = {
        name: {
            "name": name,
            "in": "header",
            "required": True,
            "description": why,
            "schema": {"type": "string"},
            "example": value,
        }
        for name, why, value in _WEBHOOK_HEADERS
    }
    taken = "Taken. Anything else is tried again; 410 disables the endpoint."
    components["responses"] = {"WebhookTaken": {"description": taken}}


def _webhook(act: str, said: Published, schemas: dict[str, Any]) -> dict[str, Any]:
    """Describe what is posted to an endpoint that hears of this act. Any answer of 2xx takes it."""
    schema = {**_to("schemas", _posted(said.object_type)), "properties": {"type": {"const": act}}}
    shown = "DeletedObject" if act.endswith(".deleted") or act in _ENDS else _SHOWS[said.object_type]
    data = _as_of(act, _example(_to("schemas", shown), schemas, _DEPTH), schemas)
    example = {"type": act, "timestamp": "2026-11-21T09:00:00Z", "sequence": 4711, "data": data}
    post = {
        "tags": ["webhooks"],
        "summary": said.says,
        "description": f"{said.says} At least once, in order as long as the endpoint takes them.",
        "operationId": f"webhook_{act.replace('.', '_')}",
        "parameters": [_to("parameters", name) for name, _, _ in _WEBHOOK_HEADERS],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "responses": {"2XX": _to("responses", "WebhookTaken")},
    }
    return {"post": post}


def _posted(object_type: str) -> str:
    """Return the name of the schema of what is posted about objects of a type."""
    return "".join(word.capitalize() for word in object_type.split("_")) + "Posted"


def _envelope(object_type: str) -> dict[str, Any]:
    what_it_shows = {"anyOf": [_to("schemas", _SHOWS[object_type]), _to("schemas", "DeletedObject")]}
    properties: dict[str, Any] = {
        "type": {"type": "string", "description": "The act."},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "sequence": {"type": "integer", "description": "Grows from event to event."},
        "data": {**what_it_shows, "description": "The object as it is, or what is left of it."},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _to(part: str, name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/{part}/{name}"}


def _as_of(act: str, data: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the example of an object as it is after this act."""
    object_type, _, done = act.partition(".")
    status = schemas[_SHOWS[object_type]]["properties"].get("status", {})
    words = schemas[status["$ref"].rpartition("/")[2]]["enum"] if "$ref" in status else []
    return {**data, **_AFTERWARDS.get(act, {"status": done} if done in words else {})}


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
