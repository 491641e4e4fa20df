"""All HTTP that leaves the product: only to public or allowed addresses, no longer and no larger than asked for."""

import logging
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Literal, Self

import httpcore

from app.rules import destinations
from app.rules.destinations import Address, Allowed, Destination, Misaddressed

Resolver = Callable[[str], Iterable[str]]
"""The addresses of a name, best first. Raises OSError when there are none."""

_KEPT_CONNECTIONS, _KEPT_SECONDS = 20, 15.0
_ADDRESSES_TRIED = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOR_ANY_ORIGIN = frozenset({"accept", "content-type", "depth", "if-none-match", "if-modified-since"})
_TCP = httpcore.SyncBackend()

logging.getLogger("httpcore").setLevel(logging.INFO)  # at DEBUG it writes down headers, and Location may be a secret


class NoAnswer(Exception):
    """Nothing of use came back. The message names the host and no more: paths, headers and addresses are secrets."""

    def __init__(self, why: str, *, host: str = "") -> None:
        super().__init__(f"{host}: {why}" if host else why)


class NotAllowed(NoAnswer):
    """No request goes there, now or later: not a URL that we follow, or not a public address."""


class Unreachable(NoAnswer):
    """It may work later. Whether the other side acted on the request is unknown."""


class TimedOut(Unreachable):
    """Not done by the deadline."""


class TooLarge(NoAnswer):
    """There is more than we are willing to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: any status, redirects that were not to be followed included."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; a repeated header's values are joined by ", "."""
    body: bytes = field(repr=False)
    """Unpacked when it came as gzip. Only its beginning when `cut`."""
    cut: bool
    elapsed_seconds: float

    def whole(self) -> bytes:
        """Return the body for those who can do nothing with a part of it. Raises TooLarge."""
        if self.cut:
            raise TooLarge("The answer is larger than accepted.")
        return self.body


