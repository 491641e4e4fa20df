"""Turn the customer events of a calendar into calls of its owner, and have those follow it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from app.config import Settings
from app.db import DbSession
from app.errors import Problem
from app.ical.connected import CustomerEvent, Wanted
from app.models.tables import call, connected_calendar, external_identity
from app.operations import calls, locks
from app.operations.calls import NewCall
from app.operations.installation import installation_id
from app.operations.seat_outcomes import change_call
from app.queries import external, people
from app.queries.connected_calendars import company_domains
from app.queries.rows import in_parts
from app.rules import floor
from app.rules.access import SYSTEM, Actor
from app.vocabulary import CalendarUse, CallStatus

_YEAR = timedelta(days=365)
_ON = (CallStatus.SCHEDULED, CallStatus.LIVE)


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the customer events of a calendar."""

    created: int
    updated: int
    unchanged: int
    cancelled: int
    refused: tuple[Problem, ...]
    calls: frozenset[str]
    """The events that stand as calls which take place: their time needs nothing else to be kept."""


def source_of(calendar_id: str) -> str:
    """Return what the calls and the busy time of a connected calendar have as their source."""
    return f"calendar:{calendar_id}"


def _source_of_files(host_id: str) -> str:
    return f"ics:{host_id}"


def lock_for_following(db: DbSession, *, host_id: str, source: str, events: Iterable[CustomerEvent]) -> None:
    """Lock the host and, with all who are on them, the calls of this source that following these events may change."""
    refs = [event.ref for event in events]
    known = _known(db, source, refs) | _known(db, _source_of_files(host_id), refs)
    named = select(external_identity.c.object_id).where(
        external_identity.c.object_type == "call", external_identity.c.source == source
    )
    ahead = select(call.c.id).where(call.c.id.in_(named), call.c.status == CallStatus.SCHEDULED)
    locks.lock_calls(db, {*known.values(), *db.execute(ahead).scalars()}, also=[host_id])


def follow(
    db: DbSession,
    *,
    host_id: str,
    source: str,
    events: Sequence[CustomerEvent],
    gone_until: datetime | None,
    actor: Actor,
    now: datetime,
) -> Followed:
    """Make calls of the events that have not ended and change those that were made before; with `gone_until`, cancel
    those of this source that start before then and are among the events no more. Repeating it changes nothing.

    What another calendar of the house made a call of stays that one, and what a file of the host did is this one's from
    now on: one conversation is one call. A call that somebody cancelled here stays cancelled. One that its calendar
    lost is forgotten with it: if it comes back, it is a new one.
    The caller has locked them (`lock_for_following`).
    """
    ahead = {event.ref: event for event in events if event.end > now}
    elsewhere = _followed_elsewhere(db, source, ahead, now=now)
    ours = {ref: event for ref, event in ahead.items() if ref not in elsewhere}
    known = {ref: call_id for (_, ref), call_id in _known(db, source, ours).items()}
    known |= _taken_over(db, host_id, source, ours.keys() - known.keys(), actor=actor, now=now)
    rows = _rows(db, known.values())
    new = [NewCall(_fields(event, host_id), ((source, ref),)) for ref, event in ours.items() if ref not in known]
    created = len(calls.create_calls(db, new, actor=actor, now=now))
    updated, refused, stand = 0, [], set(ours) - set(known)
    for ref, call_id in known.items():
        row, fields = rows[call_id], _fields(ours[ref], host_id)
        if row.status in _ON or floor.by_clock_alone(row):
            stand.add(ref)
        if not floor.by_clock_alone(row) or calls.says_nothing_new(row, fields):
            continue
        try:
            with db.begin_nested():
                calls.patch_call(db, call_id=call_id, changes=fields, actor=actor, now=now)
        except Problem as problem:
            refused.append(problem)
        else:
            updated += 1
    cancelled = _cancel_gone(db, source, ahead.keys(), until=gone_until, actor=actor, now=now) if gone_until else 0
    return Followed(
        created=created,
        updated=updated,
        unchanged=len(known) - updated - len(refused),
        cancelled=cancelled,
        refused=tuple(refused),
        calls=frozenset(stand),
    )


def our_mailboxes(settings: Settings) -> frozenset[str]:
    """Return the addresses, in lower case, that organize what we write into calendars, and nothing else."""
    return frozenset(one.lower() for one in (settings.mail_from, settings.reply_to) if one)


