"""The server's end of each connection. Whoever dawdles on it is cut off, so half-open ones cost nobody else anything.

uvicorn alone waits for the head of a request for ever, holds a head of any length, and counts trailers as headers.
"""

import asyncio
import re
import secrets
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import Malformed, Problem
from app.routers.gate import EVERY_ANSWER
from app.routers.problems import refuse

HEAD_SECONDS = 8
"""From the first byte of a request to the end of its head; for the first one, from the begin of the connection. What we
promise is ten: two are for a busy machine.
"""
_UNREAD_ANSWER_SECONDS = 60
_LONGEST_HEAD = 64 * 1024
_MOST_HEADERS = 100
_HANDED_ON = 1024
"""Bytes of a body for which whoever reads it is woken; fewer at its end."""
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
"""A target as proxies are sent it, with the host that it is for."""
_OF_A_BODY = (b"content-length", b"transfer-encoding")


class HeadTooLong(Problem):
    """The head of the request is longer than accepted (RFC 6585 section 5)."""

    status = 431
    code = "head_too_long"
    title = "The head of the request is too long"


class Lines:
    """All connections of one server. When there are too many, the one that has waited longest for a request makes room:
    never one whose request is being served.
    """

    def __init__(self, most: int, *, head_seconds: float = HEAD_SECONDS) -> None:
        self.head_seconds = head_seconds
        self._most = most
        self._waiting: dict[Line, None] = {}  # the longest without a request first

    def line(self, **given: Any) -> "Line":
        """Return the end of a new connection, as uvicorn asks for it."""
        return Line(self, **given)

    def waits(self, line: "Line") -> None:
        """Note that a line is without a request."""
        self._waiting[line] = None

    def is_served(self, line: "Line") -> None:
        """Note that a line has a request, or is gone."""
        self._waiting.pop(line, None)

    def make_room(self, lines_open: int) -> None:
        """Cut a line off when so many are too many. Constant time."""
        if lines_open > self._most and self._waiting:
            longest = next(iter(self._waiting))
            self.is_served(longest)
            longest.transport.abort()


class Line(HttpToolsProtocol):
    """One connection."""

    def __init__(self, lines: Lines, **given: Any) -> None:
        super().__init__(**given)
        self._lines = lines
        self._in_head = True  # what comes next belongs to the head of a request, not to a body
        self._head_bytes = 0
        self._drops = b""  # of a body, not handed on yet
        self._is_deaf = False  # what comes next is no request, or nobody knows where it begins
        self._fault: Problem = Malformed("This is not HTTP/1.1 as RFC 9112 has it.")
        self._due: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    # --- The connection itself

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the time for the first head runs, also when not a byte comes."""
        super().connection_made(transport)
        self._lines.waits(self)
        self._lines.make_room(len(self.connections))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._nothing_is_due()
        self._is_read()
        self._lines.is_served(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._is_deaf or self.transport.is_closing():
            return
        if self._in_head:
            self._await_head()  # empty lines before a request begin nothing that uvicorn would notice
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _LONGEST_HEAD and not self._is_deaf:
            self._refuse(HeadTooLong(f"At most {_LONGEST_HEAD // 1024} KiB are read before the body."))

    # --- What the parser finds

    def on_message_begin(self) -> None:
        """Begin a request; its time runs."""
        super().on_message_begin()
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header. Trailers (RFC 9110 section 6.5) are not: proxies that check headers let them through."""
        if not self._in_head:
            return
        if len(self.headers) >= _MOST_HEADERS:
            self._fault = HeadTooLong(f"At most {_MOST_HEADERS} headers are read.")
            raise self._fault
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head, and have the request served."""
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name in _OF_A_BODY and value != b"0" for name, value in self.headers):
            self._fault = Malformed("Send it without `Upgrade`: HTTP/1.1 is all that is spoken here.")
            raise self._fault  # the parser takes the body for another protocol
        named = _ABSOLUTE.match(self.url)
        if named and any(name == b"host" and value.lower() != named[1].lower() for name, value in self.headers):
            self._fault = Malformed("The address is for another host than Host names (RFC 9112 section 3.2.2).")
            raise self._fault
        self._in_head, self._head_bytes = False, 0
        self._nothing_is_due()
        self._lines.is_served(self)
        super().on_headers_complete()
        if upgrade:  # whoever asks is served in the protocol that there is (RFC 9110 section 7.8), once
            self._is_deaf = True
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of a body. Drops are handed on together: a wake costs ten times what a drop does, and whoever
        sends drops sends many.
        """
        self._drops += body
        if len(self._drops) >= _HANDED_ON:
            self._hand_on()

    def on_message_complete(self) -> None:
        """End the body."""
        self._hand_on()
        self._in_head = True
        self._nothing_is_due()
        super().on_message_complete()

    def _hand_on(self) -> None:
        body, self._drops = self._drops, b""
        if body:
            super().on_body(body)

    # --- Deadlines

    def on_response_complete(self) -> None:
        """End the answer. What is left of a body that nobody reads has a moment to come in."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._leave()
        elif self.cycle.response_complete:  # else a request that was sent ahead is being served now
            self._lines.waits(self)
            if not self._in_head:
                self._due = self.loop.call_later(self._lines.head_seconds, self._leave)

    def timeout_keep_alive_handler(self) -> None:
        """End a line on which nothing more is asked."""
        self._leave()

    def pause_writing(self) -> None:
        """Wait for the client to read, though not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(_UNREAD_ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        self._is_read()
        super().resume_writing()

    def _await_head(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(self._lines.head_seconds, self._head_is_overdue)

    def _head_is_overdue(self) -> None:
        if self._is_answering():
            self.shutdown()  # an earlier request on this line gets its answer first
        else:
            self._leave()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _nothing_is_due(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _leave(self) -> None:
        """Close, and insist when what was written is not read."""
        self.transport.close()
        if self.transport.get_write_buffer_size() and self._unread is None:
            self._unread = self.loop.call_later(_UNREAD_ANSWER_SECONDS, self.transport.abort)

    # --- Refusals of what is no HTTP

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's own words
        """Refuse what the parser can't read."""
        self._refuse(self._fault)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody may ask."""

    def _refuse(self, problem: Problem) -> None:
        self._is_deaf = True
        if self.pipeline or (self._is_answering() and (self._in_head or self.cycle.response_started)):
            self.shutdown()  # nothing may stand inside of another answer
            return
        answer = refuse(problem, request_id=secrets.token_hex(12))
        headers = [*self.server_state.default_headers, *answer.raw_headers, *EVERY_ANSWER, (b"connection", b"close")]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", bytes(answer.body)]))
        self._leave()
