"""Calendars that people have elsewhere: connect them, see how they do; and when somebody is taken, for calendars."""

import hashlib
from datetime import UTC, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app.db import DbSession
from app.errors import NotFound, Stale
from app.ical.freebusy import freebusy
from app.operations import connected_calendars as operations
from app.operations.installation import installation_id
from app.operations.webhooks import UrlRefused
from app.queries import connected_calendars
from app.queries.freebusy import taken_time
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Reply, Route, TheHouse
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.schemas.calendars import ConnectCalendar, ConnectedCalendarRead, PatchCalendar
from app.schemas.shapes import Listing
from app.vocabulary import Instant

router = APIRouter(
    prefix="/v1/people/{person_id}", tags=["availability"], route_class=Route, dependencies=[private("calendars")]
)

_SHOWN = timedelta(days=60)
_CALENDAR: dict[int | str, dict[str, Any]] = {
    200: {"description": "A calendar with one VFREEBUSY", "content": {"text/calendar": {"schema": {"type": "string"}}}}
}


@router.get("/calendars", operation_id="calendars_list", responses=refusals(NotFound))
def list_calendars(
    person_id: str, db: ReadDb, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[ConnectedCalendarRead]:
    """List your connected calendars, oldest first, or anybody's as an admin."""
    found = connected_calendars.list_calendars(db, person_id, page, actor=actor)
    return answer.page(found, [_shown(db, row) for row in found.rows])


@router.post(
    "/calendars",
    status_code=201,
    operation_id="calendars_create",
    responses=refusals(
        NotFound, UrlRefused, operations.PasswordAlone, operations.CalendarConnected, operations.TooManyCalendars
    ),
)
def connect_calendar(
    person_id: str, body: ConnectCalendar, db: Db, now: Now, actor: CurrentActor, answer: Answer, the: TheHouse
) -> ConnectedCalendarRead:
    """Have a calendar read that is elsewhere, now and every 15 minutes. What opens it is never shown again.

    The time that its events take is busy. With `use` = `calls`, those with somebody from outside the company become
    your calls and follow their events: they move with them, and are cancelled with them. When it can't be read, what
    was read last still counts, and `why` says what is wrong.
    """
    made = operations.connect_calendar(
        db, person_id=person_id, **body.model_dump(), allowed=the.settings.outbound_allow, actor=actor, now=now
    )
    return answer.created(f"/v1/people/{person_id}/calendars/{made.id}", made.version, _shown(db, made))


@router.get("/calendars/{calendar_id}", operation_id="calendars_get", responses=refusals(NotFound))
def get_calendar(
    person_id: str, calendar_id: str, db: ReadDb, actor: CurrentActor, answer: Answer
) -> ConnectedCalendarRead:
    """Read one connected calendar and how it does, without what opens it."""
    return _answered(db, answer, connected_calendars.calendar_of(db, person_id, calendar_id, actor=actor))


@router.patch(
    "/calendars/{calendar_id}",
    operation_id="calendars_patch",
    responses=refusals(NotFound, Stale, operations.PasswordAlone),
)
def patch_calendar(
    person_id: str,
    calendar_id: str,
    body: PatchCalendar,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
) -> ConnectedCalendarRead:
    """Change a connected calendar (JSON Merge Patch): absent keeps, null clears. Its address stays: another address is
    another calendar.

    It takes effect when the calendar is read, which is soon. With `use` = `busy` its calls ahead are cancelled then,
    with their seats, and their time is busy.
    """
    found = operations.patch_calendar(
        db,
        person_id=person_id,
        calendar_id=calendar_id,
        changes=body.model_dump(exclude_unset=True),
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(db, answer, found)


@router.delete(
    "/calendars/{calendar_id}", status_code=204, operation_id="calendars_delete", responses=refusals(NotFound, Stale)
)
def disconnect_calendar(
    person_id: str, calendar_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch
) -> None:
    """Forget a calendar and what it said of your time. Calls ahead that were made of its events are cancelled."""
    operations.disconnect_calendar(
        db, person_id=person_id, calendar_id=calendar_id, expected_version=if_match, actor=actor, now=now
    )


@router.post(
    "/calendars/{calendar_id}/refresh",
    status_code=202,
    operation_id="calendars_refresh",
    responses=refusals(NotFound),
)
def refresh_calendar(person_id: str, calendar_id: str, db: Db, now: Now, actor: CurrentActor) -> ConnectedCalendarRead:
    """Read a calendar as soon as there is a worker. Safe to repeat. `checked_at` tells when it was."""
    found = operations.ask_for_refresh(db, person_id=person_id, calendar_id=calendar_id, actor=actor, now=now)
    return _shown(db, found)


@router.get(
    "/freebusy.ics",
    operation_id="freebusy_get",
    response_class=Response,
    responses=_CALENDAR | refusals(NotFound),
)
def get_freebusy(
    person_id: str,
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    from_: Annotated[Instant | None, Query(alias="from", description="Midnight UTC of today unless given.")] = None,
) -> Response:
    """Read when you can't be booked in 60 days, or anybody can't as an admin: a calendar without titles or details."""
    start = from_ or now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + _SHOWN
    ranges = taken_time(db, person_id, start=start, end=end, actor=actor, now=now)
    uid = f"freebusy-{person_id}@{installation_id(db)}"
    content = freebusy(ranges, uid=uid, start=start, end=end, now=now)
    return Response(content, media_type="text/calendar; charset=utf-8", headers={"Cache-Control": "private, no-store"})


def _answered(db: DbSession, answer: Reply, found: Any) -> ConnectedCalendarRead:
    return answer.version(found.version, _shown(db, found), shows=_health(found))


def _shown(db: DbSession, found: Any) -> ConnectedCalendarRead:
    return ConnectedCalendarRead.of(found, host=connected_calendars.host_of(db, found))


def _health(found: Any) -> str:
    """Tell states of a calendar apart that nobody changed: how it does is no version of it."""
    return hashlib.sha256(repr((found.health, found.why, found.checked_at)).encode()).hexdigest()[:12]
