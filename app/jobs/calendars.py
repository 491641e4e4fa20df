"""Read connected calendars: load, fetch and read with no transaction open, record."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from app.adapters import calendars
from app.adapters.calendars import Fetched, NotFetched, Place, Unchanged
from app.child import ChildFailed, run_limited
from app.db import transaction
from app.ical.connected import CalendarRefused, Told, Wanted
from app.jobs.context import JobContext
from app.operations import connected_calendars as operations
from app.operations.calendar_calls import our_mailboxes
from app.operations.installation import installation_id
from app.queries import connected_calendars
from app.vault import WontOpen
from app.vocabulary import CalendarKind, CalendarUse

_BACK, _AHEAD = timedelta(days=1), timedelta(days=180)
_SECONDS, _MEBIBYTES = 15, 200
"""Of the process that reads a calendar: its reader counts its steps, so this is for what nobody thought of."""


def sweep(job: JobContext) -> None:
    """Queue the calendars that are due."""
    job.write(lambda db: operations.queue_due(db, now=job.clock()))


def refresh(job: JobContext) -> None:
    """Read one calendar. Whatever is wrong with it is noted, and what was read last still counts."""
    calendar_id: str = job.payload["calendar_id"]
    try:
        with transaction(job.engine, writes=False) as db:
            seen = connected_calendars.calendar_to_read(db, calendar_id)
            if seen is None:
                return
            place = Place(*connected_calendars.place_of(db, seen))
            own_domain = installation_id(db)
            colleagues = connected_calendars.company_domains(db) if seen.use is CalendarUse.CALLS else None
    except WontOpen as why:
        _failed(job, calendar_id, why.detail, lasting=True)
        return
    now = job.clock()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = today - _BACK, today + _AHEAD
    try:
        fetched = _fetch(job, seen, place, start=start, end=end, now=now)
        if isinstance(fetched, Unchanged):
            _unchanged(job, seen, seen.etag, seen.last_modified)
            return
        wanted = Wanted(
            content=fetched.content,
            start=start,
            end=end,
            owner_zone=seen.time_zone,
            addresses=_addresses(seen.email, place.username),
            own_domain=own_domain,
            own_mailboxes=our_mailboxes(job.settings),
            colleagues=colleagues,
            title_contains=seen.title_contains,
        )
        digest = _digest(wanted)
        if digest == seen.content_digest:
            _unchanged(job, seen, fetched.etag, fetched.last_modified)
            return
        told = _read(job, wanted)
    except NotFetched as why:
        _failed(job, calendar_id, str(why), lasting=why.lasting, retry_at=why.retry_at)
    except CalendarRefused as why:
        _failed(job, calendar_id, str(why))
    except ChildFailed:
        _failed(job, calendar_id, "The calendar takes more time or memory to read than it may.")
    else:
        job.write(
            lambda db: operations.keep_reading(
                db,
                calendar_id,
                told,
                version=seen.version,
                digest=digest,
                etag=fetched.etag,
                last_modified=fetched.last_modified,
                until=end,
                now=job.clock(),
            )
        )


def _fetch(
    job: JobContext, seen: Any, place: Place, *, start: datetime, end: datetime, now: datetime
) -> Fetched | Unchanged:
    outbound = job.outside.outbound
    if seen.kind is CalendarKind.CALDAV:
        return calendars.fetch_caldav(outbound, place, start=start, end=end, now=now)
    known = seen.read_at is not None and _as_now(seen, now)
    etag, last_modified = (seen.etag, seen.last_modified) if known else (None, None)
    return calendars.fetch_ics(outbound, place, etag=etag, last_modified=last_modified, now=now)


def _as_now(seen: Any, now: datetime) -> bool:
    """Whether a calendar that did not change since it was read says the same now: each day has another window, and its
    whole days are where its owner is.
    """
    same_day = seen.read_at.astimezone(UTC).date() == now.astimezone(UTC).date()
    return bool(same_day and seen.read_at >= seen.owner_changed_at)


def _read(job: JobContext, wanted: Wanted) -> Told:
    return run_limited(
        "app.ical.connected:read", wanted, answer=Told, seconds=_SECONDS, mebibytes=_MEBIBYTES, over=job.over
    )


def _addresses(email: str, username: str | None) -> frozenset[str]:
    """Return under which addresses the owner may be invited there: a CalDAV user is often an address of its own."""
    own = {email, username} if username and "@" in username else {email}
    return frozenset(address.lower() for address in own)


def _digest(wanted: Wanted) -> str:
    """Return what is the same only if reading would give the same: the bytes, the window and whose it is."""
    whose = (wanted.owner_zone, sorted(wanted.addresses), sorted(wanted.own_mailboxes))
    customers = (wanted.colleagues and sorted(wanted.colleagues), wanted.title_contains)
    asked = repr((wanted.start, *whose, *customers))
    return hashlib.sha256(asked.encode() + b"\n" + wanted.content).hexdigest()


def _unchanged(job: JobContext, seen: Any, etag: str | None, last_modified: str | None) -> None:
    keep = partial(
        operations.keep_unchanged, calendar_id=seen.id, version=seen.version, etag=etag, last_modified=last_modified
    )
    job.write(lambda db: keep(db, now=job.clock()))


def _failed(
    job: JobContext, calendar_id: str, why: str, *, lasting: bool = False, retry_at: datetime | None = None
) -> None:
    note = partial(operations.note_failure, calendar_id=calendar_id, why=why, lasting=lasting, retry_at=retry_at)
    job.write(lambda db: note(db, now=job.clock()))
