"""Draw calendar entries: what stands in an observer's and in a host's calendar, said with the names of today.

Data minimum (design: privacy): company and call type, colleagues by name, no title or contact from the CRM. The
observers of one call never learn of each other from here.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select

from app.config import Settings
from app.db import DbSession
from app.ical import entries as ical
from app.ical.entries import Attendee, AttendeeRole, Entry, Organizer, PartStat
from app.ical.write import RENDERER, vevent
from app.models.tables import account, call, participant, person, seat
from app.models.tables import calendar_entry as entry
from app.queries import calls
from app.queries.busy import LOADING
from app.vocabulary import EntryStatus, Part, PersonStatus, Response

_ALARM_MINUTES = 10
_PARTSTATS: Mapping[Response, PartStat] = {
    Response.NEEDS_ACTION: "NEEDS-ACTION",
    Response.ACCEPTED: "ACCEPTED",
    Response.DECLINED: "DECLINED",
    Response.TENTATIVE: "TENTATIVE",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What every entry of this installation has in common: who sends it and where its links lead."""

    organizer: Organizer
    public_url: str

    @classmethod
    def of(cls, settings: Settings) -> "Desk":
        """Return the desk that these settings describe."""
        return cls(Organizer("Earshot", settings.mail_from), settings.public_url.rstrip("/"))

    @property
    def edition(self) -> int:
        """Which renderer and desk stored bytes came from, in 31 bits: other bytes are never taken for these."""
        return zlib.crc32(f"{RENDERER} {self.organizer.email} {self.public_url}".encode()) >> 1


@dataclass(frozen=True, slots=True)
class Fragment:
    """The VEVENT of one revision for feeds and downloads, worth keeping with the row it was made of."""

    entry_id: str
    row_changed_at: datetime
    content: bytes


@dataclass(frozen=True, slots=True)
class Drawn:
    """One revision of one person's entry. `row_changed_at` is that of the row, to tell a later revision from it."""

    id: str
    part: Part
    row_changed_at: datetime
    recipient: Attendee
    recipient_status: PersonStatus
    time_zone: str
    """Where the recipient lives."""
    entry: Entry

    def fragment(self) -> Fragment:
        """Return the VEVENT. Pure: one revision of one edition is one sequence of bytes."""
        return Fragment(self.id, self.row_changed_at, vevent(self.entry, rsvp=False))


def drawn_entries(db: DbSession, entry_ids: Iterable[str], *, desk: Desk) -> list[Drawn]:
    """Return these entries by start. Three statements, however many there are."""
    wanted = list(entry_ids)
    recipient, host = person.alias("recipient"), person.alias("host")
    query = (
        select(
            *(column for column in entry.c if column is not entry.c.vevent),
            recipient.c.name,
            recipient.c.email,
            recipient.c.status.label("recipient_status"),
            recipient.c.time_zone,
            host.c.name.label("host_name"),
            host.c.email.label("host_email"),
            call.c.type,
            call.c.meeting_url,
            account.c.name.label("company"),
            participant.c.response,
        )
        .join(recipient, recipient.c.id == entry.c.person_id)
        .join(call, call.c.id == entry.c.call_id)
        .join(host, host.c.id == call.c.host_id)
        .outerjoin(account, account.c.id == call.c.account_id)
        .outerjoin(
            participant,
            and_(participant.c.session_id == entry.c.session_id, participant.c.person_id == entry.c.person_id),
        )
        .where(entry.c.id.in_(wanted))
        .order_by(entry.c.starts_at, entry.c.id)
    )
    rows = db.execute(query).all()
    lessons = calls.lessons(db, {row.type for row in rows})
    observers = _observers(db, {row.call_id for row in rows if row.part is Part.HOST})
    return [_drawn(row, desk, lessons.get(row.type, []), observers.get(row.call_id, [])) for row in rows]


