"""What the week page shows as rows: calls with who listens, sessions without a call, power hours, by day and by week.
They are made of the rows of `app.queries.week`, on the clocks of a `Look`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from app.queries.power_hours import PowerHourPeople, turns_of
from app.vocabulary import ClaimKind, Response, SeatStatus, SessionKind, SessionStatus
from app.web import words
from app.web.faces import Face
from app.web.grids import Grid, grid
from app.web.weeks import Beside, Week, place, there

_DRAWN_SEATS = 4
"""Seats drawn one by one; more are a number."""
_LEGEND: Mapping[str, str] = {
    "shadow": "A seat on a call",
    "reverse": "Your own call",
    "debrief": "Debrief",
    "meet": "A meeting",
    "ride": "A power hour",
    "open": "Awaits an answer",
}
_OPEN: Mapping[Response, Literal["unanswered", "maybe", "declined"]] = {
    Response.NEEDS_ACTION: "unanswered",
    Response.TENTATIVE: "maybe",
    Response.DECLINED: "declined",
}
_STATES = {
    "held": "Held, not booked yet",
    "unanswered": "Awaits your answer",
    "maybe": "You may come",
    "declined": "You declined",
}
_THEIR_STATES = {
    "held": "Held, not booked yet",
    "unanswered": "Awaits their answer",
    "maybe": "They may come",
    "declined": "They declined",
}


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at whose week, on which clocks, and when."""

    viewer_id: str
    time_zone: str
    subject_id: str
    """Whose week it is; empty of a team."""
    second_zone: str
    """The zone of a second clock, or empty."""
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The viewer's."""
        return ZoneInfo(self.time_zone)

    @property
    def is_own(self) -> bool:
        """Whether the viewer looks at their own week."""
        return self.subject_id == self.viewer_id

    def beside(self, week: Week) -> Beside | None:
        """Return the second clock of a week; None when there is none, or it shows what the viewer's does."""
        found = Beside(week, self.second_zone) if self.second_zone else None
        return found if found and (found.minutes or found.change) else None

    def there(self, instant: datetime) -> str:
        """Return what the second clock shows, and where; empty without one, and where it shows the same."""
        if not self.second_zone or _wall(instant, self.second_zone) == _wall(instant, self.time_zone):
            return ""
        return f"{there(instant, self.second_zone, here=self.time_zone)} {place(self.second_zone)}"


@dataclass(frozen=True, slots=True)
class Listener:
    """An observer whom the viewer may see on a call."""

    face: Face
    is_viewer: bool
    state: Literal["listens", "asks", "offered", "held"]
    """Whether the seat stands, and if not, what it waits for: the host, its observer, or whoever holds it."""
    is_subject: bool = False
    """Whether it is their week that is shown."""


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
    is_subjects: bool = False
    """Whether whoever's week it is hosts it."""
    there: str = ""
    """When it starts on a second clock, if there is one."""
    drawn_as: ClassVar[str] = "call"

    @property
    def colour(self) -> str:
        """Of the kind of session that it is to whoever's week it is."""
        return "reverse" if self.is_subjects else "shadow"

    @property
    def is_open(self) -> bool:
        """Whether the seat of whoever's week it is has yet to be confirmed."""
        return any(one.is_subject for one in self.unconfirmed)

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
    """A session without a call as one row; times on the viewer's clocks. In the week of one person `others` are those
    whom they meet, in that of a team all who meet.
    """

    id: str
    starts_at: datetime
    ends_at: datetime
    kind: str
    others: tuple[Face, ...]
    state: Literal["held", "unanswered", "maybe", "declined"] | None
    """What is still open about it."""
    is_over: bool
    whose: Literal["viewer", "other", "team"] = "viewer"
    there: str = ""
    """When it starts on a second clock, if there is one."""
    drawn_as: ClassVar[str] = "meeting"

    @property
    def colour(self) -> str:
        """Of its kind."""
        return "debrief" if self.kind == words.KINDS[SessionKind.DEBRIEF] else "meet"

    @property
    def is_open(self) -> bool:
        """Whether something is still open about it."""
        return self.state is not None

    @property
    def says(self) -> str:
        """What is still open about it, in words."""
        if self.state is None:
            return ""
        return (_STATES if self.whose == "viewer" else _THEIR_STATES)[self.state]


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn of somebody in a power hour: from when on, and who is there; times on the viewer's clocks."""

    starts_at: datetime
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PowerHourRow:
    """A power hour as one row; times on the viewer's clocks. In the week of one person `faces` are those whom they hear
    or who hear them, in that of a team those who dial.
    """

    id: str
    starts_at: datetime
    ends_at: datetime
    name: str
    does: str
    """What whoever's week it is does in it."""
    is_host: bool
    turns: tuple[TurnRow, ...]
    """Theirs; empty of a team."""
    faces: tuple[Face, ...]
    is_over: bool
    there: str = ""
    """When it starts on a second clock, if there is one."""
    drawn_as: ClassVar[str] = "power_hour"
    colour: ClassVar[str] = "ride"
    is_open: ClassVar[bool] = False


Row = CallRow | MeetingRow | PowerHourRow


@dataclass(frozen=True, slots=True)
class DayRows:
    """One day's calls and sessions without one."""

    on: date
    is_today: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class WeekRows:
    """One week's days on which there is something."""

    week: Week
    title: str
    days: tuple[DayRows, ...]
    grid: Grid[Row] | None
    """The same as a grid; none for a week without anything, or with too much at once."""
    beside: Beside | None
    """The second clock, where it shows another time."""
    legend: tuple[tuple[str, str], ...]
    """The colours that stand in the grid, and what they say."""


