"""Draw calendar entries: what stands in an observer's and in a host's calendar, and in those of who takes part in a
session, a series or a power hour, said with the names of today.

Data minimum (design: privacy): company and call type, colleagues by name, no title or contact from the CRM. The
observers of one call never learn of each other from here.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from sqlalchemy import and_, func, select

from app.config import Settings
from app.db import DbSession
from app.ical import entries as ical
from app.ical.entries import Attendee, AttendeeRole, Entry, Organizer, PartStat
from app.ical.write import RENDERER, vevent
from app.models.tables import account, call, participant, person, seat, series, session
from app.models.tables import calendar_entry as entry
from app.queries import calls, power_hours
from app.queries.power_hours import PowerHourPeople
from app.queries.series import Timetable, timetables
from app.vocabulary import EntryStatus, Part, PersonStatus, Response, SeatStatus, SessionKind

_ALARM_MINUTES = 10
_LISTENING = (SeatStatus.CONFIRMED, SeatStatus.ATTENDED, SeatStatus.ATTEMPTED, SeatStatus.NO_SHOW)
"""Seats whose observers hosts read of: nobody is named who may yet be turned down."""
_PARTSTATS: Mapping[Response, PartStat] = {
    Response.NEEDS_ACTION: "NEEDS-ACTION",
    Response.ACCEPTED: "ACCEPTED",
    Response.DECLINED: "DECLINED",
    Response.TENTATIVE: "TENTATIVE",
}
_KINDS: Mapping[SessionKind, str] = {
    SessionKind.SHADOW: "Shadow",
    SessionKind.REVERSE_SHADOW: "Reverse shadow",
    SessionKind.RIDE_ALONG: "Ride-along",
    SessionKind.DROP_IN: "Drop-in",
    SessionKind.DEBRIEF: "Debrief",
    SessionKind.ONE_ON_ONE: "1:1",
    SessionKind.ROLE_PLAY: "Role-play",
}


class Subject(Enum):
    """What an entry is about."""

    SEAT = auto()
    HOSTING = auto()
    SESSION = auto()
    SERIES = auto()
    POWER_HOUR = auto()


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
    subject: Subject
    row_changed_at: datetime
    ends_at: datetime
    """When all of it is over: with the last occurrence of a series."""
    recipient: Attendee
    recipient_status: PersonStatus
    time_zone: str
    """Where the recipient lives."""
    entry: Entry

    def fragment(self) -> Fragment:
        """Return the VEVENT. Pure: one revision of one edition is one sequence of bytes."""
        return Fragment(self.id, self.row_changed_at, vevent(self.entry, rsvp=False))


_RECIPIENT, _HOST, _FOLLOWED = person.alias("recipient"), person.alias("host"), session.alias("followed")
_HOSTING = participant.alias("hosting")
"""Who hosts the session of a seat. One that was lost when its call was handed over stays with who hosted it until then:
its observer never heard of the other, and may be the other.
"""
_ROWS = (
    select(
        *(column for column in entry.c if column is not entry.c.vevent),
        _RECIPIENT.c.name,
        _RECIPIENT.c.email,
        _RECIPIENT.c.status.label("recipient_status"),
        _RECIPIENT.c.time_zone,
        _HOST.c.name.label("host_name"),
        _HOST.c.email.label("host_email"),
        call.c.type,
        call.c.meeting_url,
        account.c.name.label("company"),
        participant.c.response,
        func.coalesce(session.c.kind, series.c.kind).label("kind"),
    )
    .join(_RECIPIENT, _RECIPIENT.c.id == entry.c.person_id)
    .outerjoin(session, session.c.id == entry.c.session_id)
    .outerjoin(_FOLLOWED, _FOLLOWED.c.id == session.c.follows_id)
    .outerjoin(series, series.c.id == entry.c.series_id)
    .outerjoin(call, call.c.id == func.coalesce(entry.c.call_id, _FOLLOWED.c.call_id))
    .outerjoin(
        _HOSTING,
        and_(entry.c.call_id.is_not(None), _HOSTING.c.session_id == entry.c.session_id, _HOSTING.c.part == Part.HOST),
    )
    .outerjoin(_HOST, _HOST.c.id == _HOSTING.c.person_id)
    .outerjoin(account, account.c.id == call.c.account_id)
    .outerjoin(
        participant,
        and_(participant.c.session_id == entry.c.session_id, participant.c.person_id == entry.c.person_id),
    )
    .order_by(entry.c.starts_at, entry.c.id)
)


def drawn_entries(db: DbSession, entry_ids: Iterable[str], *, desk: Desk) -> list[Drawn]:
    """Return these entries by start. Three statements for those of calls, three for sessions without one and two for
    power hours, however many.
    """
    rows = db.execute(_ROWS.where(entry.c.id.in_(list(entry_ids)))).all()
    lessons = calls.lessons(db, {row.type for row in rows if subject(row) is Subject.SEAT})
    observers = _observers(db, {row.call_id for row in rows if subject(row) is Subject.HOSTING})
    planned = timetables(db, {row.series_id for row in rows if row.series_id})
    people = _people(db, {_link(row, planned) for row in rows if subject(row) in (Subject.SESSION, Subject.SERIES)})
    hours = power_hours.with_people(db, {row.power_hour_id for row in rows if subject(row) is Subject.POWER_HOUR})

    def drawn(row: Any) -> Entry:
        about = subject(row)
        if about is Subject.SEAT:
            return _of_observer(row, desk, lessons.get(row.type, []))
        if about is Subject.HOSTING:
            return _of_host(row, desk, observers.get(row.call_id, []))
        if about is Subject.POWER_HOUR:
            return _of_power_hour(row, desk, hours.get(row.power_hour_id))
        link = _link(row, planned)
        return _of_meeting(row, desk, people[link], link, planned.get(row.series_id))

    return [_drawn(row, drawn(row)) for row in rows]


def subject(row: Any) -> Subject:
    """Return what a row of `calendar_entry` is about."""
    if row.power_hour_id is not None:
        return Subject.POWER_HOUR
    if row.series_id is not None:
        return Subject.SERIES
    if row.call_id is None:
        return Subject.SESSION
    return Subject.HOSTING if row.part is Part.HOST else Subject.SEAT


def busy_only(db: DbSession, rows: Sequence[Any], desk: Desk) -> list[bytes]:
    """Return the VEVENTs that tell when somebody is taken and nothing else. `rows` are of `calendar_entry`. Two
    statements when there is a series among them, otherwise none.
    """
    planned = timetables(db, {row.series_id for row in rows if row.series_id})
    return [_busy(row, desk, planned.get(row.series_id)) for row in rows]


def _busy(row: Any, desk: Desk, planned: Timetable | None) -> bytes:
    hidden = Entry(
        **_common(row, desk, planned),
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


def _drawn(row: Any, made: Entry) -> Drawn:
    return Drawn(
        id=row.id,
        subject=subject(row),
        row_changed_at=row.changed_at,
        ends_at=row.ends_at,
        recipient=made.attendees[0] if made.attendees else Attendee(row.name, row.email),
        recipient_status=row.recipient_status,
        time_zone=row.time_zone,
        entry=made,
    )


def _of_observer(row: Any, desk: Desk, lessons: list[str]) -> Entry:
    url = f"{desk.public_url}/s/{row.session_id}"
    listen_for = "\n".join(["Listen for:", *(f"- {lesson}" for lesson in lessons), "", ""]) if lessons else ""
    # Somebody whose seat is gone has no use for the way into the call.
    meeting_url = None if row.status is EntryStatus.CANCELLED else row.meeting_url
    return Entry(
        **_common(row, desk),
        summary=f"{_KINDS[row.kind]}: {row.host_name} · {_about_call(row)}",
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
    what = f"Observers on your {row.company or _call_type(row)} call"
    url = f"{desk.public_url}/calls/{row.call_id}"
    return Entry(
        **_common(row, desk),
        summary=f"{what}: {names}" if names else what,
        description=url,
        location=None,
        url=url,
        conference_url=None,
        transparent=True,  # the call itself blocks this time already
        attendees=(_attendee(row, "CHAIR"), *(_attendee(observer, "REQ-PARTICIPANT") for observer in listening)),
        alarm_minutes=None,
    )


def _of_meeting(row: Any, desk: Desk, people: list[Any], link: str, planned: Timetable | None) -> Entry:
    names = " & ".join(one.name for one in people)
    about = f" · {_about_call(row)}" if row.type else ""
    url = f"{desk.public_url}/s/{link}"
    # Somebody who no longer takes part is told so as well.
    mine = next((one for one in people if one.person_id == row.person_id), row)
    return Entry(
        **_common(row, desk, planned),
        summary=f"{_KINDS[row.kind]}: {names}{about}",
        description=url,
        location=None,
        url=url,
        conference_url=None,
        transparent=False,
        attendees=tuple(
            _attendee(one, "REQ-PARTICIPANT") for one in (mine, *(one for one in people if one is not mine))
        ),
        alarm_minutes=_ALARM_MINUTES,
    )


def _of_power_hour(row: Any, desk: Desk, found: tuple[Any, PowerHourPeople] | None) -> Entry:
    """Return the entry of somebody in a power hour. Nobody is asked to come: whoever leads them has planned it."""
    # Whoever is out of it may read no more of it, and of one that is cancelled nothing is left.
    what, told, url = "Power hour", "", f"{desk.public_url}/power-hours"
    if row.status is not EntryStatus.CANCELLED and found is not None:
        hour, people = found
        what, url = f"{what}: {hour.name}", f"{url}/{hour.id}"
        does = "You dial" if row.part is Part.HOST else "You listen"
        turns = power_hours.turns_in_words(hour, people, row.person_id, row.time_zone)
        told = "\n".join((f"{does}. Times are those of {row.time_zone}.", *turns, "", ""))
    return Entry(
        **_common(row, desk),
        summary=what,
        description=f"{told}{url}",
        location=None,
        url=url,
        conference_url=None,
        transparent=False,
        attendees=(),
        alarm_minutes=_ALARM_MINUTES,
    )


def _common(row: Any, desk: Desk, planned: Timetable | None = None) -> dict[str, Any]:
    times = planned or row
    return {
        "uid": row.uid,
        "sequence": row.sequence,
        "changed_at": row.changed_at,
        "created_at": row.created_at,
        "starts_at": times.starts_at,
        "ends_at": times.ends_at,
        "status": ical.EntryStatus(row.status),
        "organizer": desk.organizer,
        "recurrence": planned.recurrence if planned else None,
    }


def _link(row: Any, planned: Mapping[str, Timetable]) -> str:
    """Return the session that the entry of a session or a series leads to."""
    session_id: str = row.session_id or planned[row.series_id].session_id
    return session_id


def _attendee(row: Any, role: AttendeeRole) -> Attendee:
    return Attendee(row.name, row.email, role, _PARTSTATS[row.response or Response.NEEDS_ACTION])


def _about_call(row: Any) -> str:
    return f"{row.company} ({_call_type(row)})" if row.company else _call_type(row)


def _call_type(row: Any) -> str:
    words: str = row.type.replace("_", " ").replace(".", " ")
    return words


def _people(db: DbSession, session_ids: set[str]) -> dict[str, list[Any]]:
    """Return who takes part in each of these sessions, by name."""
    if not session_ids:
        return {}
    query = (
        select(participant.c.session_id, participant.c.person_id, person.c.name, person.c.email, participant.c.response)
        .join(person, person.c.id == participant.c.person_id)
        .where(participant.c.session_id.in_(sorted(session_ids)))
        .order_by(person.c.name, person.c.id)
    )
    found: dict[str, list[Any]] = {}
    for row in db.execute(query):
        found.setdefault(row.session_id, []).append(row)
    return found


def _observers(db: DbSession, call_ids: set[str]) -> dict[str, list[Any]]:
    query = (
        select(seat.c.call_id, person.c.name, person.c.email, participant.c.response)
        .join(person, person.c.id == seat.c.observer_id)
        .join(
            participant,
            and_(participant.c.session_id == seat.c.session_id, participant.c.person_id == seat.c.observer_id),
        )
        .where(seat.c.call_id.in_(sorted(call_ids)), seat.c.status.in_(_LISTENING))
        .order_by(person.c.name, person.c.id)
    )
    found: dict[str, list[Any]] = {}
    for row in db.execute(query):
        found.setdefault(row.call_id, []).append(row)
    return found
