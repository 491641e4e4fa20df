"""The edge on real sockets: whatever is sent, the answer is a 4xx problem that repeats none of it."""

import gzip
import json
import multiprocessing
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import update
from structlog.testing import capture_logs

from app.config import Settings
from app.db import transaction
from app.errors import Malformed
from app.main import create_app
from app.models.tables import api_key
from app.operations.people import EmailTaken
from app.routers import edges, strict_json
from app.routers.edges import Edge
from app.serving import server
from app.vocabulary import Role
from tests.described import operations
from tests.harness import NOW, Api, served
from tests.memory import kib
from tests.patience import PATIENCE_SECONDS, until

CANARY = "canary7f3a"
AISHA = {"name": "Aisha Bello", "email": "aisha@earshot.example", "time_zone": "America/Phoenix"}
MEBIBYTE = 1024 * 1024


@pytest.fixture
def api(sqlite_api: Api) -> Api:
    """No engine can change what the edge does."""
    return sqlite_api


def post(api: Api, body: bytes, **headers: str) -> httpx.Response:
    return api.admin.post("/v1/people", content=body, headers={"Content-Type": "application/json", **headers})


def person(**changes: str) -> bytes:
    """Aisha as JSON, with raw JSON in some fields."""
    fields = {name: json.dumps(value) for name, value in AISHA.items()} | changes
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


def in_bytes(name: str, value: str | bytes | None) -> dict[bytes, bytes]:
    """A header as it goes over the line: httpx encodes text only as it should be."""
    return {} if value is None else {name.encode(): value.encode() if isinstance(value, str) else value}


def assert_refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)


