"""Reads what calendars answer to our invites (iTIP REPLY and COUNTER, RFC 5546) and who vouches for the sender.

Nothing in here is believed because it is said. Mails are at most 1 MiB, and read in linear time.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from app.ical.foreign_zones import Zones
from app.ical.mime import ADDRESS, LARGEST, LONGEST_ADDRESS, Part, addresses, bare, leaves, parted
from app.ical.read import Budget, Component, Property, Unreadable, parse
from app.ical.times import When, length, when

ReplyMethod = Literal["REPLY", "COUNTER"]

_MOST_REPLIES = 20
_LONGEST_UID = 255
_STEPS = 20_000
_DMARC = re.compile(r"\s*dmarc(?:\s*/\s*\d+)?\s*=\s*([a-z]+)", re.IGNORECASE)
_FROM = re.compile(r"\sheader\.from\s*=\s*([a-z0-9.-]+)(?=\s|$)", re.IGNORECASE)


class NotAReply(ValueError):
    """There is no answer in it that could be read; the words say why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one event, or to one occurrence of a series. All instants are in UTC."""

    method: ReplyMethod
    uid: str
    occurrence: datetime | None
    """RECURRENCE-ID: which occurrence, by the time that the series has it at."""
    sequence: int
    stamped_at: datetime
    attendees: tuple[tuple[str, str], ...]
    """Address in small letters and PARTSTAT. A REPLY has just one; a COUNTER may name all that are invited."""
    starts_at: datetime | None
    """The time that is answered; of a COUNTER, that which is suggested."""
    ends_at: datetime | None

    def of(self, sender: str | None) -> tuple[str, str] | None:
        """Return who answers and what: the only attendee; of several, the sender."""
        if len(self.attendees) == 1:
            return self.attendees[0]
        return next((one for one in self.attendees if one[0] == sender), None)


@dataclass(frozen=True, slots=True)
class ReplyMail:
    """A mail that answers invites."""

    replies: tuple[Reply, ...]
    sender: str | None
    """The only address in the only From, in small letters; a mail with more has no sender that could be believed."""
    recipients: frozenset[str]
    """To whom it went, by any header that says so, in small letters."""
    results: str | None
    """The topmost Authentication-Results (RFC 8601): those below it may be anybody's."""

    def authenticated(self, authserv_id: str) -> str | None:
        """Return the sender, if the gateway of this name says that DMARC passed for their domain; else None.

        Linear. Only one result of DMARC may be there: a second was put in by whoever chose a name or an address.
        """
        if not authserv_id or self.results is None or self.sender is None:
            return None
        name, *results = bare(self.results).split(";")
        if name.lower().split()[:1] != [authserv_id.lower()]:
            return None
        said = [(found[1].lower(), one) for one in results if (found := _DMARC.match(one))]
        if len(said) != 1 or said[0][0] != "pass":
            return None
        domains = [domain.lower() for domain in _FROM.findall(said[0][1])]
        return self.sender if domains == [self.sender.rpartition("@")[2]] else None


def read_mail(raw: bytes) -> ReplyMail:
    """Read a mail (RFC 6047): its one text/calendar part, or else its one application/ics. Raises NotAReply."""
    if len(raw) > LARGEST:
        raise NotAReply("The mail is larger than 1 MiB.")
    mail = parted(raw)
    parts = list(leaves(mail))
    found = _of_type(parts, "text/calendar") or _of_type(parts, "application/ics")
    if len(found) != 1:
        raise NotAReply("The mail has more than one calendar." if found else "The mail has no calendar.")
    senders = [one for value in mail.all("from") for one in addresses(value)]
    headers = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
    return ReplyMail(
        replies=read_calendar(found[0].content()),
        sender=senders[0] if len(senders) == 1 and len(mail.all("from")) == 1 else None,
        recipients=frozenset(one for name in headers for value in mail.all(name) for one in addresses(value)),
        results=next(iter(mail.all("authentication-results")), None),
    )


def read_calendar(content: bytes) -> tuple[Reply, ...]:
    """Read the answers in a calendar: one event, or several occurrences of one series. Raises NotAReply."""
    if len(content) > LARGEST:
        raise NotAReply("The calendar is larger than 1 MiB.")
    try:
        calendars = parse(content)
        if len(calendars) != 1:
            raise NotAReply("There is more than one calendar.")
        (calendar,) = calendars
        method = calendar.word("METHOD")
        if method not in ("REPLY", "COUNTER"):
            raise NotAReply("Its METHOD is neither REPLY nor COUNTER.")
        zones = Zones(calendar, "UTC", Budget(_STEPS))
        events = [child for child in calendar.children if child.name == "VEVENT"]
        if not 1 <= len(events) <= _MOST_REPLIES:
            raise NotAReply(f"It answers no event, or more than {_MOST_REPLIES}.")
        replies = tuple(_reply(cast(ReplyMethod, method), event, zones) for event in events)
    except Unreadable as unreadable:
        raise NotAReply(str(unreadable)) from unreadable
    if len({reply.uid for reply in replies}) > 1:
        raise NotAReply("It answers events of more than one UID.")
    return replies


def _of_type(parts: list[Part], media_type: str) -> list[Part]:
    return [part for part in parts if part.media_type == media_type]


def _reply(method: ReplyMethod, event: Component, zones: Zones) -> Reply:
    uid, sequence, stamp = event.first("UID"), event.word("SEQUENCE") or "0", _when(event, "DTSTAMP", zones)
    if uid is None or not 1 <= len(uid.value.strip()) <= _LONGEST_UID or not uid.value.isprintable():
        raise NotAReply("It does not say which event it answers.")
    if stamp is None or stamp.zone is not UTC:
        raise NotAReply("It has no DTSTAMP in UTC.")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) < 10):
        raise NotAReply("Its SEQUENCE is no number.")
    attendees = {_address(one): one.params.get("PARTSTAT", "NEEDS-ACTION").upper() for one in event.all("ATTENDEE")}
    if not attendees or (method == "REPLY" and len(attendees) > 1):
        raise NotAReply("It does not say who answers.")
    starts = _when(event, "DTSTART", zones)
    if method == "COUNTER" and (starts is None or starts.all_day):
        raise NotAReply("It does not say which time it suggests.")
    occurrence = _when(event, "RECURRENCE-ID", zones)
    return Reply(
        method=method,
        uid=uid.value.strip(),
        occurrence=occurrence.at() if occurrence else None,
        sequence=int(sequence),
        stamped_at=stamp.at(),
        attendees=tuple(attendees.items()),
        starts_at=starts.at() if starts else None,
        ends_at=_end(event, starts, zones) if starts else None,
    )


def _when(event: Component, name: str, zones: Zones) -> When | None:
    found = event.first(name)
    if found is None:
        return None
    read = when(found, zones)
    if read is None:
        raise NotAReply(f"Its {name} is malformed.")
    return read


def _end(event: Component, starts: When, zones: Zones) -> datetime:
    if ends := _when(event, "DTEND", zones):
        return ends.at()
    lasting = event.first("DURATION")
    lasts = length(lasting.value) if lasting else None
    return lasts.after(starts.wall, starts.zone) if lasts else starts.at()


def _address(attendee: Property) -> str:
    """Return the address; iCloud writes it as a parameter, beside an opaque principal."""
    value = attendee.value.strip().lower()
    address = value.removeprefix("mailto:") if "@" in value else attendee.params.get("EMAIL", "").strip().lower()
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        raise NotAReply("It does not say who answers.")
    return address