class Outbound:
    """Sends requests. For any number of threads. Connections are kept for a while, so close it at the end.

    Nothing of the environment is read: no proxies, no netrc. There are no cookies. `resolve` and `tls` are the
    machine's name lookup and its trusted certificates unless given.
    """

    def __init__(self, *, allowed: Allowed, resolve: Resolver | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=None,  # a caller's thread each: slow hosts must not keep others waiting
            max_keepalive_connections=_KEPT_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_Wall(allowed, resolve or _addresses_of),
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline_seconds: float,
        at_most_bytes: int,
        redirects: Literal[0, 1, 2, 3] = 0,
        https_only: bool = False,
    ) -> Answer:
        """Send a request and return its answer. Raises NotAllowed, Unreachable or TimedOut.

        `deadline_seconds` is for all of it: name lookup, connection, every byte of every hop. Of a body longer than
        `at_most_bytes`, as it comes or unpacked, that many are returned and the rest is left unread. The hops of
        `redirects` are checked like the first and never lead from https to http. They keep method and content, but 303
        becomes GET; at another origin all headers are dropped that could be credentials.
        """
        started = time.monotonic()
        ends_at = started + deadline_seconds
        host, sent = "", dict(headers or {})
        hops: int = redirects
        try:
            there = destinations.destination(url, https_only=https_only)
            while True:
                host = there.host
                status, received, body, cut = self._exchange(
                    method, there, sent, content, ends_at=ends_at, at_most_bytes=at_most_bytes
                )
                location = received.get("location")
                if hops == 0 or status not in _REDIRECTS or location is None:
                    elapsed = time.monotonic() - started
                    return Answer(status=status, headers=received, body=body, cut=cut, elapsed_seconds=elapsed)
                hops -= 1
                here, there = there, destinations.redirected(there, location, https_only=https_only)
                if there.origin != here.origin:
                    sent = {name: value for name, value in sent.items() if name.lower() in _FOR_ANY_ORIGIN}
                if status == 303 and method != "HEAD":
                    method, content = "GET", None
        except Misaddressed as why:
            raise NotAllowed(str(why), host=host) from None
        except httpcore.TimeoutException:
            raise TimedOut(f"No whole answer within {deadline_seconds:g} seconds.", host=host) from None
        except httpcore.LocalProtocolError:
            raise ValueError("a header can't be sent as it is") from None  # what it says repeats the header
        except httpcore.NetworkError:
            raise Unreachable("The connection was refused, or broke.", host=host) from None
        except (httpcore.ProtocolError, zlib.error):
            raise Unreachable("What came back is not a whole HTTP answer.", host=host) from None

    def _exchange(
        self,
        method: str,
        there: Destination,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        ends_at: float,
        at_most_bytes: int,
    ) -> tuple[int, dict[str, str], bytes, bool]:
        """Send one request and return status, headers, body and whether the body was cut."""
        ours = {"Host": there.authority, "User-Agent": "Earshot", "Accept-Encoding": "gzip"}
        with self._pool.stream(
            method,
            httpcore.URL(scheme=there.scheme, host=there.host, port=there.port, target=there.target),
            headers=[
                (name.encode("ascii"), value.encode("ascii")) for name, value in (*ours.items(), *headers.items())
            ],
            content=content,
            # httpcore hands these on untouched to `_Wall` and `_Stream`, who take them as the instant of the end.
            extensions={"timeout": {"connect": ends_at, "read": ends_at, "write": ends_at}},
        ) as response:
            received: dict[str, str] = {}
            for raw_name, raw_value in response.headers:
                name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
                received[name] = f"{received[name]}, {value}" if name in received else value
            gzipped = received.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip")
            body, cut = _read(response.iter_stream(), gzipped=gzipped, at_most_bytes=at_most_bytes)
            return response.status, received, body, cut

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class _Wall(httpcore.NetworkBackend):
    """Opens connections to checked addresses only. The name stays what Host, SNI and certificate are about.

    A name is looked up once for each connection, all its addresses are checked, and the connection goes to one of just
    these: a name server that says something else a moment later is not asked.
    """

    def __init__(self, allowed: Allowed, resolve: Resolver) -> None:
        self._allowed = allowed
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that accepts. Each gets an equal share of the time that is left."""
        addresses = self._addresses(host, timeout)
        if not all(destinations.may_connect(host, address, self._allowed) for address in addresses):
            raise NotAllowed(destinations.NOT_PUBLIC, host=host)  # one is enough: the next answer would lead to that
        tried = addresses[:_ADDRESSES_TRIED]
        for untried, address in zip(range(len(tried), 0, -1), tried, strict=True):
            share = _seconds_left(timeout) / untried
            try:
                return _Stream(host, _TCP.connect_tcp(str(address), port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if untried == 1:
                    raise
        raise Unreachable("Its name leads nowhere.", host=host)

    def _addresses(self, host: str, ends_at: float | None) -> list[Address]:
        literal = destinations.literal_address(host)
        if literal is not None:
            return [literal]
        try:
            # A lookup can't be interrupted. A thread whose answer nobody waits for ends when the resolver gives up.
            asked: Future[list[str]] = Future()
            threading.Thread(target=_settle, args=(asked, self._resolve, host), daemon=True).start()
            return list(dict.fromkeys(map(ip_address, asked.result(_seconds_left(ends_at)))))
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except OSError:
            raise Unreachable("Its name is not known.", host=host) from None


class _Stream(httpcore.NetworkStream):
    """A connection on which `timeout` is the instant of `time.monotonic` at which everything must be over.

    httpcore's own streams take it as the time from one byte to the next, so a slow sender would never be late.
    """

    def __init__(self, host: str, stream: httpcore.NetworkStream) -> None:
        self._host = host
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        sock: socket.socket = self._stream.get_extra_info("socket")
        unsent = memoryview(buffer)
        while unsent:
            sock.settimeout(_seconds_left(timeout))
            try:
                unsent = unsent[sock.send(unsent) :]
            except TimeoutError:
                raise httpcore.WriteTimeout from None
            except OSError:
                raise httpcore.WriteError from None  # httpcore goes on to read: there may be an answer already

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            return _Stream(self._host, self._stream.start_tls(ssl_context, server_hostname, _seconds_left(timeout)))
        except httpcore.ConnectError as trouble:
            if isinstance(trouble.__cause__, ssl.SSLCertVerificationError):
                raise Unreachable("Its certificate is not for this name, or not trusted.", host=self._host) from None
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _read(chunks: Iterable[bytes], *, gzipped: bool, at_most_bytes: int) -> tuple[bytes, bool]:
    """Return what came, unpacked, and whether there was more. Never holds more than `at_most_bytes` and a chunk."""
    unpack = zlib.decompressobj(wbits=31) if gzipped else None  # 31: gzip
    body, received = bytearray(), 0
    for chunk in chunks:
        received += len(chunk)
        # A limit of 0 would be none, so one byte too many is asked for; it also tells that there is more.
        body += unpack.decompress(chunk, at_most_bytes + 1 - len(body)) if unpack else chunk
        if max(len(body), received) > at_most_bytes:
            return bytes(body[:at_most_bytes]), True
    if unpack and received and (unpack.unused_data or not unpack.eof):
        raise zlib.error("it does not end where its gzip ends")
    return bytes(body), False


def _seconds_left(ends_at: float | None) -> float:
    """Raises httpcore's TimeoutException when nothing is left: 0 would mean not to wait, None to wait for ever."""
    left = 0.0 if ends_at is None else ends_at - time.monotonic()
    if left <= 0:
        raise httpcore.TimeoutException
    return left


def _settle(asked: Future[list[str]], resolve: Resolver, host: str) -> None:
    try:
        asked.set_result(list(resolve(host)))
    except Exception as trouble:  # it is raised where the answer is awaited
        asked.set_exception(trouble)


def _addresses_of(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