def raw(api: Api, message: bytes, *, shut: bool = False) -> bytes:
    """Send bytes as they are and return all that comes back until the line is closed."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as line:
        line.sendall(message)
        if shut:
            line.shutdown(socket.SHUT_WR)
        found = b""
        while chunk := line.recv(65536):
            found += chunk
        return found


HOSTILE_BODIES = {
    "nan": person(seat_capacity="NaN"),
    "infinity": person(seat_capacity="-Infinity"),
    "1e999": person(seat_capacity="1e999"),
    "a field twice": person() [:-1] + b',"name":"x"}',
    "a nested field twice": person(external='[{"source":"a","source":"b","id":"1"}]'),
    "nul": person(name='"a\\u0000b"'),
    "raw nul": person(name='"a\x00b"'),
    "nul in a field's name": person(**{"a\\u0000": "1"}),
    "high half of a pair": person(name='"\\ud83d"'),
    "low half of a pair": person(name='"\\uDC00"'),
    "halves in the wrong order": person(name='"\\ude00\\ud83d"'),
    "half a pair in a field's name": person(**{"\\udfff": "1"}),
    "depth 33": person(segments="[" * 32 + "]" * 32),
    "depth 33 by objects": person(segments='{"a":' * 32 + "1" + "}" * 32),
    "1 MiB of brackets": b"[" * MEBIBYTE,
    "1 MiB of opened objects": b'{"a":' * (MEBIBYTE // 5),
    "bad utf-8": person(name='"?"').replace(b"?", b"\xff\xfe"),
    "overlong utf-8": person(name='"?"').replace(b"?", b"\xc0\x80"),
    "half a pair in utf-8": person(name='"?"').replace(b"?", b"\xed\xa0\x80"),
    "byte order mark": b"\xef\xbb\xbf" + person(),
    "utf-16": person().decode().encode("utf-16"),
    "utf-16 without a mark": person().decode().encode("utf-16-le"),
    "utf-32": person().decode().encode("utf-32"),
    "5000 digits": person(seat_capacity="1" * 5000),
    "4000 digits": person(seat_capacity="1" * 4000),
    "beyond 64 bits": person(seat_capacity=str(2**63)),
    "false for a number": person(seat_capacity="false"),
    "text for a number": person(seat_capacity='"1"'),
    "1.0 for a number": person(seat_capacity="1.0"),
    "1e0 for a number": person(seat_capacity="1e0"),
    "a number for text": person(name="1"),
    "an object for text": person(name='{"a":1}'),
    "not json": b"{'name': 1}",
    "half of it": person()[:-5],
    "two values": person() + person(),
    "comment": b"/* */" + person(),
    "just a word": b'"x"',
    "null": b"null",
    "a list": b"[]",
    "nothing": b"",
    "white space": b"   ",
    "unknown field": person(**{CANARY: "1"}),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00" + bytes(64),
}  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_a_hostile_body_is_refused(api: Api, body: bytes) -> None:
    assert_refused(post(api, body), 400, 422)

    assert api.admin.get("/v1/people").json()["data"] == []


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-Infinity", "1e309", "-1e309"])
def test_a_weight_that_is_no_finite_number_is_against_a_rule_that_is_named(api: Api, weight: str) -> None:
    body = f'{{"weights": {{"skill": {weight}}}}}'.encode()

    answer = api.admin.post("/v1/match-runs", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert [fault["code"] for fault in answer.json()["errors"]] == ["finite_number"]


def test_a_body_is_32_levels_deep_at_most() -> None:
    with pytest.raises(Malformed, match="32 levels"):
        strict_json.check(b"[" * 33 + b"]" * 33)


@pytest.mark.parametrize("text", ["32 levels", "an emoji", "brackets in text", "escaped backslashes"])
def test_what_looks_hostile_and_is_not_is_read(text: str) -> None:
    fine = {
        "32 levels": b"[" * 32 + b"]" * 32,
        "an emoji": b'["\\ud83d\\ude00"]',
        "brackets in text": b'["' + b"[{" * 40 + b'"]',
        "escaped backslashes": rb'["\\ud800 \\u0000"]',
    }

    strict_json.check(fine[text])


def test_one_long_string_costs_no_more_memory_than_itself() -> None:
    body = b'["' + b"a" * (MEBIBYTE - 4) + b'"]'
    before = kib("VmHWM")

    strict_json.check(body)

    assert kib("VmHWM") - before < 8 * 1024


# --- Large bodies ---------------------------------------------------------------------------------------------------


def _serve_alone(database_url: str, folder: str, listener: socket.socket) -> None:
    edges._DRAIN_SECONDS = PATIENCE_SECONDS  # type: ignore[assignment]  # it reads on for as long as somebody sends
    settings = Settings(dir=Path(folder), database_url=database_url, secret_key=SecretStr("test"), _env_file=None)
    server(create_app(settings)).run(sockets=[listener])


@contextmanager
def a_process_of_its_own(database_url: str, folder: Path) -> Iterator[tuple[tuple[str, int], int]]:
    """Serve from another process; give its address and process id."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        process = multiprocessing.get_context("spawn").Process(
            target=_serve_alone, args=(database_url, str(folder), listener)
        )
        process.start()
        try:
            assert process.pid is not None
            yield listener.getsockname(), process.pid
        finally:
            process.terminate()
            process.join(PATIENCE_SECONDS)


def _send(address: tuple[str, int], head: bytes, mebibytes: int, *, chunked: bool) -> bytes:
    """Send all of it, as a client that does not listen while it talks; then return the answer."""
    part = bytes(MEBIBYTE)
    head += b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % (mebibytes * MEBIBYTE)
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as line:
        line.sendall(head)
        for _ in range(mebibytes):
            if chunked:
                line.sendall(b"%x\r\n" % len(part))
            line.sendall(part)
            if chunked:
                line.sendall(b"\r\n")
        if chunked:
            line.sendall(b"0\r\n\r\n")
        return _all_of(line)


def _all_of(line: socket.socket) -> bytes:
    found = b""
    while chunk := line.recv(65536):
        found += chunk
    return found


LARGE_PLACES = [
    ("POST", "/v1/people"),
    ("POST", "/v1/imports"),
    ("POST", "/nowhere"),
    ("POST", "/v1/nowhere"),
    ("POST", "/login"),
    ("DELETE", "/v1/people"),
    ("GET", "/v1/people"),
    ("GET", "/healthz"),
    ("GET", "/feeds/x.ics"),
    ("PUT", "/assets/x/y"),
]


