"""What a slow, huge or lying host can do to us: nothing beyond the deadline and the cap. And what it may see of us."""

import gzip
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from app.adapters.http import Answer, NoAnswer, NotAllowed, Outbound, TimedOut, TooLarge, Unreachable
from tests.adapters.web_server import Asked, Names, Reply, WebServer, answer
from tests.patience import PATIENCE_SECONDS, until
from tests.ports import free_port

MIB = 1 << 20
SECRET = "s3cret-token"
NAMES = Names({f"{name}.example": [["127.0.0.1"]] for name in ("hooks", "other")})
DEADLINE_SECONDS, LATE_SECONDS = 0.5, 8
"""How late one may be is held with --soak."""


@pytest.fixture(scope="module")
def outbound() -> Iterator[Outbound]:
    with Outbound(allowed=(IPv4Network("127.0.0.1"),), resolve=NAMES) as client:
        yield client


@pytest.fixture
def serve() -> Iterator[Callable[..., WebServer]]:
    with ExitStack() as stack:
        yield lambda reply, **given: stack.enter_context(WebServer(reply, **given))


Serve = Callable[..., WebServer]


def url_of(server: WebServer, path: str = "/", *, scheme: str = "http") -> str:
    return f"{scheme}://hooks.example:{server.port}{path}"


def get(
    outbound: Outbound, url: str, *, at_most_bytes: int = 1000, deadline_seconds: float = PATIENCE_SECONDS
) -> Answer:
    return outbound.send("GET", url, deadline_seconds=deadline_seconds, at_most_bytes=at_most_bytes)


# --- Cap


