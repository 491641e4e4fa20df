"""Reads mails that carry a calendar by the letter of RFC 6047, and of what Gmail and Outlook look for; lists faults."""

import email
from collections.abc import Collection, Iterator
from email.message import EmailMessage
from email.policy import default
from typing import cast

from tests.ical.checker import events_of, parse, problems

LONGEST_LINE = 76


def calendar_of(raw: bytes) -> bytes:
    """The calendar among the alternatives, as it was sent."""
    return next(_content(part) for part in _read(raw).walk() if part.get_content_type() == "text/calendar")


def mail_problems(raw: bytes, *, customers: Collection[str] = ()) -> list[str]:
    """List what is wrong with a mail that carries a calendar, and with the calendar."""
    found = list(_physical(raw))
    mail = _read(raw)
    found += _headers(mail)
    children = [cast(EmailMessage, part) for part in mail.iter_parts()]
    kinds = [part.get_content_type() for part in children]
    if mail.get_content_type() != "multipart/mixed" or kinds != ["multipart/alternative", "application/ics"]:
        return [*found, "not an alternative and then an attachment"]
    alternatives = [cast(EmailMessage, part) for part in children[0].iter_parts()]
    if [part.get_content_type() for part in alternatives] != ["text/plain", "text/html", "text/calendar"]:
        return [*found, "the alternatives are not text, HTML and calendar"]
    found += _calendars(mail, alternatives[2], children[1], customers)
    return found


def _physical(raw: bytes) -> Iterator[str]:
    if not raw.isascii():
        yield "not ASCII"
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        yield "bare CR or LF in the mail"
    if max(map(len, raw.split(b"\r\n"))) > LONGEST_LINE:
        yield "a line of the mail is too long"


def _headers(mail: EmailMessage) -> Iterator[str]:
    for name in ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"):
        if len(mail.get_all(name, [])) != 1:
            yield f"{name} is there {len(mail.get_all(name, []))} times"
    if mail["Auto-Submitted"] != "auto-generated":
        yield "an out-of-office note may come back"  # RFC 3834 section 5
    if "Cc" in mail or "Bcc" in mail or len(_addresses(mail, "To")) != 1:
        yield "not to one person"


def _calendars(
    mail: EmailMessage, part: EmailMessage, attached: EmailMessage, customers: Collection[str]
) -> Iterator[str]:
    params = part["Content-Type"].params
    if params.get("charset", "").upper() != "UTF-8":
        yield "the calendar's charset is not UTF-8"  # RFC 6047 section 2.4
    if part.get_content_disposition() is not None:
        yield "the calendar has a disposition"  # Gmail then shows no buttons
    if attached.get_content_disposition() != "attachment" or _content(attached) != _content(part):
        yield "another calendar is attached"
    recipient = next(iter(_addresses(mail, "To")), "")
    calendar = _content(part)
    yield from problems(calendar, method=params.get("method"), recipient=recipient, customers=customers)
    read_by_us = {f"mailto:{address}" for name in ("From", "Reply-To") for address in _addresses(mail, name)}
    if any(event.value("ORGANIZER") not in read_by_us for event in events_of(parse(calendar))):
        yield "answers to the ORGANIZER do not come back to who sent this"


def _read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=default)


def _content(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _addresses(mail: EmailMessage, name: str) -> list[str]:
    return [one.addr_spec for header in mail.get_all(name, []) for one in header.addresses]
