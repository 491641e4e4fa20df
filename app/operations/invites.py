"""Keep everybody's calendar entry in step with seats, sessions, series and power hours, and leave the mail that tells
them.

An entry's `sequence` counts its revisions: every change of its time, its status or what is mailed of it is one,
whether or not mail went between, for feeds and downloads show each (RFC 5546 section 2.1.4). Mail sends the last and
passes over those before: gaps are legal. It locks the entry while it takes a revision over, so every change reads its
entry under a lock too: else two states could bear one number.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, insert, select, update

from app import ids
from app.db import DbSession
from app.models.tables import calendar_entry as entry
from app.models.tables import participant, series, session
from app.operations.installation import installation_id
from app.operations.jobs import enqueue_each
from app.queries.rows import in_parts
from app.queries.series import OFF
from app.vocabulary import EntryStatus, Part, SeriesStatus

_TRIES = 3000
"""How often mail is tried: every four hours for a year. It gives up by itself once the entry is over."""
UNDO = timedelta(seconds=15)
"""How long the cancel of a session without a call, or of one in a series, can be undone; its mail waits for as long."""


_ENTRY = select(
    *(entry.c[name] for name in ("id", "person_id", "part", "call_id", "series_id", "status", "starts_at", "ends_at")),
    *(entry.c[name] for name in ("sequence", "mailing_sequence", "mailed_sequence", "changed_at")),
)
"""What a change must know of an entry: without what is drawn of it."""
_OF_HOSTS = (
    _ENTRY.where(entry.c.call_id == bindparam("call_id"), entry.c.part == Part.HOST)
    .order_by(entry.c.id)
    .with_for_update(key_share=True)
)
_REVISE = update(entry).where(entry.c.id == bindparam("entry_id")).values(vevent=None, renderer=None)
"""Sets what else it is given by the names of columns."""


def observer_joins(db: DbSession, *, session: Any, person_id: str, call: Any, observers: int, now: datetime) -> None:
    """Put the new session of a seat into its observer's calendar, and bring the host's in step with who listens now.
    The call must be locked.
    """
    about = {"uid": session.uid, "call_id": session.call_id, "session_id": session.id}
    made = _rows([(person_id, Part.OBSERVER)], about, times=session, now=now)
    _add(db, made + _host_in_step(db, call, observers, now=now), now=now)


def session_joins(db: DbSession, *, session_id: str, now: datetime) -> None:
    """Put a session that belongs to no seat, once it is confirmed, into the calendars of all who take part."""
    found = db.execute(select(session).where(session.c.id == session_id)).one()
    _new(db, _people(db, session_id), {"uid": found.uid, "session_id": session_id}, times=found, now=now)


def session_changed(db: DbSession, *, session_id: str, cancelled: bool, now: datetime) -> int:
    """Bring the entries of a session that belongs to no seat in step with its row and with who takes part, or cancel
    them; return their sequence. Locks them. An occurrence of a series has none of its own: see `series_changed`.
    """
    found = db.execute(select(session).where(session.c.id == session_id)).one()
    entries = _locked(db, entry.c.session_id == session_id)
    people = dict(_people(db, session_id))
    missing = [(who, part) for who, part in people.items() if who not in {one.person_id for one in entries}]
    if missing and not cancelled:
        _new(db, missing, {"uid": found.uid, "session_id": session_id}, times=found, now=now)
    status = EntryStatus.CANCELLED if cancelled else EntryStatus.CONFIRMED
    return _in_step(db, entries, people, times=found, status=status, now=now)


def series_joins(db: DbSession, *, series_id: str, now: datetime) -> None:
    """Put a new series, all its occurrences in one entry, into the calendars of all who take part."""
    uid = db.execute(select(series.c.uid).where(series.c.id == series_id)).scalar_one()
    about, times = {"uid": uid, "series_id": series_id}, _span(db, series_id)
    _new(db, _people_to_come(db, series_id, now=now), about, times=times, now=now)


def series_changed(db: DbSession, *, series_id: str, now: datetime) -> None:
    """Bring the row and the entries of a series in step with its occurrences, however many have changed, and with who
    takes part in those to come: one revision and one mail for each person. Once no occurrence is left they are
    cancelled. Locks them.
    """
    times = _span(db, series_id)
    off = times.starts_at is None
    status = EntryStatus.CANCELLED if off else EntryStatus.CONFIRMED
    entries = _locked(db, entry.c.series_id == series_id)
    people = dict(_people_to_come(db, series_id, now=now))
    staying = people or {one.person_id for one in entries if one.status is EntryStatus.CONFIRMED}
    sequence = _in_step(db, entries, staying, times=times, status=status, now=now)
    db.execute(
        update(series)
        .where(series.c.id == series_id)
        .values(
            status=SeriesStatus.CANCELLED if off else SeriesStatus.CONFIRMED,
            sequence=sequence,
            version=series.c.version + 1,
            updated_at=now,
        )
    )


def lock_entries(db: DbSession, call_ids: Sequence[str]) -> None:
    """Lock every entry of locked calls, and of the debriefs that follow their seats, by id. Acts on several begin with
    this, so that no two wait for each other.
    """
    for part in in_parts(call_ids):
        followed = select(session.c.id).where(session.c.call_id.in_(part))
        after = select(session.c.id).where(session.c.follows_id.in_(followed))
        of_calls = select(entry.c.id).where(entry.c.call_id.in_(part))
        of_debriefs = select(entry.c.id).where(entry.c.session_id.in_(after))
        _locked(db, entry.c.id.in_(of_calls.union_all(of_debriefs)))


def observer_entry_changed(db: DbSession, *, session_id: str, times: Any, cancelled: bool, now: datetime) -> int:
    """Bring the entry of a session in step with its call, or cancel it; return its sequence. Locks it."""
    (found,) = _locked(db, entry.c.session_id == session_id)
    return _change(
        db, found, times=times, status=EntryStatus.CANCELLED if cancelled else EntryStatus.CONFIRMED, now=now
    )


def host_entry_changed(db: DbSession, *, call: Any, observers: int, now: datetime) -> None:
    """Bring the host's one entry of a call in step with who listens, and cancel those of hosts before. Locks them.
    The call must be locked.
    """
    _add(db, _host_in_step(db, call, observers, now=now), now=now)


def power_hour_changed(
    db: DbSession, *, power_hour_id: str, staying: Mapping[str, Any], anew: Collection[str], now: datetime
) -> None:
    """Bring those entries of a power hour in step that are to say something new. `staying` is who takes part by now:
    as what, from when until when. They are told of it by notices, so no mail goes out of this. Locks the entries.
    """
    found = {one.person_id: one for one in _locked(db, entry.c.power_hour_id == power_hour_id)}
    revised: list[dict[str, Any]] = []
    made: list[dict[str, Any]] = []
    about = {"uid": f"{power_hour_id}@{installation_id(db)}", "power_hour_id": power_hour_id}
    for who in sorted(anew):
        mine, known = staying.get(who), found.get(who)
        if known is None and mine is not None:
            made += _rows([(who, mine.part)], about, times=mine, now=now)
        elif known is not None and mine is not None:
            revised.append({**_revision(known, mine, EntryStatus.CONFIRMED, now=now), "part": mine.part})
        elif known is not None and known.status is EntryStatus.CONFIRMED:
            revised.append({**_revision(known, known, EntryStatus.CANCELLED, now=now), "part": known.part})
    if made:
        db.execute(insert(entry), made)
    if revised:
        db.connection().execute(_REVISE, revised)


def _host_in_step(db: DbSession, call: Any, observers: int, *, now: datetime) -> list[dict[str, Any]]:
    """Change the entries that hosts of a call have of it, and return what is to be added."""
    found = db.execute(_OF_HOSTS, {"call_id": call.id}).all()
    mine = next((row for row in found if row.person_id == call.host_id), None)
    for other in found:
        if other is not mine and other.status is EntryStatus.CONFIRMED:
            _change(db, other, times=other, status=EntryStatus.CANCELLED, now=now)
    if mine is None and observers:
        about = {"uid": f"{call.id}@{installation_id(db)}", "call_id": call.id}
        return _rows([(call.host_id, Part.HOST)], about, times=call, now=now)
    if mine is not None and (observers or mine.status is EntryStatus.CONFIRMED):
        status = EntryStatus.CONFIRMED if observers else EntryStatus.CANCELLED
        _change(db, mine, times=call, status=status, now=now)
    return []


def _locked(db: DbSession, *which: ColumnElement[bool]) -> Sequence[Any]:
    return db.execute(_ENTRY.where(*which).order_by(entry.c.id).with_for_update(key_share=True)).all()


def _people(db: DbSession, session_id: str) -> list[tuple[str, Part]]:
    query = select(participant.c.person_id, participant.c.part).where(participant.c.session_id == session_id)
    return [(row.person_id, row.part) for row in db.execute(query.order_by(participant.c.person_id))]


def _people_to_come(db: DbSession, series_id: str, *, now: datetime) -> list[tuple[str, Part]]:
    """Return who takes part in the occurrences that stand and are not over: who has left is in those before alone."""
    query = select(participant.c.person_id, participant.c.part).join(session).distinct()
    query = query.where(session.c.series_id == series_id, session.c.status.not_in(OFF), session.c.ends_at > now)
    return [(row.person_id, row.part) for row in db.execute(query.order_by(participant.c.person_id))]


def _span(db: DbSession, series_id: str) -> Any:
    """Return when the first occurrence that stands starts and the last one ends; two times None when none stands."""
    query = select(func.min(session.c.starts_at).label("starts_at"), func.max(session.c.ends_at).label("ends_at"))
    return db.execute(query.where(session.c.series_id == series_id, session.c.status.not_in(OFF))).one()


def _new(
    db: DbSession, people: Sequence[tuple[str, Part]], about: Mapping[str, str], *, times: Any, now: datetime
) -> None:
    """Add one entry for each of these people. `about`: its UID, and what it tells of."""
    _add(db, _rows(people, about, times=times, now=now), now=now)


def _rows(
    people: Sequence[tuple[str, Part]], about: Mapping[str, str], *, times: Any, now: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "id": ids.new("ent", now),
            "person_id": person_id,
            "part": part,
            "call_id": None,
            "session_id": None,
            "series_id": None,
            "power_hour_id": None,
            **about,
            "status": EntryStatus.CONFIRMED,
            "starts_at": times.starts_at,
            "ends_at": times.ends_at,
            "sequence": 0,
            "changed_at": now,
            "created_at": now,
        }
        for person_id, part in people
    ]


def _add(db: DbSession, made: Sequence[dict[str, Any]], *, now: datetime) -> None:
    if made:
        db.execute(insert(entry), made)
        _mail(db, [one["id"] for one in made], now)


def _in_step(
    db: DbSession, entries: Sequence[Any], people: Collection[str], *, times: Any, status: EntryStatus, now: datetime
) -> int:
    """Change the entries of those who take part, and cancel those of who does so no more. Returns their sequence."""
    sequence = 0
    for one in entries:
        if one.person_id in people:
            sequence = max(sequence, _change(db, one, times=times, status=status, now=now))
        elif one.status is EntryStatus.CONFIRMED:
            _change(db, one, times=one, status=EntryStatus.CANCELLED, now=now)
    return sequence


def _change(db: DbSession, found: Any, *, times: Any, status: EntryStatus, now: datetime) -> int:
    cancelled = status is EntryStatus.CANCELLED
    # A cancellation names the time that the calendar shows, not one that its reader never heard of.
    when = found if cancelled else times
    undone = _undone(found, when, status)
    revision = _revision(found, when, status, now=now)
    sequence: int = revision["sequence"]
    mailed = {
        "mailing_sequence": sequence if undone else found.mailing_sequence,
        "mailed_sequence": sequence if undone else found.mailed_sequence,
    }
    db.execute(_REVISE, revision | mailed)
    if not undone:
        # Whatever changes in a series may be the cancel of an occurrence.
        waits = found.series_id is not None or (cancelled and found.call_id is None)
        _mail(db, [found.id], now, due_at=now + UNDO if waits else now)
    return sequence


def _revision(found: Any, times: Any, status: EntryStatus, *, now: datetime) -> dict[str, Any]:
    sequence: int = found.sequence + 1
    return {
        "entry_id": found.id,
        "status": status,
        "starts_at": times.starts_at,
        "ends_at": times.ends_at,
        "sequence": sequence,
        # Calendars compare whole seconds, and want each revision to be later than the one before.
        "changed_at": max(now, found.changed_at + timedelta(seconds=1)),
    }


def _undone(found: Any, times: Any, status: EntryStatus) -> bool:
    """Whether this puts an entry on again as its reader knows it, who never heard that it was off."""
    return (
        (found.status, status) == (EntryStatus.CANCELLED, EntryStatus.CONFIRMED)
        and (found.starts_at, found.ends_at) == (times.starts_at, times.ends_at)
        and found.mailing_sequence == found.mailed_sequence == found.sequence - 1
    )


def _mail(db: DbSession, entry_ids: Sequence[str], now: datetime, *, due_at: datetime | None = None) -> None:
    payloads = {f"invite_mail:{entry_id}": {"entry_id": entry_id} for entry_id in entry_ids}
    enqueue_each(db, "invite_mail", payloads, max_attempts=_TRIES, due_at=due_at, now=now)
