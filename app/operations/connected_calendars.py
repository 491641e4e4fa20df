"""Connect calendars outside, keep what they tell, and what went wrong; disconnect them."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update

from app import ids
from app.credentials import digest
from app.db import DbSession
from app.errors import Conflict, Fault, Invalid, NotFound
from app.ical.connected import Range, Told
from app.models import ConnectedCalendar
from app.models.tables import connected_calendar
from app.operations import calendar_calls
from app.operations.availability import owned_person, replace_busy
from app.operations.calendar_calls import source_of
from app.operations.changes import amend, check_version
from app.operations.events import tell
from app.operations.jobs import SOON, USUAL, enqueue, enqueue_each
from app.operations.webhooks import UrlRefused
from app.queries import connected_calendars
from app.queries.sealed import sealed, to_keep
from app.rules.access import SYSTEM, Actor
from app.rules.destinations import NOT_PUBLIC, Allowed, destination, is_of_the_house, refuse_url
from app.rules.refreshing import EVERY, next_look
from app.vocabulary import BusyStatus, CalendarHealth, CalendarKind, CalendarUse

MOST = 10
"""Calendars of one person."""
_AT_ONCE = 500
_WHY = 300
_EVER = datetime(2100, 1, 1, tzinfo=UTC)


class CalendarConnected(Conflict):
    """This person has connected this address."""

    code = "calendar_connected"
    title = "This calendar is connected already"


class TooManyCalendars(Conflict):
    """The person has as many calendars as anybody may have."""

    code = "too_many_calendars"
    title = f"Nobody connects more than {MOST} calendars"


class PasswordAlone(Invalid):
    """A password needs the user name that it belongs to."""

    code = "password_alone"
    title = "A password comes with a user name"


def connect_calendar(
    db: DbSession,
    *,
    person_id: str,
    kind: CalendarKind,
    url: str,
    name: str,
    username: str | None,
    password: str | None,
    use: CalendarUse,
    title_contains: str | None,
    allowed: Allowed,
    actor: Actor,
    now: datetime,
) -> ConnectedCalendar:
    """Connect a calendar and have it read soon. `allowed` are the hosts of the house that are not public. Refused as
    `calendar_connected`, naming the one that is. Locks the person.
    """
    owned_person(db, person_id, actor=actor)
    url = _https(url)
    _check_url(url, allowed)
    _check_login(username, password)
    mine, same = connected_calendar.c.person_id == person_id, connected_calendar.c.url_digest == digest(url)
    if known := db.execute(select(connected_calendar.c.id).where(mine, same)).scalar():
        raise CalendarConnected("Disconnect it first to change it.", extra={"calendar_id": known})
    if db.execute(select(func.count()).select_from(connected_calendar).where(mine)).scalar_one() >= MOST:
        raise TooManyCalendars("Disconnect one first.")
    calendar_id, columns = ids.new("cal", now), connected_calendar.c
    made = ConnectedCalendar(
        id=calendar_id,
        person_id=person_id,
        name=name,
        kind=kind,
        url=sealed(db, columns.url, calendar_id, url),
        username=username and sealed(db, columns.username, calendar_id, username),
        password=password and sealed(db, columns.password, calendar_id, password),
        url_digest=digest(url),
        use=use,
        title_contains=title_contains,
        due_at=now + EVERY,
        created_at=now,
        updated_at=now,
    )
    db.add(made)
    db.flush()
    tell(db, "connected_calendar.created", made.id, version=1, actor=actor, now=now)
    _refresh(db, made.id, priority=SOON, now=now)
    return made


def patch_calendar(
    db: DbSession,
    *,
    person_id: str,
    calendar_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> ConnectedCalendar:
    """Change what is given and have the calendar read soon: until then counts what was read last, calls and all.
    Refused as `password_alone`. Locks the calendar.
    """
    connected_calendars.own_calendar(db, person_id, calendar_id, actor=actor)
    found = _locked(db, calendar_id)
    if found is None:
        raise NotFound
    check_version(found, expected_version)
    _check_login(changes.get("username", found.username), changes.get("password", found.password))
    act, changes = "connected_calendar.changed", to_keep(db, connected_calendar, found, changes)
    changed = amend(db, found, changes, act=act, object_id=calendar_id, actor=actor, now=now)
    if not {"name"}.issuperset(changed):
        found.etag = found.last_modified = None  # that its bytes are the same says nothing any more
        db.flush()
    if changed:  # its name alone, too: what is being read just now is of another version, and will not be kept
        _refresh(db, calendar_id, priority=SOON, now=now)
    return found


def disconnect_calendar(
    db: DbSession,
    *,
    person_id: str,
    calendar_id: str,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Forget a calendar, what it said of its owner's time, and what opens it. Calls ahead that were made of its events
    are cancelled with their seats: nothing would tell any more when they move. Locks the person and those calls.
    """
    connected_calendars.own_calendar(db, person_id, calendar_id, actor=actor)
    source = source_of(calendar_id)
    calendar_calls.lock_for_following(db, host_id=person_id, source=source, events=())
    owned_person(db, person_id, actor=actor)
    found = _locked(db, calendar_id)
    if found is None:
        raise NotFound
    check_version(found, expected_version)
    calendar_calls.follow(db, host_id=person_id, source=source, events=(), gone_until=_EVER, actor=SYSTEM, now=now)
    replace_busy(db, person_id=person_id, source=source, intervals=(), actor=actor, now=now)
    db.delete(found)
    db.flush()
    tell(db, "connected_calendar.deleted", calendar_id, version=found.version + 1, actor=actor, now=now)