def test_of_a_gibibyte_only_the_beginning_is_read(outbound: Outbound, serve: Serve) -> None:
    def gibibyte(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1024 * MIB)
        for _part in range(1024 * 16):
            yield b"x" * (MIB // 16)

    server = serve(gibibyte)

    found = get(outbound, url_of(server), at_most_bytes=64 * 1024)

    assert (found.status, found.cut, found.body) == (200, True, b"x" * 64 * 1024)
    assert server.sent < 16 * MIB  # what the sockets' buffers took
    with pytest.raises(TooLarge):
        found.whole()


def test_a_stream_without_an_end_is_cut_too(outbound: Outbound, serve: Serve) -> None:
    def endless(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"400\r\n" + b"x" * 1024 + b"\r\n"

    assert get(outbound, url_of(serve(endless)), at_most_bytes=5000).body == b"x" * 5000


def test_a_bomb_is_cut_while_it_unpacks(outbound: Outbound, serve: Serve) -> None:
    bomb = gzip.compress(bytes(200 * MIB), compresslevel=9)
    server = serve(answer(200, "Content-Encoding: gzip", body=bomb))
    get(outbound, url_of(server))  # so that only the bomb is measured

    tracemalloc.start()
    try:
        found = get(outbound, url_of(server), at_most_bytes=MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(bomb) < MIB  # so it is not cut for its size on the wire
    assert (found.cut, len(found.body)) == (True, MIB)
    assert peak < 6 * MIB


def test_a_bomb_that_unpacks_to_nothing_is_cut_by_what_came(outbound: Outbound, serve: Serve) -> None:
    def hollow(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
        yield gzip.compress(b"")[:10]
        while True:
            yield b"\x00\x00\x00\xff\xff" * 1000  # a stored block of no bytes (RFC 1951 section 3.2.4)

    found = get(outbound, url_of(serve(hollow)), at_most_bytes=100_000)

    assert (found.cut, found.body) == (True, b"")


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
@pytest.mark.parametrize("gzipped", [False, True])
def test_what_fits_comes_whole(size: int, gzipped: bool, outbound: Outbound, serve: Serve) -> None:
    body = b"x" * size
    encoded = ["Content-Encoding: gzip"] if gzipped else []
    server = serve(answer(200, *encoded, body=gzip.compress(body) if gzipped else body))

    found = get(outbound, url_of(server), at_most_bytes=1000)

    assert (found.cut, found.whole()) == (False, body)
    assert server.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "broken",
    [
        answer(200, "Content-Encoding: gzip", body=gzip.compress(b"hello")[:-9]),
        answer(200, "Content-Encoding: gzip", body=gzip.compress(b"hello") + gzip.compress(b"again")),
        answer(200, "Content-Encoding: gzip", body=b"hello"),
        answer(200, "Content-Encoding: gzip", body=zlib.compress(b"hello")),
        lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhello"],
        lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
        lambda _: [b"220 relay.example ESMTP\r\n"],
        lambda _: [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000],
        lambda _: [],
    ],
    ids=[
        "gzip cut",
        "gzip goes on",
        "not gzip",
        "deflate",
        "too short",
        "two lengths",
        "smtp",
        "long header",
        "silence",
    ],
)
def test_a_broken_answer_is_none(broken: Reply, outbound: Outbound) -> None:
    with WebServer(broken, hangs_up=True) as server, pytest.raises(Unreachable, match=r"^hooks\.example: ") as failed:
        get(outbound, url_of(server))

    assert not isinstance(failed.value, TimedOut)


# --- Deadline


def drip(server: WebServer, head: bytes, drop: bytes) -> Iterator[bytes]:
    yield head
    while not server.closing.wait(0.05):
        yield drop


SLOW: dict[str, Callable[[WebServer], Reply]] = {
    "says nothing": lambda server: lambda _: drip(server, b"", b""),
    "a byte of the head at a time": lambda server: lambda _: drip(server, b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "a hint at a time": lambda server: lambda _: drip(server, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a byte at a time": lambda server: lambda _: drip(server, b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x"),
    "gzip that unpacks to nothing": lambda server: (
        lambda _: drip(
            server,
            b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10],
            b"\x00\x00\x00\xff\xff",
        )
    ),
}


def assert_times_out(ask: Callable[[], object], *, soak: bool) -> None:
    started = time.monotonic()
    with pytest.raises(TimedOut) as late:
        ask()
    seconds = time.monotonic() - started

    assert DEADLINE_SECONDS - 0.05 <= seconds <= (LATE_SECONDS if soak else PATIENCE_SECONDS)
    assert str(late.value) == "hooks.example: No whole answer within 0.5 seconds."


@pytest.mark.parametrize("slow", SLOW)
def test_a_slow_host_has_until_the_deadline(slow: str, outbound: Outbound, serve: Serve, soak: bool) -> None:
    server = serve(answer())
    server.reply = SLOW[slow](server)

    assert_times_out(lambda: get(outbound, url_of(server), deadline_seconds=DEADLINE_SECONDS), soak=soak)


def test_a_host_that_reads_nothing_has_until_the_deadline(outbound: Outbound, serve: Serve, soak: bool) -> None:
    url = url_of(serve(answer(), deaf=True))

    assert_times_out(
        lambda: outbound.send(
            "POST", url, content=bytes(64 * MIB), deadline_seconds=DEADLINE_SECONDS, at_most_bytes=1000
        ),
        soak=soak,
    )


def test_a_host_that_reads_slowly_has_until_the_deadline(outbound: Outbound, soak: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def sip() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    while connection.recv(50_000):  # all of it would take seconds
                        time.sleep(0.002)

        sipping = threading.Thread(target=sip)
        sipping.start()
        assert_times_out(
            lambda: outbound.send(
                "POST",
                f"http://hooks.example:{port}/",
                content=bytes(64 * MIB),
                deadline_seconds=DEADLINE_SECONDS,
                at_most_bytes=1000,
            ),
            soak=soak,
        )
        listener.shutdown(socket.SHUT_RDWR)  # if it has not come at all
        sipping.join()


def test_a_handshake_that_hangs_has_until_the_deadline(outbound: Outbound, serve: Serve, soak: bool) -> None:
    url = url_of(serve(answer(), deaf=True), scheme="https")

    assert_times_out(lambda: get(outbound, url, deadline_seconds=DEADLINE_SECONDS), soak=soak)


def test_a_handshake_that_drips_has_until_the_deadline(outbound: Outbound, soak: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def drips() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"\x16\x03\x03\x40\x00")  # a handshake record of 16 KiB
                    while True:
                        time.sleep(0.02)
                        connection.sendall(b"\x02")

        dripping = threading.Thread(target=drips)
        dripping.start()
        assert_times_out(
            lambda: get(outbound, f"https://hooks.example:{port}/", deadline_seconds=DEADLINE_SECONDS), soak=soak
        )
        listener.shutdown(socket.SHUT_RDWR)
        dripping.join()


def test_a_name_server_that_hangs_has_until_the_deadline(soak: bool) -> None:
    asked, over = threading.Event(), threading.Event()

    def hangs(_: str) -> list[str]:
        asked.set()
        over.wait()
        return ["1.1.1.1"]

    with Outbound(allowed=(), resolve=hangs) as outbound:
        assert_times_out(lambda: get(outbound, "http://hooks.example/", deadline_seconds=DEADLINE_SECONDS), soak=soak)

    assert asked.wait(PATIENCE_SECONDS)
    over.set()


def test_all_hops_share_one_deadline(outbound: Outbound, serve: Serve, soak: bool) -> None:
    server = serve(answer())

    def slowly_on(_: Asked) -> Iterator[bytes]:
        server.closing.wait(0.3)
        yield b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"

    server.reply = slowly_on

    assert_times_out(
        lambda: outbound.send(
            "GET", url_of(server), deadline_seconds=DEADLINE_SECONDS, at_most_bytes=1000, redirects=3
        ),
        soak=soak,
    )
    assert len(server.asked) == 2 if soak else len(server.asked) <= 2


def test_an_address_that_swallows_everything_leaves_time_for_the_next(serve: Serve) -> None:
    server = serve(answer(), host="127.0.0.2")
    with ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.3", server.port))
        hole.listen(0)
        for _ in range(3):  # a full queue: further connections are neither accepted nor refused
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.3", server.port))
        names = Names({"hooks.example": [["127.0.0.3", "127.0.0.2"]]})
        outbound = stack.enter_context(Outbound(allowed=(IPv4Network("127.0.0.0/8"),), resolve=names))

        found = get(outbound, url_of(server), deadline_seconds=8)

    assert found.status == 200
    assert 3.9 < found.elapsed_seconds < 8


def test_hosts_that_hang_keep_nobody_waiting(outbound: Outbound, serve: Serve) -> None:
    deaf, good = serve(answer(), deaf=True), serve(answer())

    def hang() -> None:
        with pytest.raises(NoAnswer):
            get(outbound, url_of(deaf))

    hanging = [threading.Thread(target=hang) for _ in range(30)]
    for thread in hanging:
        thread.start()
    found = get(outbound, url_of(good))
    still = sum(thread.is_alive() for thread in hanging)
    until(lambda: deaf.connections == 30)
    deaf.hang_up()
    for thread in hanging:
        thread.join()

    assert found.status == 200
    assert still == 30


# --- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> "Authority":
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make certificates")
    return Authority(tmp_path_factory.mktemp("tls"))


class Authority:
    """Issues certificates that only those who trust it believe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._openssl("req", "-x509", *self._key("ca"), "-subj", "/CN=Test CA", "-days", "2", "-out", "ca.pem")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, env=dict(os.environ))

    def _key(self, name: str) -> list[str]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]

    def server_for(self, name: str) -> ssl.SSLContext:
        """Make the context of a server that shows a certificate for this name, as `DNS:…` or `IP:…`."""
        (self.folder / "names").write_text(f"subjectAltName={name}")
        self._openssl("req", *self._key("server"), "-subj", "/CN=server", "-out", "server.csr")
        self._openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.pem",
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context

    def trusting(self) -> Outbound:
        """Make a client that trusts this authority."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        return Outbound(allowed=(IPv4Network("127.0.0.1"),), resolve=NAMES, tls=context)


def test_the_certificate_is_for_the_name_and_the_name_is_what_we_ask_for(authority: Authority, serve: Serve) -> None:
    greeted: list[str | None] = []
    tls = authority.server_for("DNS:hooks.example")
    tls.sni_callback = lambda _socket, name, _context: greeted.append(name)
    server = serve(answer(), tls=tls)

    with authority.trusting() as outbound:
        for _ in range(10):
            assert get(outbound, url_of(server, scheme="https")).body == b"hello"

    assert greeted == ["hooks.example"]
    assert (server.connections, len(server.asked)) == (1, 10)
    assert server.asked[0].headers["host"] == f"hooks.example:{server.port}"


@pytest.mark.parametrize("name", ["DNS:other.example", "IP:127.0.0.1", "DNS:127.0.0.1"])
def test_a_certificate_for_another_name_or_for_the_address_is_refused(
    name: str, authority: Authority, serve: Serve
) -> None:
    server = serve(answer(), tls=authority.server_for(name))

    with authority.trusting() as outbound, pytest.raises(Unreachable, match="certificate is not for this name"):
        get(outbound, url_of(server, scheme="https"))

    assert server.asked == []


def test_a_certificate_of_an_authority_that_the_machine_does_not_trust_is_refused(
    authority: Authority, outbound: Outbound, serve: Serve
) -> None:
    server = serve(answer(), tls=authority.server_for("DNS:hooks.example"))

    with pytest.raises(Unreachable, match="not trusted"):
        get(outbound, url_of(server, scheme="https"))

    assert server.asked == []


def test_a_host_that_speaks_clear_text_where_tls_is_due_is_unreachable(outbound: Outbound, serve: Serve) -> None:
    with pytest.raises(Unreachable):
        get(outbound, url_of(serve(answer()), scheme="https"), deadline_seconds=2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_leads_from_https_to_clear_text(status: int, authority: Authority, serve: Serve) -> None:
    plain = serve(answer())
    secure = serve(answer(status, f"Location: {url_of(plain)}"), tls=authority.server_for("DNS:hooks.example"))

    with authority.trusting() as outbound, pytest.raises(NotAllowed):
        outbound.send(
            "GET", url_of(secure, scheme="https"), deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000, redirects=3
        )

    assert plain.connections == 0


def test_https_can_be_demanded_of_every_hop(outbound: Outbound, serve: Serve) -> None:
    server = serve(answer())

    with pytest.raises(NotAllowed, match=r"^It must begin with https://\.$"):
        outbound.send("GET", url_of(server), deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000, https_only=True)

    assert server.connections == 0


# --- Redirects and what is sent


def test_a_redirect_is_followed_as_often_as_asked_and_then_given_back(outbound: Outbound, serve: Serve) -> None:
    server = serve(answer(302, "Location: /again"))

    found = outbound.send("GET", url_of(server), deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000, redirects=3)

    assert (found.status, found.headers["location"]) == (302, "/again")
    assert [asked.line for asked in server.asked] == ["GET / HTTP/1.1", *["GET /again HTTP/1.1"] * 3]
    assert server.connections == 1


def test_credentials_stay_with_the_origin_that_they_are_for(outbound: Outbound, serve: Serve) -> None:
    other = serve(answer())
    server = serve(answer())
    server.reply = lambda asked: answer(307, f"Location: {'/b' if asked.line.split()[1] == '/a' else url_of(other)}")(
        asked
    )
    given = {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET, "Cookie": SECRET, "Depth": "1"}

    outbound.send(
        "PROPFIND", url_of(server, "/a"), headers=given, content=b"<x/>", deadline_seconds=PATIENCE_SECONDS,
        at_most_bytes=1000, redirects=2,
    )  # fmt: skip

    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {SECRET}"] * 2
    assert SECRET not in str(other.asked)
    assert other.asked[0].line == "PROPFIND / HTTP/1.1"
    assert (other.asked[0].headers["depth"], other.asked[0].body) == ("1", b"<x/>")


def test_see_other_becomes_get_without_content(outbound: Outbound, serve: Serve) -> None:
    server = serve(lambda asked: (answer() if asked.line.startswith("GET") else answer(303, "Location: /b"))(asked))

    found = outbound.send(
        "POST", url_of(server), content=b"x", deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000, redirects=1
    )

    assert found.status == 200
    assert (server.asked[1].line, server.asked[1].body) == ("GET /b HTTP/1.1", b"")


@pytest.mark.parametrize("status", [200, 204, 304, 400, 410, 429, 500, 503])
def test_any_status_is_an_answer(status: int, outbound: Outbound, serve: Serve) -> None:
    server = serve(answer(status, "Retry-After: 7", "Link: a", "link: b", "Content-Encoding: gzip", body=b""))

    found = outbound.send("POST", url_of(server), content=b"{}", deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000)

    assert found.status == status
    assert (found.headers["retry-after"], found.headers["link"]) == ("7", "a, b")
    assert server.asked[0].body == b"{}"


def test_cookies_are_not_kept(outbound: Outbound, serve: Serve) -> None:
    server = serve(answer(200, "Set-Cookie: a=b"))

    get(outbound, url_of(server))
    get(outbound, url_of(server))

    assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "ü"])
def test_a_header_that_would_become_two_is_not_sent(value: str, outbound: Outbound, serve: Serve) -> None:
    server = serve(answer())

    with pytest.raises(ValueError, match=r"can't (be sent|encode)") as refused:
        outbound.send(
            "GET",
            url_of(server),
            headers={"X-Name": f"{SECRET}{value}"},
            deadline_seconds=PATIENCE_SECONDS,
            at_most_bytes=1000,
        )

    assert server.asked == []
    assert SECRET not in "".join(traceback.format_exception(refused.value))


# --- Secrets


def test_paths_and_headers_are_neither_logged_nor_in_what_is_raised(
    outbound: Outbound, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path, token = f"/{SECRET}?key={SECRET}", {"Authorization": f"Bearer {SECRET}"}
    redirecting = serve(answer(302, f"Location: http://10.0.0.1/{SECRET}"))
    good = serve(answer(200, f"X-Token: {SECRET}", body=SECRET.encode()))

    def send(url: str, *, seconds: float = PATIENCE_SECONDS) -> Answer:
        limits: dict[str, Any] = {"deadline_seconds": seconds, "at_most_bytes": 99, "redirects": 1}
        return outbound.send("POST", url, headers=token, content=SECRET.encode(), **limits)

    shown = [repr(send(url_of(good, path)))]
    for expected, url in {
        NotAllowed: f"http://10.0.0.1{path}",
        Unreachable: f"http://hooks.example:{free_port()}{path}",
        TimedOut: url_of(serve(answer(), deaf=True), path),
        NoAnswer: url_of(redirecting, path),
    }.items():
        with pytest.raises(expected) as failed:
            send(url, seconds=DEADLINE_SECONDS if expected is TimedOut else PATIENCE_SECONDS)
        shown += ["".join(traceback.format_exception(failed.value)), repr(failed.value)]

    assert [text for text in shown if SECRET in text] == []
    assert SECRET not in caplog.text
