"""One post to a real receiver, and what is kept of its answer."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from app.adapters.http import Outbound
from app.adapters.webhooks import post
from app.rules.deliveries import Attempt
from tests.adapters.web_server import Asked, WebServer, answer
from tests.ports import free_port

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def posted(url: str, *, body: bytes = b"{}", allowed: str = "127.0.0.0/8") -> Attempt:
    with Outbound(allowed=(ip_network(allowed),)) as outbound:
        return post(outbound, url, headers={"webhook-id": "evt_1"}, body=body, now=NOON)


def at(server: WebServer) -> str:
    return f"http://127.0.0.1:{server.port}/hooks?key=1"


def test_a_private_address_is_never_asked_and_counts_as_a_failure() -> None:
    with WebServer(answer()) as server:
        attempt = posted(at(server), allowed="192.0.2.0/24")

    assert not attempt.arrived
    assert attempt.why is not None
    assert "not on the public internet" in attempt.why
    assert server.connections == 0


def test_where_nobody_listens_is_a_failure_that_names_no_path() -> None:
    attempt = posted(f"http://127.0.0.1:{free_port()}/secret-path")

    assert attempt.status_code is None
    assert attempt.why == "127.0.0.1: The connection was refused, or broke."


def test_a_redirect_is_not_followed_and_has_not_arrived() -> None:
    with WebServer(answer()) as canary, WebServer(answer(307, f"Location: {at(canary)}")) as server:
        attempt = posted(at(server))

    assert attempt.status_code == 307
    assert not attempt.arrived
    assert canary.connections == 0


def test_retry_after_is_read_as_an_instant() -> None:
    with WebServer(answer(429, "Retry-After: 30")) as server:
        attempt = posted(at(server))

    assert attempt.retry_at == NOON + timedelta(seconds=30)


def test_of_an_endless_answer_a_little_is_read() -> None:
    def endless(_: Asked) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
        while True:
            yield b"x" * 65536

    with WebServer(endless) as server:
        attempt = posted(at(server))

    assert attempt.arrived
    assert attempt.answer == "x" * 512
    assert server.sent < 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"", None),
        (b"  \n ", None),
        (b"thanks\nbye", "thanks\nbye"),
        (b"a\x00b\x1b[31m", "a\ufffdb\ufffd[31m"),
        ("a\u202eb".encode(), "a\ufffdb"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_the_receiver_says_is_kept_as_clean_text(said: bytes, kept: str | None) -> None:
    with WebServer(answer(500, body=said)) as server:
        assert posted(at(server)).answer == kept


def test_the_body_goes_out_byte_for_byte_as_json() -> None:
    with WebServer(answer(204)) as server:
        attempt = posted(at(server), body=b'{"a": "\xc3\xab"}')

    (asked,) = server.asked
    assert attempt.arrived
    assert asked.line == "POST /hooks?key=1 HTTP/1.1"
    assert asked.body == b'{"a": "\xc3\xab"}'
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["webhook-id"] == "evt_1"
