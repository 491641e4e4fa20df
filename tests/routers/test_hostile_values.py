"""Hostile values in every parameter, field and header of every route: refused or read, never an error of ours."""

import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.access_world import World, an_sqlite_world
from tests.described import Operation, assert_described, operations, resolved

CANARY = "canary-7f3b"
"""In no refusal. The world has a canary of its own that an admin may be told."""
TEXTS = (
    "", " ", f"{CANARY}\x00", f"{CANARY}\udfff", f"{CANARY}\x1b[31m", f"{CANARY}\r\nSet-Cookie: a=b", f"\u202e{CANARY}",
    f"{CANARY} 🦊" * 700, "🦊" * 65, CANARY, f"{CANARY}' OR '1'='1", f'"{CANARY}"; DROP TABLE person', f"%{CANARY}_",
    "\\", f"../../{CANARY}", f"<script>{CANARY}</script>", f"{{{{{CANARY}}}}}", "null", "true", "-1", str(2**31),
    str(2**63), "1" * 5000, "1e999", "NaN", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59+14:00", "2026-11-23T09:00:00",
    "İ", "ß" * 200, "٣", "\u00a0",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *TEXTS[:12], *TEXTS[-5:-2], None, True, 0, -1, 1.5, 2**31, 2**63, 10**400, [], {}, [CANARY], {CANARY: CANARY}, [[]],
    [None], [{}], {"": None}, {CANARY: {CANARY: [CANARY]}},
)  # fmt: skip
STRIDE = 7
"""Without --soak every seventh value is sent; as no list is a multiple of seven long, each place gets others."""
HEADERS = ("If-Match", "If-None-Match", "If-Modified-Since", "Idempotency-Key", "Accept", "Content-Type")


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_sqlite_world(sqlite_template, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.route)
def test_no_value_anywhere_is_an_error_of_ours_or_comes_back_in_a_refusal(
    world: World, operation: Operation, soak: bool
) -> None:
    requests = chain(*(place(world, operation) for place in (_in_path, _in_query, _in_body, _in_headers)))

    with world.undone():
        for request in islice(requests, 0, None, 1 if soak else STRIDE):
            _check(operation, world.admin.request(operation.method, **request))


def _check(operation: Operation, answer: httpx.Response) -> None:
    where = f"{operation.route}: {answer.request.url!s:.300} {answer.request.content[:500]!r} -> {answer.text[:500]}"
    assert answer.status_code < 500, where
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", where
        assert answer.json()["request_id"] == answer.headers["x-request-id"], where
        assert CANARY not in answer.text + repr(answer.headers), where
        assert len(answer.content) < 4000, where
    if answer.status_code != 405 and not _elsewhere(answer, operation):
        assert_described(operation, answer)


def _elsewhere(answer: httpx.Response, operation: Operation) -> bool:
    """Whether a hostile path led to another route, as an empty id does."""
    return answer.request.url.path.count("/") != operation.path.count("/")


def _in_path(world: World, operation: Operation) -> Iterator[dict[str, Any]]:
    for parameter in operation.parameters("path"):
        for text in TEXTS:
            raw = quote(text.encode(errors="surrogatepass"), safe="")
            marked = world.path(operation.path, **{parameter["name"]: "MARK"})
            yield {"url": marked.replace("MARK", raw), **_body(world, operation)}


def _in_query(world: World, operation: Operation) -> Iterator[dict[str, Any]]:
    for name in (*[p["name"] for p in operation.parameters("query")], CANARY):
        for text in TEXTS:
            query = f"{name}={quote(text.encode(errors='surrogatepass'), safe='')}"
            yield {"url": f"{world.path(operation.path)}?{query}", **_body(world, operation)}
        yield {"url": f"{world.path(operation.path)}?{name}", **_body(world, operation)}
        yield {"url": f"{world.path(operation.path)}?{name}=1&{name}={CANARY}", **_body(world, operation)}


def _in_body(world: World, operation: Operation) -> Iterator[dict[str, Any]]:
    content = operation.content().get("application/json")
    if content is None:
        return
    url, example = world.path(operation.path), _example(world, content["example"])
    fields = resolved(content["schema"]["$ref"])["properties"]
    yield from ({"url": url, **_sent(value)} for value in VALUES)
    for name in fields:
        yield from ({"url": url, **_sent({**example, name: value})} for value in VALUES)
    for items in (name for name, value in example.items() if isinstance(value, list) and value):
        for name in example[items][0] if isinstance(example[items][0], dict) else ():
            for value in VALUES[::3]:
                yield {"url": url, **_sent({**example, items: [{**example[items][0], name: value}]})}


def _in_headers(world: World, operation: Operation) -> Iterator[dict[str, Any]]:
    for name in HEADERS:
        for text in TEXTS[7:15]:  # a server refuses control characters before any of our code
            raw = text.encode(errors="surrogatepass")
            body = _body(world, operation)
            headers = [*body.pop("headers", {}).items(), (name, raw[:4000].strip())]
            yield {"url": world.path(operation.path), **body, "headers": headers}


def _body(world: World, operation: Operation) -> dict[str, Any]:
    for kind, content in operation.content().items():
        if kind == "application/json":
            return _sent(_example(world, content["example"]))
        return {"content": content["example"].encode(), "headers": {"Content-Type": kind}}
    return {}


def _example(world: World, value: Any) -> Any:
    """The example with people and accounts that there are: only then the rest of it is looked at."""
    text = json.dumps(value)
    for prefix, name in (("per", "cleo"), ("acc", "account_id"), ("prg", "program_id")):
        text = re.sub(rf"{prefix}_[0-9a-z]{{26}}", world.ids[name], text)
    return json.loads(text)


def _sent(value: Any) -> dict[str, Any]:
    return {"content": json.dumps(value).encode(), "headers": {"Content-Type": "application/json"}}