def wanted_of_file(
    db: DbSession, content: bytes, *, host_id: str, own_mailboxes: frozenset[str], now: datetime
) -> Wanted:
    """Return what is to be read of a file: the customer events of the year ahead. Only reads."""
    host = people.person_by_id(db, host_id, actor=SYSTEM)
    return Wanted(
        content=content,
        start=now,
        end=now + _YEAR,
        owner_zone=host.time_zone,
        addresses=frozenset({host.email}),
        own_domain=installation_id(db),
        own_mailboxes=own_mailboxes,
        colleagues=company_domains(db),
    )


def import_events(
    db: DbSession, events: Sequence[CustomerEvent], *, host_id: str, dry_run: bool, actor: Actor, now: datetime
) -> Followed:
    """Make calls of the customer events of a file, once: importing them again changes what changed there and cancels
    nothing. Locks the host and the calls that came of their files before.
    """
    source = _source_of_files(host_id)
    with db.begin_nested() as savepoint:
        lock_for_following(db, host_id=host_id, source=source, events=events)
        found = follow(db, host_id=host_id, source=source, events=events, gone_until=None, actor=actor, now=now)
        if dry_run:
            savepoint.rollback()
    db.expire_all()
    return found


def _fields(event: CustomerEvent, host_id: str) -> dict[str, Any]:
    return {"title": event.title, "host_id": host_id, "starts_at": event.start, "ends_at": event.end}


def _known(db: DbSession, source: str, refs: Iterable[str]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for part in in_parts(refs):
        found |= external.object_ids(db, "call", [(source, ref) for ref in part])
    return found


def _taken_over(
    db: DbSession, host_id: str, source: str, refs: Iterable[str], *, actor: Actor, now: datetime
) -> dict[str, str]:
    """Have the calls that files of the host made of these events follow this calendar; return them by event."""
    files = _source_of_files(host_id)
    if source == files:
        return {}
    found = {ref: call_id for (_, ref), call_id in _known(db, files, refs).items()}
    for ref, call_id in sorted(found.items()):
        named = external_identity.c.source == files, external_identity.c.external_id == ref
        mine = external_identity.c.object_type == "call", external_identity.c.object_id == call_id
        db.execute(update(external_identity).where(*mine, *named).values(source=source))
        change_call(db, call_id, {}, "call.changed", actor=actor, now=now)
    return found


def _rows(db: DbSession, call_ids: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in in_parts(call_ids):
        found |= {row.id: row for row in db.execute(select(call).where(call.c.id.in_(part)))}
    return found


def _followed_elsewhere(db: DbSession, source: str, refs: Mapping[str, Any], *, now: datetime) -> set[str]:
    """Return which of these events are calls of other calendars: colleagues who are invited to the same have it too."""
    others = select(connected_calendar.c.id).where(connected_calendar.c.use == CalendarUse.CALLS)
    sources = {source_of(other) for other in db.execute(others).scalars()} - {source}
    found: set[str] = set()
    for part in in_parts(refs):
        query = select(external_identity.c.external_id).join(call, call.c.id == external_identity.c.object_id)
        query = query.where(
            external_identity.c.object_type == "call",
            external_identity.c.source.in_(sorted(sources)),
            external_identity.c.external_id.in_(part),
            call.c.status.in_(_ON),
            call.c.ends_at > now,
        )
        found |= set(db.execute(query).scalars())
    return found


def _cancel_gone(
    db: DbSession, source: str, kept: Collection[str], *, until: datetime, actor: Actor, now: datetime
) -> int:
    query = select(external_identity.c.external_id, call.c.id).join(call, call.c.id == external_identity.c.object_id)
    query = query.where(
        external_identity.c.object_type == "call",
        external_identity.c.source == source,
        call.c.status == CallStatus.SCHEDULED,
        call.c.starts_at > now,
        call.c.starts_at < until,
    )
    gone = [(ref, call_id) for ref, call_id in db.execute(query.order_by(call.c.id)) if ref not in kept]
    for ref, call_id in gone:
        calls.cancel_call(db, call_id=call_id, actor=actor, now=now)
        named = external_identity.c.source == source, external_identity.c.external_id == ref
        db.execute(delete(external_identity).where(external_identity.c.object_id == call_id, *named))
    return len(gone)
