"""Takes mails apart that anybody may have sent (RFC 5322, RFC 2045): headers in order, and the parts within.

The email package is not used: on a hostile megabyte of nested parts it takes minutes. Everything here is linear in the
length of the mail for each of the few levels that are looked into.
"""

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

LARGEST = 1024 * 1024
"""Bytes of a mail."""
_DEEPEST, _MOST_PARTS, _MOST_LINES = 5, 30, 2000
_LONGEST_HEADER = 8000

_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s";]{1,200}))', re.IGNORECASE)
_MARK = re.compile(r'\\.|["()]', re.DOTALL)
ADDRESS = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-z0-9.-]+")
LONGEST_ADDRESS = 254


class Part(NamedTuple):
    """A mail, or one part of it: its headers from the top, names in small letters and unfolded, and what follows."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of this header, the topmost first."""
        return [value for given, value in self.headers if given == name]

    def first(self, name: str) -> str:
        """Return the topmost value of this header; empty without one."""
        return next(iter(self.all(name)), "")

    @property
    def media_type(self) -> str:
        """What the part is, in small letters and without parameters."""
        return self.first("content-type").partition(";")[0].strip().lower()

    def content(self) -> bytes:
        """Return the body as it was meant; nothing when it is not encoded as it says."""
        encoding = self.first("content-transfer-encoding").strip().lower()
        try:
            if encoding == "base64":
                return binascii.a2b_base64(self.body)
            return binascii.a2b_qp(self.body) if encoding == "quoted-printable" else self.body
        except binascii.Error:
            return b""


def parted(raw: bytes) -> Part:
    """Part a mail's headers from its body."""
    raw = raw.replace(b"\r\n", b"\n")
    if raw.startswith(b"\n"):
        return Part((), raw[1:])
    head, _, body = raw.partition(b"\n\n")
    return Part(tuple(_headers(head)), body)


def leaves(mail: Part) -> Iterator[Part]:
    """Return the parts that hold no others, in order; of mails within mails nothing, for others wrote those."""
    waiting, seen = [(mail, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        if seen > _MOST_PARTS:
            return
        boundary = _BOUNDARY.search(part.first("content-type"))
        if not part.media_type.startswith("multipart/"):
            yield part
        elif boundary is not None and depth < _DEEPEST:
            within = _parts(part.body, (boundary[1] or boundary[2]).encode("ascii", "replace"))
            waiting += [(parted(one), depth + 1) for one in reversed(within)]


def bare(value: str) -> str:
    """Return a header's value without comments and what is quoted (RFC 5322 section 3.2): a stranger chooses what is
    said in those. What nobody closes hides the rest.
    """
    kept: list[str] = []
    begins, depth, quoted = 0, 0, False
    for mark in _MARK.finditer(value):
        if mark[0] == '"' and depth == 0:
            if not quoted:
                kept.append(value[begins : mark.start()])
            begins, quoted = mark.end(), not quoted
        elif mark[0] == "(" and not quoted:
            if depth == 0:
                kept.append(value[begins : mark.start()])
            depth += 1
        elif mark[0] == ")" and depth:
            begins, depth = mark.end(), depth - 1
    return " ".join(kept if quoted or depth else [*kept, value[begins:]])


def addresses(value: str) -> list[str]:
    """Return every address in a header, in small letters, those that only pose as one in a name's quotes left out."""
    return [found for found in ADDRESS.findall(bare(value).lower()) if len(found) <= LONGEST_ADDRESS]


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in re.sub(rb"\n[ \t]+", b" ", head).split(b"\n", _MOST_LINES)[:_MOST_LINES]:
        if field := _FIELD.fullmatch(line[:_LONGEST_HEADER]):
            yield field[1].decode().lower(), field[2].decode("ascii", "replace").strip()


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands between the delimiters (RFC 2046 section 5.1.1), but for more parts than a mail has."""
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*$", re.MULTILINE)
    found: list[bytes] = []
    begins: int | None = None
    for place in delimiter.finditer(body):
        if begins is not None:
            found.append(body[begins : max(begins, place.start() - 1)])
        if place[1] or len(found) == _MOST_PARTS:
            return found
        begins = place.end() + 1
    return found if begins is None else [*found, body[begins:]]  # cut off on the way
