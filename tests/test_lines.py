"""Connections as hostile clients make them, on raw sockets: what two servers could read differently is refused, and who
dawdles is cut off.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.lines import Lines
from app.serving import listening, server
from tests.patience import PATIENCE_SECONDS


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what arrived: method, path, headers and body."""
    if scope["type"] != "http":
        return
    body, more, messages = b"", scope["path"] != "/unread", 0
    while more:
        message = await receive()
        messages += 1
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    body = str(messages).encode() if scope["path"] == "/messages" else body
    headers = [name.decode() for name, _ in scope["headers"]]
    said = json.dumps([scope["method"], scope["path"], headers, body.decode()]).encode()
    if scope["path"] == "/long":
        said += b" " * 10_000_000
    start = [(b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": said})


@contextmanager
def listened(*, most: int = 100, head_seconds: float = 9) -> Iterator[tuple[str, int]]:
    with listening("127.0.0.1", 0) as listener:
        web = server(_echo, lines=Lines(most, head_seconds=head_seconds))  # type: ignore[arg-type]
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not web.started:
            time.sleep(0.005)
        try:
            yield listener.getsockname()
        finally:
            web.should_exit = True
            thread.join(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with listened() as found:
        yield found


def line_to(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE_SECONDS)


def rest_of(line: socket.socket) -> bytes:
    """All that comes until the other side closes, gently or not."""
    found = b""
    try:
        while chunk := line.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def answers_to(address: tuple[str, int], message: bytes) -> list[tuple[int, Any]]:
    """Status and body of each answer to these bytes, until the other side closes."""
    with line_to(address) as line:
        line.sendall(message)
        found, rest = [], rest_of(line)
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found.append((int(head[9:12]), json.loads(rest[:length])))
        rest = rest[length:]
    return found


POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""A request inside of another's body, for a server that ends that body too early."""

SMUGGLED = {
    "a length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 2\r\n\r\n",
    "one length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a length below nothing": POST + b"Content-Length: -1\r\n\r\n",
    "a length in sixteens": POST + b"Content-Length: 0x0\r\n\r\n",
    "a length in parts": POST + b"Content-Length: 0 0\r\n\r\n",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "a blank before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "a folded header": POST + b"X: a\r\n b\r\n\r\n",
    "a folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a fold after the first line": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an encoding after chunks": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "line feeds alone": b"POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
    "a carriage return alone": POST + b"X: a\rb\r\n\r\n",
    "a NUL": POST + b"X: a\x00b\r\n\r\n",
    "a header without a name": POST + b": x\r\n\r\n",
    "a header without a colon": POST + b"X\r\n\r\n",
    "a chunk's length that is none": CHUNKED + b"1x\r\na\r\n0\r\n\r\n",
    "a chunk's length with a prefix": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    "a chunk's length beyond 64 bits": CHUNKED + b"fffffffffffffffff1\r\na\r\n0\r\n\r\n",
    "a chunk ended by a line feed": CHUNKED + b"1\na\n0\n\n",
    "a chunk longer than it says": CHUNKED + b"1\r\naX\r\n0\r\n\r\n",
    "a body with an upgrade": POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na",
    "a target of another host": b"POST http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a user": b"POST http://x@y/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT y:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3": b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}  # fmt: skip


@pytest.mark.parametrize("message", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_two_servers_could_read_differently_is_refused_and_nothing_after_it_is_read(
    address: tuple[str, int], message: bytes
) -> None:
    [(status, problem)] = answers_to(address, message + HIDDEN)

    assert (status, problem["code"]) == (400, "malformed")


def test_a_refusal_by_the_parser_carries_what_every_answer_carries(address: tuple[str, int]) -> None:
    with line_to(address) as line:
        line.sendall(b"nonsense\r\n\r\n")
        head = rest_of(line).partition(b"\r\n\r\n")[0].lower()

    for said in (
        b"content-security-policy: default-src 'none'",
        b"x-content-type-options: nosniff",
        b"connection: close",
    ):
        assert said in head
    assert b"x-request-id: " in head
    assert b"content-type: application/problem+json" in head
    assert b"\r\nserver:" not in head


def test_a_target_that_names_the_same_host_is_served(address: tuple[str, int]) -> None:
    [(status, said)] = answers_to(address, b"GET http://X/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert (status, said[1]) == (200, "/a")


def test_nonsense_after_a_request_never_stands_inside_of_its_answer(address: tuple[str, int]) -> None:
    get = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"

    [(status, said)] = answers_to(address, get + b"\x00 nonsense\r\n\r\n")

    assert (status, said[1]) == (200, "/long")


def test_trailers_are_no_headers(address: tuple[str, int]) -> None:
    message = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    [(status, said)] = answers_to(address, message + b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\nHost: y\r\n\r\n")

    assert (status, said) == (200, ["POST", "/", ["host", "transfer-encoding", "connection"], "a"])


def test_who_asks_for_another_protocol_is_served_in_this_one_once(address: tuple[str, int]) -> None:
    for protocol in (b"websocket", b"h2c"):
        message = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"

        [(status, said)] = answers_to(address, message + HIDDEN)

        assert (status, said[1]) == (200, "/a")


@pytest.mark.parametrize(
    "head",
    [b"X: " + b"a" * 70_000, b"X: y\r\n" * 101, b"GET /" + b"a" * 70_000],
    ids=["a long value", "many headers", "a long address"],
)
def test_a_head_that_is_too_long_is_refused(address: tuple[str, int], head: bytes) -> None:
    begun = head if head.startswith(b"GET") else b"GET / HTTP/1.1\r\nHost: x\r\n" + head

    with line_to(address) as line:
        line.sendall(begun[:66_000])
        answer = rest_of(line)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"head_too_long"' in answer


def test_requests_that_are_sent_ahead_are_answered_in_order(address: tuple[str, int]) -> None:
    get = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"

    found = answers_to(address, b"".join(get % n for n in range(20)) + HIDDEN)

    assert [said[1] for _, said in found] == [*(f"/{n}" for n in range(20)), "/hidden"]


@pytest.mark.parametrize(("drops", "most"), [(b"a" * 200, 1), (b"a" * 200 + b"b" * 2000, 3)])
def test_a_body_in_drops_wakes_its_reader_for_what_is_worth_it(
    address: tuple[str, int], drops: bytes, most: int
) -> None:
    with line_to(address) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = POST.replace(b" / ", b" /messages ") + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(drops)
        line.sendall(head)
        for drop in drops[:200]:
            time.sleep(0.001)
            line.sendall(bytes([drop]))
        line.sendall(drops[200:])
        said = rest_of(line)

    assert 1 <= int(json.loads(said.partition(b"\r\n\r\n")[2])[3]) <= most


# --- Time -------------------------------------------------------------------------------------------------------------


def wait_for_the_end(line: socket.socket, *, sending: bytes, every: float = 0.05) -> None:
    """Return when the other side has closed, while we send a byte now and then."""
    give_up_at, line_of_bytes = time.monotonic() + PATIENCE_SECONDS, iter(sending)
    line.settimeout(every)
    while time.monotonic() < give_up_at:
        try:
            if not line.recv(65536):
                break
        except TimeoutError:
            try:
                line.sendall(bytes([next(line_of_bytes)]))
            except StopIteration:
                continue
            except OSError:
                break
        except ConnectionResetError:
            break


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nX: ", b""),
        (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000),
        (b"", b"\r\n" * 20_000),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 20_000),
        (b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\naaGET / HTT", b""),
        (b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\na", b"a" * 20_000),
    ],
    ids=[
        "silence",
        "half a head",
        "drops",
        "empty lines",
        "drops later",
        "empty lines later",
        "half after a body",
        "a body that nobody reads",
    ],
)
def test_what_does_not_come_in_time_costs_the_line(first: bytes, then: bytes, soak: bool) -> None:
    with listened(head_seconds=0.4) as address:
        began = time.monotonic()
        with line_to(address) as line:
            line.sendall(first)
            wait_for_the_end(line, sending=then)

        assert 0.3 < time.monotonic() - began < (5 if soak else PATIENCE_SECONDS)


def test_a_line_that_is_kept_waits_longer_for_the_next_request_than_for_its_head() -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with listened(head_seconds=3) as address, line_to(address) as line:
        line.sendall(get)
        first = answer_on(line)
        time.sleep(3.5)
        line.sendall(get)

        assert first == answer_on(line)


def answer_on(line: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(line)
    answer.begin()
    return answer.status, answer.read()


def test_an_answer_that_takes_long_is_not_cut_off_by_half_a_request_behind_it() -> None:
    with listened(head_seconds=3) as address, line_to(address) as line:
        line.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\nGET /half")
        time.sleep(3.5)

        assert len(rest_of(line)) > 10_000_000


def test_when_lines_are_too_many_the_one_that_waited_longest_makes_room() -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with listened(most=10) as address:
        idle = [line_to(address) for _ in range(30)]
        with line_to(address) as line:
            line.sendall(get)
            assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
        left = []
        for one in idle:
            one.settimeout(0.05)
            try:
                one.recv(1)
            except TimeoutError:
                left.append(one)
            except ConnectionResetError:
                pass

        assert left == idle[-len(left) :]
        assert 8 <= len(left) <= 10
        for one in idle:
            one.close()