def test_300_mebibytes_are_refused_within_5_mebibytes_of_memory(sqlite_url: str, tmp_path: Path, soak: bool) -> None:
    places = [f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n" for method, path in LARGE_PLACES]
    kinds = ["Content-Type: application/json\r\n", "Content-Encoding: gzip\r\n", "X: y\r\n"]
    heads = [(place + kinds[number % 3]).encode() for number, place in enumerate(places)]
    with a_process_of_its_own(sqlite_url, tmp_path) as (address, pid):
        with httpx.Client(
            base_url="http://{}:{}".format(*address), trust_env=False, timeout=PATIENCE_SECONDS
        ) as client:
            assert client.post("/v1/people", json={**AISHA, "name": "x" * 500_000}).status_code == 401
            assert client.post("/login", data={"email": "x"}).status_code >= 400
        before = kib("VmHWM", pid)

        answers = [
            _send(address, head, 300 if soak or head is heads[0] else 30, chunked=chunked)
            for head in heads
            for chunked in (False, True)
        ]

        assert kib("VmHWM", pid) - before <= 5 * 1024
    for answer in answers:
        head_, _, body = answer.partition(b"\r\n\r\n")
        assert head_.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in head_.lower()
        assert b"x-request-id: " in head_.lower()
        assert json.loads(body)["code"] == "too_large"


def test_where_large_bodies_find_no_room_they_are_told_so_and_small_ones_are_read(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    refused = api.admin.post(
        "/v1/imports?kind=people", content=bytes(2 * MEBIBYTE), headers={"Content-Type": "text/csv"}
    )

    assert_refused(refused, 503)
    assert post(api, person()).status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x"])
def test_a_body_in_another_encoding_is_refused_and_not_unpacked(api: Api, encoding: str) -> None:
    bomb = gzip.compress(bytes(100 * MEBIBYTE), 9) if encoding == "gzip" else person()

    assert_refused(post(api, bomb, **{"Content-Encoding": encoding}), 415)
    assert post(api, person(), **{"Content-Encoding": "identity"}).status_code == 201


def test_all_bodies_together_are_no_more_than_the_process_can_bear() -> None:
    app = FastAPI()
    app.add_middleware(Edge)
    begin = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % MEBIBYTE + bytes(MEBIBYTE - 1)
    with served(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        host, port = url.removeprefix("http://").split(":")
        lines = [socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) for _ in range(66)]
        for line in lines:
            line.sendall(begin)

        crowded = until(lambda: [line for line in lines if _is_answered(line)])
        for line in crowded:
            assert line.recv(65536).startswith(b"HTTP/1.1 503 ")
        for line in lines:
            line.close()

        assert 1 <= len(crowded) <= 4
        assert client.post("/x", content=bytes(MEBIBYTE)).status_code == 404


def _is_answered(line: socket.socket) -> bool:
    return bool(select.select([line], [], [], 0.05)[0])


def test_a_client_that_waits_for_leave_to_send_is_refused_at_once(api: Api) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as line:
        line.sendall(
            b"POST /v1/people HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
        )

        answer = line.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_of_exactly_a_mebibyte_is_read_and_one_byte_more_is_not(api: Api) -> None:
    frame = len(person(name='""'))

    fits = post(api, person(name='"' + "x" * (MEBIBYTE - frame) + '"'))
    too_long = post(api, person(name='"' + "x" * (MEBIBYTE - frame + 1) + '"'))

    assert_refused(fits, 422)
    assert_refused(too_long, 413)


# --- Bodies that dawdle, break off, or are of the wrong kind ---------------------------------------------------------


def test_slow_bodies_hold_up_nobody_else(api: Api, soak: bool) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    head = (
        b"POST /v1/people HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    slow = [socket.create_connection((host, int(port))) for _ in range(60)]
    try:
        for line in slow:
            line.sendall(head + b'{"name":')

        started = time.monotonic()
        answer = post(api, person())
        took = time.monotonic() - started
    finally:
        for line in slow:
            line.close()

    assert answer.status_code == 201
    assert took < (6 if soak else PATIENCE_SECONDS)  # a body that does not come is waited for eight seconds


def test_a_body_that_takes_for_ever_is_cut_off() -> None:
    app = FastAPI()
    app.add_middleware(Edge, body_seconds=0.2)
    with served(app) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as line:
            line.sendall(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{")

            answer = _all_of(line)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("shut", [True, False])
def test_half_a_body_changes_nothing(api: Api, shut: bool) -> None:
    key = api.admin.headers["authorization"]
    head = f"POST /v1/people HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
    half = head.encode() + b"Content-Length: 500\r\n\r\n" + person()
    host, port = api.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as line:
        line.sendall(half)
        if shut:
            line.shutdown(socket.SHUT_WR)
            line.recv(65536)

    assert api.admin.get("/v1/people").json()["data"] == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", CANARY])
def test_a_body_of_another_kind_is_refused(api: Api, kind: str) -> None:
    assert_refused(post(api, person(), **{"Content-Type": kind}), 415)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_json_by_any_of_its_names_is_read(api: Api, kind: str) -> None:
    assert post(api, person(), **{"Content-Type": kind}).status_code == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml", CANARY])
def test_a_client_that_wants_something_else_is_told_so(api: Api, accept: str) -> None:
    assert_refused(api.admin.get("/v1/people", headers={"Accept": accept}), 406)


@pytest.mark.parametrize("accept", ["*/*", "", "text/html, application/json;q=0.1", "application/*", "text/html, */*"])
def test_a_client_that_takes_json_among_others_gets_it(api: Api, accept: str) -> None:
    assert api.admin.get("/v1/people", headers={"Accept": accept}).status_code == 200


# --- Addresses and methods --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v1/people/",
        "/v1//people",
        "//v1/people",
        "/v1",
        "/V1/people",
        "/v1/people/per_x/",
        f"/{CANARY}",
        f"/v1/people/{CANARY}",
        "/v1/people/%ff",
        "/v1/people/..%2f..%2fetc",
        "/v1/people/" + "x" * 10_000,
        "/v1/people/%2500",
    ],
)
def test_a_wrong_path_is_not_found_and_never_redirected(api: Api, path: str) -> None:
    assert_refused(api.admin.get(api.admin.base_url.copy_with(raw_path=path.encode())), 404)


@pytest.mark.parametrize("path", ["/v1/people/a%00b", "/v1/people?q=a%00b", "/%00"])
def test_nul_in_an_address_is_refused(api: Api, path: str) -> None:
    assert_refused(api.admin.get(path), 400)


@pytest.mark.parametrize("raw_path", [b"/v1/people/\xff", b"/v1/people?q=\xff", b"/v1/people/a\x00b"])
def test_bytes_that_no_address_may_hold_are_never_an_error_of_ours(api: Api, raw_path: bytes) -> None:
    answer = raw(api, b"GET " + raw_path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 "))


def test_a_parameter_takes_as_many_values_as_its_description_says(sqlite_api: Api) -> None:
    asked = [
        (operation, parameter["name"], parameter["schema"].get("type") == "array")
        for operation in operations()
        for parameter in operation.parameters("query")
    ]
    assert {("calls_list", "limit", False), ("calls_get", "joinable_by", False), ("calls_list", "type", True)} <= {
        (operation.id, name, is_list) for operation, name, is_list in asked
    }

    for operation, name, is_list in asked:
        twice = {name: [CANARY, CANARY]}
        answer = sqlite_api.admin.request(operation.method, operation.path, params=twice)
        code = answer.json()["code"] if answer.is_error else None
        assert (code == "repeated_parameter") is not is_list, (operation.id, name)
        if not is_list:
            assert_refused(answer, 422)
            assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"query:{name}"]
            assert "repeated_parameter" in operation.codes()
            assert CANARY not in answer.text


@pytest.mark.parametrize(
    "query", [CANARY + "=1", "limit=1&Limit=2", "=", "q=a&" + CANARY, "sort=name&" + "%F0%9F%98%80=1"]
)
def test_an_unknown_query_parameter_is_refused(api: Api, query: str) -> None:
    refused = api.admin.get(f"/v1/people?{query}")

    assert_refused(refused, 422)
    assert refused.json()["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    "query",
    [
        "limit=" + CANARY,
        "limit=0",
        "limit=201",
        "limit=1" + "0" * 5000,
        "limit=NaN",
        "sort=" + CANARY,
        "role=" + CANARY,
        "updated_at_gte=" + CANARY,
        "updated_at_gte=2026-11-21T09:00:00",
        "q=" + CANARY * 20,
        "cursor=" + CANARY,
        "cursor=%ff%fe",
        "cursor=" + "x" * 3000,
    ],
)
def test_a_bad_query_value_is_refused(api: Api, query: str) -> None:
    assert_refused(api.admin.get(f"/v1/people?{query}"), 400, 422)


def test_a_query_of_thousands_of_values_is_refused_before_the_database_sees_it(api: Api) -> None:
    assert_refused(api.admin.get("/v1/people?" + "&".join(["team_id=a"] * 4_000)), 400)


def test_a_method_that_a_path_does_not_know_is_refused_with_all_that_it_knows(api: Api) -> None:
    of_a_list = api.admin.delete("/v1/people")
    of_one = api.admin.post("/v1/people/per_x", json={})
    odd = api.admin.request("PROPFIND", "/v1/people")
    options = api.admin.options("/v1/people")
    beside_the_routes = api.admin.post("/openapi.json", json={})

    for refused in (of_a_list, of_one, odd, options, beside_the_routes):
        assert_refused(refused, 405)
    for refused in (of_a_list, odd, options):
        assert {"GET", "HEAD", "POST"} <= set(refused.headers["allow"].split(", "))
    assert {"GET", "HEAD", "PATCH"} <= set(of_one.headers["allow"].split(", "))
    assert "GET" in beside_the_routes.headers["allow"]


def test_head_says_what_get_would_without_its_body(api: Api) -> None:
    place = post(api, person()).headers["location"]
    full = api.admin.get(place)

    head = api.admin.head(place)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == full.headers["etag"]
    assert head.headers["content-length"] == full.headers["content-length"]
    assert api.admin.head(place, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    assert api.admin.head("/v1/people/nobody").status_code == 404


# --- Request ids ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["abcdefgh", "A.b_c-9" * 9, "0" * 64])
def test_a_proper_request_id_is_kept(api: Api, given: str) -> None:
    assert api.admin.get("/v1/people", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given", ["short", "0" * 65, "with space", "semi;colon", "<script>", b"\xc3\xa4" * 8, "a\tbcdefgh"]
)
def test_any_other_request_id_is_replaced(api: Api, given: str | bytes) -> None:
    answer = api.admin.get("/v1/people", headers=in_bytes("X-Request-Id", given))

    assert len(answer.headers["x-request-id"]) == 24


def test_every_answer_has_a_request_id_of_its_own(api: Api) -> None:
    answers = [
        api.admin.get("/v1/people"),
        api.client().get("/v1/people"),
        api.admin.get("/nowhere"),
        api.admin.delete("/v1/people"),
        api.admin.get("/v1/people", headers={"Accept": "text/html"}),
        post(api, bytes(2 * MEBIBYTE)),
        post(api, b"{"),
        api.admin.get("/openapi.json"),
    ]

    assert [a.status_code for a in answers] == [200, 401, 404, 405, 406, 413, 400, 200]
    assert len({a.headers["x-request-id"] for a in answers}) == len(answers)
    assert all(a.headers["x-content-type-options"] == "nosniff" for a in answers)


# --- Who is asking ----------------------------------------------------------------------------------------------------


def assert_stranger(api: Api, authorization: str | bytes | None) -> None:
    refused = api.client().get("/v1/people", headers=in_bytes("Authorization", authorization))
    assert_refused(refused, 401)
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_is_none_is_refused(api: Api) -> None:
    key = api.key(Role.ADMIN)
    other = "0" if key[-1] != "0" else "1"
    swapped = key[:20] + key[21] + key[20] + key[22:]

    for wrong in (
        None,
        "",
        "Bearer",
        key,
        f"Basic {key}",
        f"Bearer {key[:-1]}",
        f"Bearer {key[:-1]}{other}",
        f"Bearer {key.upper()}",
        f"Bearer {key} {key}",
        f"Bearer {key}x",
        f"Bearer {CANARY}",
        f"Bearer {'x' * 10_000}",
        b"Bearer \xff\xfe",
        b"Bearer es_live_" + b"\xe2\x82\xac" * 73,
        *([f"Bearer {swapped}"] if swapped != key else []),
    ):
        assert_stranger(api, wrong)
    assert api.client(key).get("/v1/people").status_code == 200


def test_a_key_that_expired_or_was_revoked_is_refused(api: Api) -> None:
    key = api.key(Role.ADMIN)
    client = api.client(key)

    def change(**values: Any) -> None:
        with transaction(api.engine, writes=True) as db:
            db.execute(update(api_key).values(**values).where(api_key.c.id == "key_" + key[8:34]))

    change(expires_at=NOW + timedelta(seconds=1))
    assert client.get("/v1/people").status_code == 200
    api.clock.advance(timedelta(seconds=1))
    assert_stranger(api, f"Bearer {key}")
    change(expires_at=None)
    assert client.get("/v1/people").status_code == 200
    change(revoked_at=NOW)
    assert_stranger(api, f"Bearer {key}")


def test_a_key_with_the_secret_of_another_is_refused(api: Api) -> None:
    from_one, to_other = api.key(Role.ADMIN), api.key(Role.ADMIN)

    assert_stranger(api, f"Bearer {from_one[:34]}{to_other[34:]}")


# --- What goes wrong on our side --------------------------------------------------------------------------------------


@contextmanager
def an_app_with(api: Api, path: str, endpoint: Callable[..., Any]) -> Iterator[httpx.Client]:
    app = create_app(api.settings, engine=api.engine, clock=api.clock)
    app.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    with served(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_an_unexpected_error_tells_only_its_request_id(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> NoReturn:
        raise RuntimeError(CANARY)

    with an_app_with(api, "/v1/fail", fail) as client:
        broken = client.get("/v1/fail")

    assert_refused(broken, 500)
    assert broken.json()["code"] == "internal_error"
    assert "Traceback" not in broken.text
    assert broken.headers["x-request-id"] in "".join(capfd.readouterr())


def test_a_problem_from_anywhere_is_answered_as_a_problem(api: Api) -> None:
    def fail() -> NoReturn:
        raise EmailTaken("Use another.")

    with an_app_with(api, "/v1/fail", fail) as client:
        assert_refused(client.get("/v1/fail"), 409)


def test_a_refusal_never_repeats_the_request(api: Api) -> None:
    head = {"X-Canary": CANARY, "Idempotency-Key": f"{CANARY} {CANARY}", "If-Match": CANARY}
    place = post(api, person()).headers["location"]

    for refused in (
        api.admin.post(f"/v1/{CANARY}", json={CANARY: CANARY}),
        api.admin.patch(place, json={"name": CANARY}, headers=head),
        api.admin.patch(place, json={"name": CANARY}, headers={"If-Match": CANARY}),
        api.admin.patch(place, json={"name": CANARY}, headers=in_bytes("Idempotency-Key", f"{CANARY}é")),
        api.admin.patch(f"/v1/people/{CANARY}", json={"name": CANARY}),
        post(api, person(external=f'[{{"source":"{CANARY} ","id":"x"}}]')),
        post(api, person(external=f'[{{"{CANARY}":"{CANARY}"}}]')),
        post(api, person(role=f'"{CANARY}"')),
        post(api, person(segments=f'["{CANARY} "]')),
        post(api, person(segments=f'{{"{CANARY}":1}}')),
        post(api, person(started_on=f'"{CANARY}"')),
        post(api, person(team_id=f'"{CANARY}"')),
        post(api, f'{{"{CANARY}":'.encode()),
        api.admin.request("PROPFIND", f"/v1/people/{CANARY}"),
        api.admin.put(f"/v1/people/by-external-id/{CANARY}/{CANARY}", json={}),
    ):
        assert 400 <= refused.status_code < 500, refused.text
        assert_refused(refused, refused.status_code)


def test_many_hostile_clients_at_once_leave_the_service_well(api: Api) -> None:
    bodies = list(HOSTILE_BODIES.values())

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda body: post(api, body).status_code, bodies))

    assert statuses <= {400, 422}
    assert post(api, person()).status_code == 201


@pytest.mark.parametrize("path", ["/feeds/s3cret.ics", "/login/t/s3cret", "/r/s3cret/mail"])
def test_a_failure_is_logged_without_what_opens_somebodys_calendar_or_account(path: str) -> None:
    app = FastAPI()
    app.add_middleware(Edge)

    @app.get(path)
    def broken() -> None:
        raise RuntimeError("broken")

    with served(app) as url, capture_logs() as lines:
        assert httpx.get(url + path, trust_env=False, timeout=PATIENCE_SECONDS).status_code == 500

    assert [line["event"] for line in lines] == ["failed"]
    assert "s3cret" not in lines[0]["path"]