def busy_only(row: Any, desk: Desk) -> bytes:
    """Return the VEVENT that tells when somebody is taken and nothing else. `row` is one of `calendar_entry`."""
    hidden = Entry(
        **_common(row, desk),
        summary="Busy",
        description="",
        location=None,
        url=None,
        conference_url=None,
        transparent=False,
        attendees=(),
        alarm_minutes=None,
    )
    return vevent(hidden, rsvp=False)


def _drawn(row: Any, desk: Desk, lessons: list[str], observers: list[Any]) -> Drawn:
    made = _of_host(row, desk, observers) if row.part is Part.HOST else _of_observer(row, desk, lessons)
    return Drawn(
        id=row.id,
        part=row.part,
        row_changed_at=row.changed_at,
        recipient=made.attendees[0],
        recipient_status=row.recipient_status,
        time_zone=row.time_zone,
        entry=made,
    )


def _of_observer(row: Any, desk: Desk, lessons: list[str]) -> Entry:
    kind = _kind(row)
    about = f"{row.company} ({kind})" if row.company else kind
    url = f"{desk.public_url}/s/{row.session_id}"
    listen_for = "\n".join(["Listen for:", *(f"- {lesson}" for lesson in lessons), "", ""]) if lessons else ""
    # Somebody whose seat is gone has no use for the way into the call.
    meeting_url = None if row.status is EntryStatus.CANCELLED else row.meeting_url
    return Entry(
        **_common(row, desk),
        summary=f"Shadow: {row.host_name} · {about}",
        description=f"{listen_for}{url}",
        location=meeting_url,  # clients that don't know CONFERENCE make a link of it
        url=url,
        conference_url=meeting_url,
        transparent=False,
        attendees=(
            _attendee(row, "REQ-PARTICIPANT"),
            Attendee(row.host_name, row.host_email, role="CHAIR", partstat="ACCEPTED"),
        ),
        alarm_minutes=_ALARM_MINUTES,
    )


def _of_host(row: Any, desk: Desk, observers: list[Any]) -> Entry:
    # A cancelled entry has no observers: they left, or they listen to the host who took the call over.
    listening = [] if row.status is EntryStatus.CANCELLED else observers
    names = ", ".join(observer.name for observer in listening)
    subject = f"Observers on your {row.company or _kind(row)} call"
    url = f"{desk.public_url}/calls/{row.call_id}"
    return Entry(
        **_common(row, desk),
        summary=f"{subject}: {names}" if names else subject,
        description=url,
        location=None,
        url=url,
        conference_url=None,
        transparent=True,  # the call itself blocks this time already
        attendees=(_attendee(row, "CHAIR"), *(_attendee(observer, "REQ-PARTICIPANT") for observer in listening)),
        alarm_minutes=None,
    )


def _common(row: Any, desk: Desk) -> dict[str, Any]:
    return {
        "uid": row.uid,
        "sequence": row.sequence,
        "changed_at": row.changed_at,
        "created_at": row.created_at,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "status": ical.EntryStatus(row.status),
        "organizer": desk.organizer,
    }


def _attendee(row: Any, role: AttendeeRole) -> Attendee:
    return Attendee(row.name, row.email, role, _PARTSTATS[row.response or Response.NEEDS_ACTION])


def _kind(row: Any) -> str:
    kind: str = row.type.replace("_", " ").replace(".", " ")
    return kind


def _observers(db: DbSession, call_ids: set[str]) -> dict[str, list[Any]]:
    query = (
        select(seat.c.call_id, person.c.name, person.c.email, participant.c.response)
        .join(person, person.c.id == seat.c.observer_id)
        .join(
            participant,
            and_(participant.c.session_id == seat.c.session_id, participant.c.person_id == seat.c.observer_id),
        )
        .where(seat.c.call_id.in_(sorted(call_ids)), seat.c.status.in_(LOADING))
        .order_by(person.c.name, person.c.id)
    )
    found: dict[str, list[Any]] = {}
    for row in db.execute(query):
        found.setdefault(row.call_id, []).append(row)
    return found
