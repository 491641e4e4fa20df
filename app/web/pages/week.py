"""The week: who sits in where and who meets the viewer, this week and the next, and the seats that are still open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse

from app.db import DbSession
from app.errors import NotFound
from app.queries import week as queries
from app.rules.access import sees_the_house
from app.vocabulary import ClaimKind, Response, SeatStatus, SessionStatus
from app.web import weeks, words
from app.web.dependencies import Now, ReadDb, SignedIn, Viewer, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.weeks import Week

router = page_router()

_MOST_SEATS = 400
"""Seats shown on one page: about 300 kB."""
_MOST_MEETINGS = 100
"""More than fit into the hours of two weeks, unless somebody logs what never was."""
_OPEN_CALLS = 12
_DRAWN_SEATS = 4
"""Seats drawn one by one; more are a number."""


_OPEN: Mapping[Response, Literal["unanswered", "maybe", "declined"]] = {
    Response.NEEDS_ACTION: "unanswered",
    Response.TENTATIVE: "maybe",
    Response.DECLINED: "declined",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """An observer whom the viewer may see on a call."""

    face: Face
    is_viewer: bool
    state: Literal["listens", "asks", "offered", "held"]
    """Whether the seat stands, and if not, what it waits for: the host, its observer, or whoever holds it."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as one row; times on the viewer's clocks."""

    id: str
    starts_at: datetime
    ends_at: datetime
    host: Face
    is_viewers: bool
    account: str
    type: str
    listeners: tuple[Listener, ...]
    others: int
    """Observers whom the viewer may not see."""
    seats_taken: int
    seats: int
    is_over: bool
    is_call: ClassVar[bool] = True

    @property
    def standing(self) -> tuple[Listener, ...]:
        """The listeners whose seats stand."""
        return tuple(one for one in self.listeners if one.state == "listens")

    @property
    def unconfirmed(self) -> tuple[Listener, ...]:
        """Those whose seats somebody has yet to confirm."""
        return tuple(one for one in self.listeners if one.state != "listens")

    @property
    def drawn_listeners(self) -> tuple[Listener, ...]:
        """The listeners whose faces are drawn; all are named."""
        return self.listeners[:_DRAWN_SEATS]

    @property
    def drawn_others(self) -> int:
        """How many of the others are drawn."""
        return max(min(self.others, _DRAWN_SEATS - len(self.listeners)), 0)

    @property
    def drawn_free(self) -> int:
        """How many empty seats are drawn."""
        return max(min(self.seats - self.seats_taken, _DRAWN_SEATS - len(self.listeners) - self.others), 0)

    @property
    def not_drawn(self) -> int:
        """How many seats are only counted."""
        return self.seats - len(self.drawn_listeners) - self.drawn_others - self.drawn_free


@dataclass(frozen=True, slots=True)
class MeetingRow:
    """A session without a call, of the viewer and others, as one row; times on the viewer's clocks."""

    id: str
    starts_at: datetime
    ends_at: datetime
    kind: str
    others: tuple[Face, ...]
    state: Literal["held", "unanswered", "maybe", "declined"] | None
    """What is still open about it."""
    is_over: bool
    is_call: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class DayRows:
    """One day's calls and sessions without one."""

    on: date
    is_today: bool
    rows: tuple[CallRow | MeetingRow, ...]


@dataclass(frozen=True, slots=True)
class WeekRows:
    """One week's days on which there is something."""

    week: Week
    title: str
    days: tuple[DayRows, ...]


@router.get("/")
def this_week(db: ReadDb, now: Now, viewer: SignedIn, week: str | None = None) -> HTMLResponse:
    """Show a week and the one after it. Without `week` it is this one, or the next in which anything is to come."""
    zone = viewer.person.time_zone
    current = Week.of(now, zone)
    shown = _named(week, zone) if week else _next_with_sessions(db, now=now, viewer=viewer)
    both_weeks = shown.starts_at, shown.next.ends_at
    seats = queries.taken_seats(db, *both_weeks, actor=viewer.actor, now=now, limit=_MOST_SEATS + 1)
    cut = len(seats) > _MOST_SEATS
    if cut:  # the last call may lack some of its observers
        seats = [row for row in seats if row.id != seats[-1].id]
    meetings = queries.own_meetings(db, *both_weeks, actor=viewer.actor, now=now, limit=_MOST_MEETINGS)
    rows: list[CallRow | MeetingRow] = [*_call_rows(seats, viewer=viewer, now=now)]
    rows += _meeting_rows(meetings, viewer=viewer, now=now)
    both = [_week_rows(one, rows, viewer=viewer, now=now, current=current) for one in (shown, shown.next)]
    open_ = queries.open_calls(
        db, shown.starts_at, shown.ends_at, actor=viewer.actor, observer=viewer.person, now=now, limit=_OPEN_CALLS
    )
    return page(
        "week.html",
        viewer=viewer.face,
        sees_all=sees_the_house(viewer.actor),
        now=now.astimezone(ZoneInfo(zone)),
        place=weeks.place(zone),
        time_zone=zone,
        offset=weeks.offset(now, zone),
        shown=shown,
        current=current,
        title=both[0].title,
        weeks=[one for one in both if one.days or not cut],
        cut=cut,
        most=_MOST_SEATS,
        open_days=_days(_call_rows(open_, viewer=viewer, now=now), viewer=viewer, now=now),
        is_past=shown.ends_at <= now,
    )