def week_rows(week: Week, rows: Iterable[Row], *, look: Look, current: Week, shows_theirs: bool) -> WeekRows:
    """Return a week of these rows. `shows_theirs`: whether it was chosen whose week it is."""
    title = {current: "This week", current.next: "Next week", current.previous: "Last week"}.get(week)
    inside = [row for row in rows if week.starts_at <= row.starts_at < week.ends_at]
    days = day_rows(inside, look=look)
    drawn = grid(week.monday, days, now=look.now.astimezone(look.zone)) if days else None
    found = {row.colour for row in inside} | {"open" for row in inside if row.is_open}
    says = {**_LEGEND, "reverse": "Their own call"} if shows_theirs else _LEGEND
    legend = tuple((colour, said) for colour, said in says.items() if colour in found)
    return WeekRows(week, title or f"Week {int(week.name[-2:])}", days, drawn, look.beside(week), legend)


def day_rows(rows: Iterable[Row], *, look: Look) -> tuple[DayRows, ...]:
    """Group rows by day on the viewer's clocks."""
    today = look.now.astimezone(look.zone).date()
    by_day = groupby(sorted(rows, key=lambda one: (one.starts_at, one.id)), key=lambda one: one.starts_at.date())
    return tuple(DayRows(day, day == today, tuple(group)) for day, group in by_day)


def call_rows(rows: Iterable[Any], *, look: Look) -> list[CallRow]:
    """Make a row for each call of rows that are in order of time and call."""
    return [_call_row(list(group), look) for _, group in groupby(rows, key=lambda row: row.id)]


def meeting_rows(rows: Iterable[Any], *, look: Look) -> list[MeetingRow]:
    """Make a row for each session of rows that are in order of time and session: one for each of the others in it."""
    return [_meeting_row(list(group), look) for _, group in groupby(rows, key=lambda row: row.id)]


def power_hour_rows(found: Iterable[tuple[Any, PowerHourPeople]], *, look: Look) -> list[PowerHourRow]:
    """Make a row for each of these power hours."""
    return [_power_hour_row(row, people, look) for row, people in found]


def _power_hour_row(row: Any, people: PowerHourPeople, look: Look) -> PowerHourRow:
    who, is_host = look.subject_id, look.subject_id in people.hosts
    if who:
        does = {True: "You dial", False: "You listen"} if look.is_own else {True: "Dials", False: "Listens"}
        said = does[is_host]
    else:
        said = f"{len(people.hosts)} dialling, {len(people.observers)} listening"
    turns: dict[datetime, list[str]] = {}
    for turn in turns_of(row, people):
        if who in (turn.host, turn.observer):
            turns.setdefault(turn.starts_at, []).append(turn.observer if is_host else turn.host)
    others = [one for several in turns.values() for one in several] if who else people.hosts
    return PowerHourRow(
        id=row.id,
        starts_at=row.starts_at.astimezone(look.zone),
        ends_at=row.ends_at.astimezone(look.zone),
        name=row.name,
        does=said,
        is_host=is_host,
        turns=tuple(
            TurnRow(at.astimezone(look.zone), tuple(people.name(one) for one in several))
            for at, several in turns.items()
        ),
        faces=tuple(Face.of(one, people.name(one)) for one in dict.fromkeys(others)),
        is_over=row.ends_at <= look.now,
        there=look.there(row.starts_at),
    )


def _meeting_row(rows: list[Any], look: Look) -> MeetingRow:
    row = rows[0]
    state = _OPEN.get(row.response) if row.status is SessionStatus.CONFIRMED and row.ends_at > look.now else None
    return MeetingRow(
        id=row.id,
        starts_at=row.starts_at.astimezone(look.zone),
        ends_at=row.ends_at.astimezone(look.zone),
        kind=words.KINDS[row.kind],
        others=tuple(Face.of(one.other_id, one.other_name) for one in rows if one.other_id is not None),
        state="held" if row.status is SessionStatus.REQUESTED else state,
        is_over=row.ends_at <= look.now,
        whose="viewer" if look.is_own else "other" if look.subject_id else "team",
        there=look.there(row.starts_at),
    )


def _call_row(rows: list[Any], look: Look) -> CallRow:
    """Make one row of a call's: one per seat that the viewer may see, or one without a seat."""
    row = rows[0]
    listeners = tuple(_listener(one, look) for one in rows if one.observer_id is not None)
    return CallRow(
        id=row.id,
        starts_at=row.starts_at.astimezone(look.zone),
        ends_at=row.ends_at.astimezone(look.zone),
        host=Face.of(row.host_id, row.host_name),
        is_viewers=row.host_id == look.viewer_id,
        account=row.account_name or "a customer",
        type=row.type_name,
        listeners=listeners,
        others=max(row.seats_taken - len(listeners), 0),
        seats_taken=max(row.seats_taken, len(listeners)),
        seats=max(row.seat_capacity, len(listeners)),
        is_over=row.ends_at <= look.now,
        is_subjects=row.host_id == look.subject_id,
        there=look.there(row.starts_at),
    )


def _listener(row: Any, look: Look) -> Listener:
    who, face = row.observer_id, Face.of(row.observer_id, row.observer_name)
    return Listener(face, who == look.viewer_id, _seat_state(row), who == look.subject_id)


def _seat_state(row: Any) -> Literal["listens", "asks", "offered", "held"]:
    if row.seat_status is not SeatStatus.REQUESTED:
        return "listens"
    if row.is_offered:
        return "offered"
    return "asks" if row.claim_kind is ClaimKind.PENDING else "held"


def _wall(instant: datetime, time_zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
