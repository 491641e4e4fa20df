"""Find who is to be reminded of what, and read it again when it is sent. Few statements, however many people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select

from app import ids
from app.db import DbSession
from app.models.tables import calendar_entry as entry
from app.models.tables import call, event, notice, participant, person, session
from app.queries.entries import Desk, drawn_entries
from app.queries.mail_settings import WANTED, with_settings
from app.queries.notices import Pointless, Reader, Said
from app.rules.reminders import GRACE, REMINDERS, Home, digest_day, digest_due_at, remind, span_of
from app.rules.wording import day as day_words
from app.rules.wording import when
from app.vocabulary import (
    CallStatus,
    EntryStatus,
    MessageKind,
    Part,
    PersonStatus,
    Response,
    SessionKind,
    SessionStatus,
)

_LONGEST_DAY = timedelta(hours=25)
DEBRIEF_DUE = "session.debrief_due"
"""The act that is told when a debrief begins."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason to write to somebody now: what about, and when it begins."""

    kind: MessageKind
    person_id: str
    about_id: str
    starts_at: datetime
    once: str
    """What makes it one reason, however often it is found."""


_HOSTING = and_(session.c.call_id.is_not(None), participant.c.part == Part.HOST)
_ABOUT = case((_HOSTING, session.c.call_id), else_=session.c.id)
"""Who hosts a call is reminded of the call, however many listen to it."""
_NEWS = ("session.booked", "session.moved")
_HEARD_AT = func.coalesce(
    select(func.max(event.c.at)).where(event.c.object_id == session.c.id, event.c.act.in_(_NEWS)).scalar_subquery(),
    session.c.created_at,
)
"""When people heard of the time of a session."""
_STANDS = (
    session.c.status == SessionStatus.CONFIRMED,
    participant.c.response != Response.DECLINED,
    person.c.status == PersonStatus.ACTIVE,
    or_(session.c.call_id.is_(None), call.c.status == CallStatus.SCHEDULED),
)


def _of_people(*columns: ColumnElement[Any]) -> Select[Any]:
    """Return the query of who takes part in what stands."""
    query = (
        select(*columns)
        .select_from(session)
        .join(participant, participant.c.session_id == session.c.id)
        .join(person, person.c.id == participant.c.person_id)
        .outerjoin(call, call.c.id == session.c.call_id)
    )
    return with_settings(query).where(*_STANDS)


_WRITTEN = exists().where(
    notice.c.about_id == _ABOUT,
    notice.c.person_id == participant.c.person_id,
    notice.c.starts_at == session.c.starts_at,
)
_HOME = (person.c.time_zone, *WANTED)


def starting_soon(db: DbSession, *, now: datetime) -> list[Reason]:
    """Return who is to be reminded of what starts in ten minutes, and was not yet. One statement, which looks at what
    starts within these minutes only.
    """
    return _reminders(db, MessageKind.REMINDER_SOON, now=now)


def days_ahead(db: DbSession, *, now: datetime) -> list[Reason]:
    """Return who is to be reminded of what is a day away, and who is to read what their day holds, and was not yet
    written to. Looks at all people and at all that starts within a day: two statements, and one more for each date on
    which somebody lives whose morning it is.
    """
    found = _reminders(db, MessageKind.REMINDER_DAY, now=now)
    homes = with_settings(select(*_HOME).distinct().select_from(person)).where(person.c.status == PersonStatus.ACTIVE)
    mornings: dict[date, set[Home]] = {}
    for row in db.execute(homes):
        if row.digest and (day := digest_day(_home(row), now=now)):
            mornings.setdefault(day, set()).add(_home(row))
    return [*found, *(one for day, those in sorted(mornings.items()) for one in _digests(db, day, those, now=now))]


def debriefs_due(db: DbSession, *, now: datetime) -> list[tuple[str, int]]:
    """Return the id and version of the debriefs that have begun and of which nobody was told. One statement."""
    told = exists().where(event.c.object_id == session.c.id, event.c.act == DEBRIEF_DUE)
    query = select(session.c.id, session.c.version).where(
        session.c.kind == SessionKind.DEBRIEF,
        session.c.status.in_((SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)),
        session.c.starts_at > now - GRACE,
        session.c.starts_at <= now,
        ~told,
    )
    return [(row.id, row.version) for row in db.execute(query.order_by(session.c.starts_at, session.c.id))]