def _named(name: str, zone: str) -> Week:
    found = Week.named(name, zone)
    if found is None:
        raise NotFound("There is no such week.")
    return found


def _next_with_sessions(db: DbSession, *, now: datetime, viewer: Viewer) -> Week:
    first = queries.first_session_at(db, actor=viewer.actor, now=now)
    return Week.of(max(first or now, now), viewer.person.time_zone)


def _week_rows(
    week: Week, rows: Iterable[CallRow | MeetingRow], *, viewer: Viewer, now: datetime, current: Week
) -> WeekRows:
    title = {current: "This week", current.next: "Next week", current.previous: "Last week"}.get(week)
    inside = [row for row in rows if week.starts_at <= row.starts_at < week.ends_at]
    return WeekRows(week, title or f"Week {int(week.name[-2:])}", _days(inside, viewer=viewer, now=now))


def _days(rows: Iterable[CallRow | MeetingRow], *, viewer: Viewer, now: datetime) -> tuple[DayRows, ...]:
    """Group rows by day on the viewer's clocks."""
    today = now.astimezone(ZoneInfo(viewer.person.time_zone)).date()
    by_day = groupby(sorted(rows, key=lambda one: (one.starts_at, one.id)), key=lambda one: one.starts_at.date())
    return tuple(DayRows(day, day == today, tuple(group)) for day, group in by_day)


def _call_rows(rows: Iterable[Any], *, viewer: Viewer, now: datetime) -> list[CallRow]:
    """Make a row for each call of rows that are in order of time and call."""
    return [_call_row(list(group), viewer=viewer, now=now) for _, group in groupby(rows, key=lambda row: row.id)]


def _meeting_rows(rows: Iterable[Any], *, viewer: Viewer, now: datetime) -> list[MeetingRow]:
    """Make a row for each session of rows that are in order of time and session: one for each of the others in it."""
    return [_meeting_row(list(group), viewer=viewer, now=now) for _, group in groupby(rows, key=lambda row: row.id)]


def _meeting_row(rows: list[Any], *, viewer: Viewer, now: datetime) -> MeetingRow:
    zone, row = ZoneInfo(viewer.person.time_zone), rows[0]
    state = _OPEN.get(row.response) if row.status is SessionStatus.CONFIRMED and row.ends_at > now else None
    return MeetingRow(
        id=row.id,
        starts_at=row.starts_at.astimezone(zone),
        ends_at=row.ends_at.astimezone(zone),
        kind=words.KINDS[row.kind],
        others=tuple(Face.of(one.other_id, one.other_name) for one in rows if one.other_id is not None),
        state="held" if row.status is SessionStatus.REQUESTED else state,
        is_over=row.ends_at <= now,
    )


def _call_row(rows: list[Any], *, viewer: Viewer, now: datetime) -> CallRow:
    """Make one row of a call's: one per seat that the viewer may see, or one without a seat."""
    zone, row = ZoneInfo(viewer.person.time_zone), rows[0]
    listeners = tuple(
        Listener(
            Face.of(one.observer_id, one.observer_name),
            is_viewer=one.observer_id == viewer.person.id,
            state=_seat_state(one),
        )
        for one in rows
        if one.observer_id is not None
    )
    return CallRow(
        id=row.id,
        starts_at=row.starts_at.astimezone(zone),
        ends_at=row.ends_at.astimezone(zone),
        host=Face.of(row.host_id, row.host_name),
        is_viewers=row.host_id == viewer.person.id,
        account=row.account_name or "a customer",
        type=row.type_name,
        listeners=listeners,
        others=max(row.seats_taken - len(listeners), 0),
        seats_taken=max(row.seats_taken, len(listeners)),
        seats=max(row.seat_capacity, len(listeners)),
        is_over=row.ends_at <= now,
    )


def _seat_state(row: Any) -> Literal["listens", "asks", "offered", "held"]:
    if row.seat_status is not SeatStatus.REQUESTED:
        return "listens"
    if row.is_offered:
        return "offered"
    return "asks" if row.claim_kind is ClaimKind.PENDING else "held"