def ask_for_refresh(db: DbSession, *, person_id: str, calendar_id: str, actor: Actor, now: datetime) -> Any:
    """Have a calendar read soon, and return it. While that waits, asking again adds nothing."""
    found = connected_calendars.own_calendar(db, person_id, calendar_id, actor=actor)
    _refresh(db, calendar_id, priority=SOON, now=now)
    return found


def queue_due(db: DbSession, *, now: datetime) -> int:
    """Have all calendars read that are due, and return how many. Each is due again later, should its job get lost."""
    found = connected_calendars.due(db, now=now, most=_AT_ONCE)
    enqueue_each(db, "calendar_refresh", {_singleton(one): {"calendar_id": one} for one in found}, now=now)
    if found:
        later = update(connected_calendar).where(connected_calendar.c.id.in_(found)).values(due_at=now + EVERY)
        db.execute(later)
    return len(found)


def keep_unchanged(
    db: DbSession, calendar_id: str, *, version: int, etag: str | None, last_modified: str | None, now: datetime
) -> None:
    """Note that a calendar says what it said before. `version` as in `keep_reading`."""
    found = _locked(db, calendar_id)
    if found is not None and found.version == version:
        _well(found, etag=etag, last_modified=last_modified, now=now)
        db.flush()


def keep_reading(
    db: DbSession,
    calendar_id: str,
    told: Told,
    *,
    version: int,
    digest: str,
    etag: str | None,
    last_modified: str | None,
    until: datetime,
    now: datetime,
) -> None:
    """Keep what a calendar told of the time up to `until`: when its owner is taken and, if that is its use, their
    calls; those of a use that it had before are cancelled. All of it or nothing, and nothing if the calendar is not the
    `version` any more that was read: it was forgotten, or is read again soon. Locks the owner, those calls, the
    calendar.
    """
    seen = connected_calendars.calendar_to_read(db, calendar_id)
    if seen is None:
        return
    source = source_of(calendar_id)
    calendar_calls.lock_for_following(db, host_id=seen.person_id, source=source, events=told.calls)
    found = _locked(db, calendar_id)
    if found is None or found.version != version:
        return
    followed = calendar_calls.follow(
        db, host_id=seen.person_id, source=source, events=told.calls, gone_until=until, actor=SYSTEM, now=now
    )
    more: list[Range] = [(event.start, event.end) for event in told.calls if event.ref not in followed.calls]
    intervals = [(start, end, BusyStatus.BUSY) for start, end in (*told.busy, *more)]
    intervals += [(start, end, BusyStatus.TENTATIVE) for start, end in told.tentative]
    replace_busy(db, person_id=seen.person_id, source=source, intervals=intervals, actor=SYSTEM, now=now)
    _well(found, etag=etag, last_modified=last_modified, now=now)
    found.content_digest, found.read_at = digest, now
    db.flush()


def note_failure(
    db: DbSession, calendar_id: str, why: str, *, lasting: bool, retry_at: datetime | None, now: datetime
) -> None:
    """Note why a calendar can't be read now, and look again later. What was read last still counts."""
    found = _locked(db, calendar_id)
    if found is None:
        return
    found.failures += 1
    found.health, found.why, found.checked_at = CalendarHealth.DEGRADED, why[:_WHY], now
    found.due_at = next_look(now, failures=found.failures, spread=_spread(), lasting=lasting, not_before=retry_at)
    if found.failures == 1:
        tell(db, "connected_calendar.degraded", calendar_id, version=found.version, actor=SYSTEM, now=now)
    db.flush()


def _well(found: ConnectedCalendar, *, etag: str | None, last_modified: str | None, now: datetime) -> None:
    found.health, found.why, found.failures, found.checked_at = CalendarHealth.OK, None, 0, now
    found.etag, found.last_modified = etag, last_modified
    found.due_at = next_look(now, failures=0, spread=_spread())


def _spread() -> float:
    return random.random()  # noqa: S311 - spreads requests, no secret


def _refresh(db: DbSession, calendar_id: str, *, priority: int = USUAL, now: datetime) -> None:
    payload = {"calendar_id": calendar_id}
    enqueue(db, "calendar_refresh", payload, singleton=_singleton(calendar_id), priority=priority, now=now)


def _singleton(calendar_id: str) -> str:
    return f"calendar_refresh:{calendar_id}"


def _locked(db: DbSession, calendar_id: str) -> ConnectedCalendar | None:
    return db.get(ConnectedCalendar, calendar_id, with_for_update={"key_share": True}, populate_existing=True)


def _check_login(username: str | None, password: str | None) -> None:
    if password is not None and username is None:
        raise PasswordAlone(faults=(Fault("/username", "required", "is required with a password"),))


def _https(url: str) -> str:
    """Return the address behind `webcal:`, as calendars hand it out for subscribing."""
    scheme, colon, rest = url.partition("://")
    return f"https://{rest}" if colon and scheme.lower() in ("webcal", "webcals") else url


def _check_url(url: str, allowed: Allowed) -> None:
    """Refuse an address to which no request will ever go. Without TLS others could read the calendar and its password,
    but in the networks of the house.
    """
    why = refuse_url(url, allowed=allowed)
    if why is None and not is_of_the_house(destination(url).host, allowed):
        why = refuse_url(url, allowed=allowed, https_only=True)
    if why == NOT_PUBLIC:
        why = f"{why} If it is a host of your own, name it in the setting EARSHOT_OUTBOUND_ALLOW."
    if why is not None:
        raise UrlRefused(why, faults=(Fault("/url", "url_refused", why),))
