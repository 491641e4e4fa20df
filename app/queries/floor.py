"""Read the floor: which calls are on, who listens, whose hand is up, which calls come next, and who is there.

At most seven statements however many calls are on and however many look; one more where a host keeps time between
calls.
What is on is read as it is, and what each of them may see of it is decided here: so it is read once for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    CompoundSelect,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from app.db import DbSession
from app.models.tables import (
    call,
    call_type,
    call_type_skill,
    hand,
    person,
    person_skill,
    presence,
    seat,
)
from app.queries import busy, calls, people
from app.queries.house_rules import house_rules
from app.queries.rows import first_row, one_of
from app.rules import floor as rules
from app.rules import seating
from app.rules.access import Actor, may_act_for, may_see
from app.rules.seating import Host, Observer, Refusal
from app.vocabulary import LIVE_SEATS, CallStatus, Door, PersonStatus, Presence, SeatStatus, SessionKind

NEXT = 6
_SIEVED = 60
"""Calls to look through for the next ones that somebody could take a seat on."""
_AT_MOST = 500
"""People of whom their presence is shown: a floor of more is no floor."""
_DAY = timedelta(hours=24)


# All is built once: SQLAlchemy takes longer to build a statement than to run it.
_NOW, _DAY_AGO, _OVERTIME_AGO, _SOONEST, _UNTIL = (
    bindparam(name, type_=call.c.starts_at.type) for name in ("now", "day_ago", "overtime_ago", "soonest", "until")
)
_VIEWERS: BindParameter[Any] = bindparam("viewers", expanding=True)
# As the text of a partial index says it: prepared statements find it by that alone.
_SCHEDULED, _LIVE = (call.c.status == literal_column(f"'{word}'") for word in (CallStatus.SCHEDULED, CallStatus.LIVE))


def _on_now(column: Column[Any]) -> CompoundSelect[Any]:
    """Return the query of a column of the calls that are on, as `rules.is_on` says it of one."""
    live = (
        _LIVE,
        call.c.ends_at > _OVERTIME_AGO,
        or_(call.c.began_at.is_not(None), call.c.ends_at > _NOW),
        func.coalesce(call.c.began_at, call.c.starts_at) <= _NOW,
    )
    # No call lasts longer than a day: of those that wait for the clock no more are read.
    by_time = _SCHEDULED, call.c.starts_at <= _NOW, call.c.starts_at > _DAY_AGO, call.c.ends_at > _NOW
    return union_all(select(column).where(*live), select(column).where(*by_time))


_AHEAD = (
    select(call.c.id)
    .where(
        _SCHEDULED,
        call.c.starts_at > _NOW,
        call.c.starts_at >= _SOONEST,  # or in a large house all of them start sooner than anybody may book
        call.c.starts_at < _UNTIL,
        call.c.seats_taken < call.c.seat_capacity,
        call.c.sensitive.is_(False),
    )
    .order_by(call.c.starts_at, call.c.id)
    .limit(_SIEVED)
    .subquery()
)
"""The next calls that may be open to somebody; the rule has the last word."""
_HANDS_UP = hand.c.call_id == call.c.id, hand.c.lowered_at.is_(None)
_WHAT_IT_IS = {"id", "host_id", "account_name", "starts_at", "ends_at", "began_at", "status", "door", "meeting_url"}
_WHETHER_IT_IS_OPEN = {
    "stage",
    "sensitive",
    "seats_taken",
    "seat_capacity",
    "observers_allowed",
    "host_works_here",
    "host_approval",
    "host_door",
    "min_notice_minutes",
    "closed_stages",
}
_CALLS = (
    calls.calls_with_hosts()
    .join(call_type, call_type.c.slug == call.c.type)
    .with_only_columns(
        *(column for column in calls.COLUMNS if column.name in _WHAT_IT_IS | _WHETHER_IT_IS_OPEN),
        person.c.name.label("host_name"),
        call_type.c.name.label("type_name"),
        select(func.coalesce(hand.c.why, ""))
        .where(*_HANDS_UP)
        .order_by(hand.c.raised_at.desc(), hand.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("hand"),
        select(func.aggregate_strings(hand.c.person_id, " ")).where(*_HANDS_UP).scalar_subquery().label("raised_by"),
        select(func.aggregate_strings(call_type_skill.c.skill, " "))
        .where(call_type_skill.c.call_type == call.c.type)
        .scalar_subquery()
        .label("lessons"),
        *(column.label(f"limits_{column.name}") for column in busy.LIMITS),
        maintain_column_froms=True,
    )
    .where(call.c.id.in_(union_all(*_on_now(call.c.id).selects, select(_AHEAD.c.id))))
    .order_by(call.c.starts_at, call.c.id)
)
"""The calls that are on, and those that come next with a free seat; by time."""
_SEATED = (
    select(seat.c.id, seat.c.call_id, seat.c.observer_id, seat.c.kind, seat.c.status, seat.c.created_at, person.c.name)
    .join(person, person.c.id == seat.c.observer_id)
    .where(seat.c.call_id.in_(bindparam("call_ids", expanding=True)), one_of(seat.c.status, LIVE_SEATS))
    .order_by(seat.c.call_id, seat.c.seat_no)
)
_PRESENT = select(
    person.c.id.label("person_id"),
    person.c.name,
    presence.c.presence,
    presence.c.until,
    func.coalesce(presence.c.version, 0).label("version"),
    person.c.id.in_(_on_now(call.c.host_id)).label("is_on_call"),
).outerjoin(presence, presence.c.person_id == person.c.id)
_THERE = (
    _PRESENT.add_columns(
        select(func.aggregate_strings(person_skill.c.skill, " "))
        .where(person_skill.c.person_id == person.c.id, person_skill.c.wants > 0, person.c.id.in_(_VIEWERS))
        .scalar_subquery()
        .label("wishes")
    )
    .where(
        or_(
            person.c.id.in_(
                select(presence.c.person_id).where(
                    presence.c.presence != Presence.OPEN, or_(presence.c.until.is_(None), presence.c.until > _NOW)
                )
            ),
            person.c.id.in_(_on_now(call.c.host_id)),
            person.c.id.in_(_VIEWERS),
        ),
        person.c.status != PersonStatus.LEFT,
    )
    .order_by(case((person.c.id.in_(_VIEWERS), 0), else_=1), person.c.name, person.c.id)
    .limit(bindparam("most", type_=Integer))
)
"""Those who said that they are not simply open, those who host a call that is on, and the viewers: of these alone, what
they want to learn.
"""


@dataclass(frozen=True, slots=True)
class FloorListener:
    """Somebody who listens to a call, and since when: nobody does so before it began."""

    person_id: str
    name: str
    seat_id: str
    kind: SessionKind
    since: datetime


@dataclass(frozen=True, slots=True)
class FloorCall:
    """A call that is on, or comes next, as much of it as the viewer may know."""

    id: str
    host_id: str
    host_name: str
    account_name: str | None
    type_name: str
    starts_at: datetime
    ends_at: datetime
    since: datetime
    """When it began; of one that comes next, when it will."""
    status: CallStatus
    """Live when it is on, whoever writes that down later."""
    door: Door
    seats_taken: int
    seat_capacity: int
    listeners: tuple[FloorListener, ...]
    """Those whom the viewer may see there."""
    others: int
    """How many more have a seat."""
    hand: str | None
    """What the hand says that was raised last, without words when it says nothing; None: no hand is up."""
    hands: int
    my_hand: bool
    is_host: bool
    decides: bool
    """Whether the viewer may open its door and ask somebody to leave."""
    my_seat_id: str | None
    is_for_me: bool
    """Whether it lets one hear what the viewer wants to learn."""
    drops_in: bool
    """Whether the viewer could drop in now."""
    why_not: Refusal | None
    """Why they could not; None too for who hosts it, listens, or is nobody."""
    meeting_url: str | None


@dataclass(frozen=True, slots=True)
class FloorPresence:
    """Somebody who said how they work now, or is on a call, whatever they said."""

    person_id: str
    name: str
    presence: Presence
    until: datetime | None
    is_on_call: bool


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor at an instant, for one viewer."""

    calls: tuple[FloorCall, ...]
    """Those that are on: what the viewer wants to learn first, then by when they began."""
    next_calls: tuple[FloorCall, ...]
    """The next of the viewer's day on which they could take a seat, by time."""
    presences: tuple[FloorPresence, ...]
    """Those who are not simply there to be asked, by name."""
    mine: FloorPresence | None
    """The viewer's own; None when nobody in person looks."""
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody who looks: their row of `person`, None for a key of nobody; in the scope of the actor."""

    viewer: Any
    actor: Actor


@dataclass(frozen=True, slots=True)
class _House:
    """What was read for all who look."""

    calls: Sequence[Any]
    seated: Mapping[str, Sequence[Any]]
    """Who has a seat, or asks for one, by call."""
    observers: Mapping[str, Observer]
    """The viewers, by id; nobody where there is no call."""
    hosts: Mapping[str, Host]
    wishes: Mapping[str, frozenset[str]]
    """The skills that each viewer wants to learn."""
    there: Mapping[str, FloorPresence]
    presences: tuple[FloorPresence, ...]
    now: datetime


def floor(db: DbSession, *, viewer: Any, actor: Actor, now: datetime) -> Floor:
    """Return the floor for a viewer, a row of `person`, or None for a key of nobody, in the scope of the actor."""
    return floors(db, [Look(viewer, actor)], now=now)[0]


def floors(db: DbSession, looks: Sequence[Look], *, now: datetime) -> list[Floor]:
    """Return the floor for each of those who look, in their order: to each the same as if they looked alone."""
    viewers = {look.viewer.id: look.viewer for look in looks if look.viewer is not None}
    zones = {one.time_zone for one in viewers.values()}
    until = max((_midnight(zone, now=now) for zone in zones), default=now)
    soonest = now + timedelta(minutes=house_rules(db).min_notice_minutes)
    found = db.execute(_CALLS, _moments(now) | {"soonest": soonest, "until": until}).all()
    observers, hosts = _facts(db, found, viewers, now=now)
    people = db.execute(_THERE, _moments(now) | {"viewers": list(viewers), "most": _AT_MOST + len(viewers)}).all()
    there = {row.person_id: as_of(row, now=now) for row in people}
    busy_now = (one for one in there.values() if one.is_on_call or one.presence is not Presence.OPEN)
    house = _House(
        calls=found,
        seated=_seated(db, [row.id for row in found]),
        observers=observers,
        hosts=hosts,
        wishes={row.person_id: _words(row.wishes) for row in people},
        there=there,
        presences=tuple(sorted(busy_now, key=lambda one: (one.name, one.person_id))[:_AT_MOST]),
        now=now,
    )
    return [_floor(house, look) for look in looks]


def presence_of(db: DbSession, person_id: str, *, actor: Actor, now: datetime) -> Any:
    """Return what somebody said last of how they work, with `is_on_call` and their `version`, 0 when they never said
    anything. Raises NotFound when absent or not for this actor. One statement.
    """
    return first_row(db, _PRESENT.where(person.c.id == person_id, people.visible(actor)), _moments(now))


def due_by_clock(db: DbSession, *, now: datetime) -> list[str]:
    """Return the ids of the calls that the clock begins or ends now, by when they start: those that nobody began whose
    time has come, for as long as they are in reach, and those that are live past their end. One statement.
    """
    waits = _SCHEDULED, call.c.starts_at <= now, call.c.starts_at > now - rules.REACH - _DAY
    over = _LIVE, or_(call.c.ends_at <= now - rules.OVERTIME, and_(call.c.ends_at <= now, call.c.began_at.is_(None)))
    due = union_all(
        select(call.c.id, call.c.starts_at).where(*waits, call.c.ends_at > now - rules.REACH),
        select(call.c.id, call.c.starts_at).where(*over),
    ).subquery()
    return list(db.execute(select(due.c.id).order_by(due.c.starts_at, due.c.id)).scalars())


def _moments(now: datetime) -> dict[str, datetime]:
    """Return what `_on_now` binds."""
    return {"now": now, "day_ago": now - _DAY, "overtime_ago": now - rules.OVERTIME}


def _midnight(zone: str, *, now: datetime) -> datetime:
    """Return when the day is over there."""
    return seating.day_begins(seating.local_day(now, zone) + _DAY, zone)


def _words(text: str | None) -> frozenset[str]:
    return frozenset((text or "").split())


def _seated(db: DbSession, call_ids: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """Return by call those who have a seat or ask for one. One statement; none for no call."""
    found: dict[str, list[Any]] = {}
    for row in db.execute(_SEATED, {"call_ids": call_ids}) if call_ids else ():
        found.setdefault(row.call_id, []).append(row)
    return found


def _facts(
    db: DbSession, rows: Sequence[Any], viewers: Mapping[str, Any], *, now: datetime
) -> tuple[Mapping[str, Observer], Mapping[str, Host]]:
    """Return what the rule must know of the viewers and of the hosts of these calls. Three statements, and one more
    where a host keeps time between calls; none for nobody, or no call.
    """
    if not viewers or not rows:
        return {}, {}
    first, last = min(row.starts_at for row in rows), max(row.ends_at for row in rows)
    everybody = {row.host_id: _limits_of_host(row) for row in rows} | dict(viewers)
    observing, hosting = busy.loads(db, [*everybody.values()], first, last, now=now)
    return busy.observers(db, [*viewers.values()], first, last, observing=observing, now=now), hosting


def _limits_of_host(row: Any) -> Any:
    return SimpleNamespace(**{column.name: getattr(row, f"limits_{column.name}") for column in busy.LIMITS})


def _floor(house: _House, look: Look) -> Floor:
    """Return what one of those who look may see of it."""
    known = [row for row in house.calls if _knows(look.actor, row, house.seated.get(row.id, ()))]
    on = [_shown(house, row, look) for row in known if rules.is_on(row, now=house.now)]
    until = house.now if look.viewer is None else _midnight(look.viewer.time_zone, now=house.now)
    ahead = (row for row in known if house.now < row.starts_at < until and _could_sit(house, row, look))
    return Floor(
        calls=tuple(sorted(on, key=lambda one: (not one.is_for_me, one.since, one.id))),
        next_calls=tuple(_shown(house, row, look) for row in islice(ahead, NEXT)),
        presences=house.presences,
        mine=None if look.viewer is None else house.there.get(look.viewer.id),
        as_of=house.now,
    )


def _knows(actor: Actor, row: Any, seated: Sequence[Any]) -> bool:
    """Whether the actor may know of a call: what `calls.visible` says in SQL."""
    if not row.sensitive and row.observers_allowed is not False:
        return True
    return may_see(actor, row.host_id) or any(may_see(actor, one.observer_id) for one in seated)


def _could_sit(house: _House, row: Any, look: Look) -> bool:
    """Whether the viewer could take a seat on a call that is yet to come, and has not done so."""
    has_asked = any(one.observer_id == look.viewer.id for one in house.seated.get(row.id, ()))
    return not has_asked and _why_not(house, row, look, SessionKind.SHADOW) is None


def _why_not(house: _House, row: Any, look: Look, kind: SessionKind) -> Refusal | None:
    return seating.refusal(row, house.observers[look.viewer.id], house.hosts[row.host_id], kind=kind, now=house.now)


def _shown(house: _House, row: Any, look: Look) -> FloorCall:
    """Return a call with as much of it as somebody may know who knows of it."""
    actor, me = look.actor, None if look.viewer is None else look.viewer.id
    listening = [one for one in house.seated.get(row.id, ()) if one.status is SeatStatus.CONFIRMED]
    mine = next((one.id for one in listening if one.observer_id == me), None)
    sees_host = may_see(actor, row.host_id)
    seen = [one for one in listening if sees_host or may_see(actor, one.observer_id)]
    is_on, raised_by = rules.is_on(row, now=house.now), _words(row.raised_by)
    could_drop_in = is_on and me is not None and me != row.host_id and mine is None
    why_not = _why_not(house, row, look, SessionKind.DROP_IN) if could_drop_in else None
    return FloorCall(
        id=row.id,
        host_id=row.host_id,
        host_name=row.host_name,
        account_name=row.account_name,
        type_name=row.type_name,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        since=rules.since(row),
        status=CallStatus.LIVE if is_on else row.status,
        door=rules.door(row, now=house.now),
        seats_taken=row.seats_taken,
        seat_capacity=row.seat_capacity,
        listeners=tuple(_listener(one, row) for one in seen),
        others=len(listening) - len(seen),
        hand=row.hand,
        hands=len(raised_by),
        my_hand=me in raised_by,
        is_host=row.host_id == me,
        decides=may_act_for(actor, row.host_id),
        my_seat_id=mine,
        is_for_me=not house.wishes.get(me or "", frozenset()).isdisjoint(_words(row.lessons)),
        drops_in=could_drop_in and why_not is None,
        why_not=why_not,
        # Its way in is for those who take part, as `calls.takes_part` says it in SQL.
        meeting_url=row.meeting_url if sees_host or mine is not None else None,
    )


def _listener(one: Any, row: Any) -> FloorListener:
    return FloorListener(one.observer_id, one.name, one.id, one.kind, max(one.created_at, rules.since(row)))


def as_of(row: Any, *, now: datetime) -> FloorPresence:
    """Return how somebody works at this instant, given what `presence_of` returned."""
    stands = rules.presence_at(row.presence, row.until, now=now)
    until = row.until if row.until is not None and row.until > now else None
    return FloorPresence(row.person_id, row.name, stands, until, row.is_on_call)
