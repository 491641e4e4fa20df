"""Read what mail servers say about mail that was not delivered (RFC 3464 inside RFC 6522), and what it means.

The email package is not used: on a hostile megabyte of nested parts it takes minutes. Everything here is linear in the
length of the mail, takes no part apart twice, and looks at few of them.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

BounceOutcome = Literal["in_trouble", "noted", "ignored"]
"""What becomes of a report: nothing more is sent to the address, only the one mail is marked, or nothing."""

LONGEST_REPORT = 1024 * 1024
"""Bytes. A report that brings back more than the headers of a mail of ours is not larger."""
_MOST_PARTS, _MOST_RECIPIENTS, _MOST_FIELDS = 10, 100, 200
_LONGEST_FIELD, _LONGEST_ADDRESS, _LONGEST_WORDS = 2000, 254, 200

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9])")
_NOT_THE_ADDRESS = frozenset({"5.1.7", "5.1.8", "5.2.2", "5.2.3"})
"""The sender's address is bad, the mailbox is full, the message is too long for it."""

_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)")
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s";]{1,200}))', re.IGNORECASE)
_REPORT_TYPE = re.compile(r';\s*report-type\s*=\s*"?delivery-status\b', re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<?([^\s<>]{1,254})>?")
_ADDRESS = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9.-]{1,190}")
_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_ORIGINALS = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)

Fields = Mapping[str, str]
"""A field's name in small letters to its value, unfolded; of several of one name the first."""


class NotAReport(ValueError):
    """This mail does not report on a delivery."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that will never arrive where it was sent: which one, and the addresses that the report or the mail itself
    names, in small letters. `words` are the other server's own, printable and in one line.
    """

    message_id: str
    recipients: frozenset[str]
    status: str
    words: str


def bounces(raw: bytes) -> list[Bounce]:
    """Return what a report says was given up for good: `Action: failed` with a status 5.x.x (RFC 3464 section 2.3).

    What was delayed, delivered or relayed is left out, and so is a failure whose original has no name, neither in what
    came back of it nor as `Original-Envelope-Id` (RFC 3461 section 4.4). Raises NotAReport for any other mail. Linear.
    """
    if len(raw) > LONGEST_REPORT:
        raise NotAReport("it is too long")
    fields, body = _head(raw.replace(b"\r\n", b"\n"))
    kind = fields.get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if _media_type(fields) != "multipart/report" or not _REPORT_TYPE.search(kind) or boundary is None:
        raise NotAReport("it is no multipart/report of a delivery (RFC 6522)")
    groups: list[Fields] = []
    original: Fields = {}
    for part in _parts(body, (boundary[1] or boundary[2]).encode("ascii", "replace")):
        part_fields, content = _head(part)
        if not groups and _media_type(part_fields) in _REPORTS:
            groups = list(_groups(_decoded(part_fields, content)))
        elif not original and _media_type(part_fields) in _ORIGINALS:
            original, _ = _head(_decoded(part_fields, content).lstrip(b"\n"))
    if not groups:
        raise NotAReport("it says nothing about a delivery")
    return list(_failures(groups, original))


def _failures(groups: list[Fields], original: Fields) -> Iterator[Bounce]:
    of_the_message, *of_recipients = groups
    name = original.get("message-id") or of_the_message.get("original-envelope-id", "")
    message_id = _MESSAGE_ID.match(name.strip())
    if message_id is None:
        return
    for about in of_recipients:
        status = _status(about)
        if about.get("action", "").strip().lower().startswith("failed") and status:
            named = (about.get("final-recipient", ""), about.get("original-recipient", ""), original.get("to", ""))
            recipients = frozenset(found for value in named for found in _addresses(value))
            words = _plain(about.get("diagnostic-code", "").partition(";")[2])
            yield Bounce(message_id[1], recipients, status, words)


def first_status(text: str) -> str | None:
    """Return the enhanced status code that the text begins with, such as 5.1.1 (RFC 2034, RFC 3463)."""
    found = _STATUS.match(text)
    return found[0] if found else None