def reminder(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    """Read what a reminder says now."""
    about = or_(and_(_HOSTING, session.c.call_id == one.about_id), session.c.id == one.about_id)
    found = _agenda(db, one.person_id, about, session.c.starts_at == one.starts_at, desk=desk)
    if not found:
        return Pointless("it is off or has moved, or they are not in it any more")
    row, summary = found[0]
    if not row.reminders:
        return Pointless("they want no reminders")
    if not remind(one.kind, one.starts_at, _home(row), now=now):
        return Pointless("its time has passed, or it is quiet where they live")
    return Said(
        {
            "what": summary,
            "when": when(row.starts_at, row.ends_at, row.time_zone),
            "join": row.meeting_url or "",
            "link": f"{desk.public_url}/{'calls' if row.about_id == row.call_id else 's'}/{row.about_id}",
        }
    )


def digest(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    """Read what a digest says now: what is still to come, or on, of its day."""
    found = _agenda(
        db,
        one.person_id,
        session.c.ends_at > now,
        session.c.starts_at >= one.starts_at,
        session.c.starts_at < one.starts_at + _LONGEST_DAY,
        desk=desk,
    )
    if not found:
        return Pointless("nothing is left of that day")
    home = _home(found[0][0])
    day = digest_day(home, now=now)
    starts_at, ends_at = span_of(day, home.time_zone) if day else (now, now)
    if not found[0][0].digest:
        return Pointless("they want no digest")
    if starts_at != one.starts_at:
        return Pointless("it is not the morning of that day any more where they live")
    return Said(
        {
            "day": day_words(starts_at, home.time_zone),
            "agenda": tuple(_line(row, summary) for row, summary in found if row.starts_at < ends_at),
            "link": f"{desk.public_url}/",
        }
    )


READERS: Mapping[MessageKind, Reader] = {
    MessageKind.REMINDER_DAY: reminder,
    MessageKind.REMINDER_SOON: reminder,
    MessageKind.DIGEST: digest,
}
"""Who reads which of these notices when it is sent."""


def _reminders(db: DbSession, kind: MessageKind, *, now: datetime) -> list[Reason]:
    """Return who is to be reminded of what now. One statement, over the index of sessions by start."""
    reminder = REMINDERS[kind]
    query = _of_people(
        _ABOUT.label("about_id"), participant.c.person_id, session.c.starts_at, _HEARD_AT.label("heard_at"), *_HOME
    )
    query = query.where(
        session.c.starts_at >= now + reminder.least,
        session.c.starts_at <= now + reminder.before,
        ~_WRITTEN.where(notice.c.kind == kind),
    )
    # Of a call with several observers its host heard with the first of them.
    heard: dict[tuple[str, str, datetime, Home], datetime] = {}
    for row in db.execute(query):
        if row.reminders:
            what = (row.about_id, row.person_id, row.starts_at, _home(row))
            heard[what] = min(row.heard_at, heard.get(what, row.heard_at))
    return [
        Reason(kind, person_id, about_id, starts_at, f"{kind}:{about_id}:{person_id}:{starts_at:%Y-%m-%dT%H:%M:%SZ}")
        for (about_id, person_id, starts_at, home), at in heard.items()
        if remind(kind, starts_at, home, told_at=at, now=now)
    ]


def _digests(db: DbSession, day: date, homes: Iterable[Home], *, now: datetime) -> list[Reason]:
    days = {home: span_of(day, home.time_zone) for home in homes}
    dues = {home: digest_due_at(day, home) for home in homes}
    lately = ids.earliest("ntc", now - 2 * GRACE)  # keys are in order of time: no digest is older that was due today
    query = _of_people(person.c.id, session.c.starts_at, session.c.created_at, *_HOME).where(
        session.c.ends_at > now,
        session.c.starts_at >= min(starts_at for starts_at, _ in days.values()),
        session.c.starts_at < max(ends_at for _, ends_at in days.values()),
        person.c.time_zone.in_({home.time_zone for home in homes}),
        ~exists().where(notice.c.person_id == person.c.id, notice.c.kind == MessageKind.DIGEST, notice.c.id >= lately),
    )
    found = {}
    for row in db.execute(query):
        home = _home(row)
        (starts_at, ends_at), due_at = days.get(home, (now, now)), dues.get(home)
        known = due_at is not None and row.created_at <= due_at  # who books later in the morning needs no digest of it
        if row.digest and known and starts_at <= row.starts_at < ends_at:
            found[row.id] = starts_at
    kind = MessageKind.DIGEST
    return [Reason(kind, who, who, starts_at, f"{kind}:{who}:{day}") for who, starts_at in found.items()]


def _agenda(db: DbSession, person_id: str, *which: ColumnElement[bool], desk: Desk) -> list[tuple[Any, str]]:
    """Return what stands of somebody's sessions, each with the words of their calendar for it, by start; a call that
    they host is there once. A constant number of statements.
    """
    own = and_(
        entry.c.person_id == participant.c.person_id,
        entry.c.status == EntryStatus.CONFIRMED,
        or_(
            entry.c.session_id == session.c.id,
            entry.c.series_id == session.c.series_id,
            and_(_HOSTING, entry.c.call_id == session.c.call_id, entry.c.part == Part.HOST),
        ),
    )
    columns = (session.c.starts_at, session.c.ends_at, session.c.call_id, call.c.meeting_url)
    query = _of_people(_ABOUT.label("about_id"), entry.c.id.label("entry_id"), *columns, *_HOME).join(entry, own)
    query = query.where(participant.c.person_id == person_id, *which)
    rows = {row.about_id: row for row in db.execute(query.order_by(session.c.starts_at, session.c.id))}
    drawn = drawn_entries(db, {row.entry_id for row in rows.values()}, desk=desk)
    summaries = {one.id: one.entry.summary for one in drawn}
    return [(row, summaries[row.entry_id]) for row in rows.values()]


def _line(row: Any, summary: str) -> str:
    zone = ZoneInfo(row.time_zone)
    return f"{row.starts_at.astimezone(zone):%H:%M}–{row.ends_at.astimezone(zone):%H:%M} {summary}"


def _home(row: Any) -> Home:
    return Home(row.time_zone, row.quiet_from, row.quiet_to)
