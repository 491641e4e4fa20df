"""Writes mails, with an iTIP message inside (iMIP, RFC 6047) or without: pure ASCII, so every relay hands them on byte
for byte.
"""

from __future__ import annotations  # Message takes parameters for the type checker only

import base64
import hashlib
import quopri
import re
from datetime import datetime
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime
from typing import Any

from app.ical.entries import Attendee, Organizer
from app.ical.text import clean, one_line
from app.ical.write import Method

# compat32 writes a header as it was made. The newer policies parse every value first: an encoded word that hides in a
# name (=?utf-8?q?=0D=0ABcc:...?=) comes out decoded, line break and all.
_POLICY = compat32.clone(linesep="\r\n", max_line_length=76)  # RFC 2047 section 2

_LONGEST_HEADER = 200  # characters of a name or a subject; the rest is cut

# Text that may stand in a header as it is: it needs neither quotes nor folding and cannot pose as an encoded word.
_PLAIN = re.compile(r"[A-Za-z0-9 '-]{0,60}")

# RFC 5322 section 3.4.1 without quoted strings, literals and comments; the same form serves message ids.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets

_URL = re.compile(r"https?://[!#-;=?-~]{1,900}")  # with its header it fits into one line (RFC 5322 section 2.1.1)


def message(
    *,
    calendar: bytes,
    method: Method,
    sender: Organizer,
    recipient: Attendee,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    date: datetime,
    reply_to: str | None = None,
) -> bytes:
    """Return the mail that carries `calendar` to one attendee. The same arguments give the same bytes.

    `message_id` and addresses come without angle brackets and in ASCII; an address that is none is a ValueError, and so
    is a calendar whose METHOD is not `method` (RFC 6047 section 2.4 wants them equal). Outlook looks for the invite in
    the first child only and Gmail wants it among the alternatives; both take base64, which alone keeps each CRLF of
    the calendar. The same bytes are attached for people whose client knows neither. Answers by hand go to `reply_to`.
    """
    if f"\r\nMETHOD:{method}\r\n".encode() not in calendar:
        raise ValueError(f"the calendar's METHOD is not {method}")
    boundary = _boundary(message_id)
    alternatives = _multipart(
        "alternative",
        boundary,
        _text_part("plain", text),
        _text_part("html", html),
        _base64_part(f"text/calendar; charset=UTF-8; method={method}", calendar),
    )
    attached = _base64_part('application/ics; name="invite.ics"', calendar)
    attached["Content-Disposition"] = 'attachment; filename="invite.ics"'
    mail = _multipart("mixed", boundary, alternatives, attached)
    if reply_to is not None:
        mail["Reply-To"] = f"<{_address(reply_to)}>"
    return _sealed(mail, sender, recipient, subject=subject, message_id=message_id, date=date)


def letter(
    *,
    sender: Organizer,
    recipient: Attendee,
    subject: str,
    text: str,
    html: str,
    message_id: str,
    date: datetime,
    unsubscribe_url: str | None = None,
) -> bytes:
    """Return a mail that carries no calendar, to one person. As `message` in everything else.

    Who posts `List-Unsubscribe=One-Click` to `unsubscribe_url` wants no more of its kind (RFC 8058): mail programs show
    a button for it where the URL is https and the relay signs the mail (DKIM). What is no URL is a ValueError.
    """
    mail = _multipart("alternative", _boundary(message_id), _text_part("plain", text), _text_part("html", html))
    written = _sealed(mail, sender, recipient, subject=subject, message_id=message_id, date=date)
    return written if unsubscribe_url is None else _unsubscribing(unsubscribe_url) + written


def _unsubscribing(url: str) -> bytes:
    if not _URL.fullmatch(url):
        raise ValueError("not a URL for mail")  # unnamed: who has it can unsubscribe somebody
    # In one line each: the email package would begin the next one before a long URL, and not every reader takes that.
    return f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n".encode()


def _sealed(
    mail: Message[Any, Any],
    sender: Organizer,
    recipient: Attendee,
    *,
    subject: str,
    message_id: str,
    date: datetime,
) -> bytes:
    """Return the bytes of the mail once it says from whom and to whom it is."""
    mail["MIME-Version"] = "1.0"
    mail["From"] = _mailbox("From", sender.name, sender.email)
    mail["To"] = _mailbox("To", recipient.name, recipient.email)
    mail["Subject"] = _words("Subject", subject)
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = f"<{_address(message_id)}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office note comes back
    return mail.as_bytes(policy=_POLICY)


def _boundary(message_id: str) -> str:
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def _multipart(subtype: str, boundary: str, *parts: Message[Any, Any]) -> Message[Any, Any]:
    # No base64 or quoted-printable body can hold "=_" (RFC 2045 section 6.7), so no part can end another.
    whole = _part(f'multipart/{subtype}; boundary="=_{boundary}_{subtype}"')
    for part in parts:
        whole.attach(part)
    return whole


def _text_part(subtype: str, text: str) -> Message[Any, Any]:
    part = _part(f"text/{subtype}; charset=UTF-8")
    part["Content-Transfer-Encoding"] = "quoted-printable"
    part.set_payload(quopri.encodestring(clean(text).encode()).decode("ascii"))
    return part


def _base64_part(content_type: str, content: bytes) -> Message[Any, Any]:
    part = _part(content_type)
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(content).decode("ascii"))
    return part


def _part(content_type: str) -> Message[Any, Any]:
    part = Message(policy=_POLICY)
    part["Content-Type"] = content_type
    return part


def _mailbox(field: str, name: str, email: str) -> Header:
    header = _words(field, name)
    header.append(f"<{_address(email)}>", "us-ascii")
    return header


def _words(field: str, text: str) -> Header:
    """Return the text, as encoded words (RFC 2047) unless it is plain."""
    line = one_line(text)[:_LONGEST_HEADER]
    charset = "us-ascii" if _PLAIN.fullmatch(line) else "utf-8"
    return Header(line, charset, header_name=field)


def _address(address: str) -> str:
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise ValueError(f"not an address for mail: {address[:_LONGEST_ADDRESS]!r}")
    return address