def blames_address(status: str) -> bool:
    """Whether no mail will ever arrive where this one did not, for all that is known: there is no such mailbox, it is
    closed, or no way leads to it. Not so where protocol, content or policy forbade one mail (RFC 3463 section 3).
    """
    return status.startswith(("5.0.", "5.1.", "5.2.", "5.4.")) and status not in _NOT_THE_ADDRESS


def _status(about: Fields) -> str | None:
    """Return the permanent status. Where a gateway says no more than 5.0.0, the server's own words may."""
    status = first_status(about.get("status", "").strip())
    if status == "5.0.0":
        told = re.search(r"\b5[0-9][0-9][ -](5\.[0-9]{1,3}\.[0-9]{1,3})\b", about.get("diagnostic-code", ""))
        return told[1] if told else status
    return status if status and status.startswith("5.") else None


def _addresses(value: str) -> Iterator[str]:
    """Return the addresses in a value such as `rfc822; jo@acme.example` or `Jo <jo@acme.example>`."""
    for word in re.split(r"[\s<>,;()\"]+", value.lower()):
        if len(word) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(word):
            yield word


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^!-~]+", " ", text).split())[:_LONGEST_WORDS]


def _head(raw: bytes) -> tuple[Fields, bytes]:
    """Take a message apart: its fields, and what follows the first empty line."""
    if raw.startswith(b"\n"):
        return {}, raw[1:]
    head, _, body = raw.partition(b"\n\n")
    return _fields(head), body


def _fields(head: bytes) -> Fields:
    found: dict[str, str] = {}
    name = ""
    for line in head.split(b"\n", 10 * _MOST_FIELDS)[: 10 * _MOST_FIELDS]:
        if line[:1] in (b" ", b"\t"):  # a field goes on (RFC 5322 section 2.2.3)
            if name and len(found[name]) < _LONGEST_FIELD:
                found[name] += " " + line.decode("ascii", "replace").strip()[:_LONGEST_FIELD]
            continue
        field = _FIELD.fullmatch(line[:_LONGEST_FIELD])
        name = field[1].decode("ascii").lower() if field else ""
        if field is None or name in found or len(found) >= _MOST_FIELDS:
            name = ""
        else:
            found[name] = field[2].decode("ascii", "replace").strip()
    return found


def _media_type(fields: Fields) -> str:
    return fields.get("content-type", "").partition(";")[0].strip().lower()


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands between the delimiters (RFC 2046 section 5.1.1), but for more parts than a report has."""
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*$", re.MULTILINE)
    parts: list[bytes] = []
    begins_at: int | None = None
    for place in delimiter.finditer(body):
        if begins_at is not None:
            parts.append(body[begins_at : place.start()])
        if place[1] or len(parts) == _MOST_PARTS:
            return parts
        begins_at = place.end() + 1
    return parts if begins_at is None else [*parts, body[begins_at:]]  # cut off on the way


def _decoded(fields: Fields, content: bytes) -> bytes:
    """Return the content as it was meant; what is not encoded as it says is nothing."""
    encoding = fields.get("content-transfer-encoding", "").strip().lower()
    try:
        if encoding == "base64":
            content = binascii.a2b_base64(content)
        elif encoding == "quoted-printable":
            content = binascii.a2b_qp(content)
    except binascii.Error:
        return b""
    return content.replace(b"\r\n", b"\n")


def _groups(content: bytes) -> Iterator[Fields]:
    """Return what a delivery status says of the message, then of each recipient (RFC 3464 section 2.1)."""
    blocks = re.split(rb"\n[ \t]*\n", content.strip(b"\n"), maxsplit=4 * _MOST_RECIPIENTS)
    wanted = [block.strip(b"\n") for block in blocks[: 4 * _MOST_RECIPIENTS]]
    for block in [block for block in wanted if block][: _MOST_RECIPIENTS + 1]:
        yield _fields(block)
