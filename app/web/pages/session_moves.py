"""Another time for a session without a call: what its page offers, what is asked for there, and why it can't be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from app.db import DbSession
from app.errors import Problem, Stale
from app.operations import responses, series_changes
from app.queries import alternatives, busy, sessions
from app.vocabulary import Response as Answer
from app.web import hours, weeks
from app.web.clocks import moment
from app.web.dependencies import Viewer
from app.web.filled import Misfilled, one

Way = Literal["reschedule", "suggest"]
"""Move it there at once, or ask the others first."""

Which = Literal["this", "following"]
"""Of a series: one occurrence alone, or those that follow as well."""

WHICH = (("this", "This one alone"), ("following", "This one and those that follow"))
SAID = {
    "following": "It has its new time, and those that follow have moved as far. Everybody is asked anew.",
    "reschedule": "It has its new time. Everybody in it is asked anew.",
    "suggest": "The others are asked. It stays at its time until one of you moves it.",
}
_MOST_SLOTS = 5
_NO_TIME = "Choose a day, and a time such as 14:30."
_NO_CHANGE = "It is at that time already. Choose another."
_SKIPPED = "The clock skips this time on that day. Choose an hour later."
_TWICE = "The clock shows this time twice on that day. Say which of the two you mean."
_CHANGED = "Somebody answered it or changed it meanwhile. Look at it as it is now, then press again."
_MINE = {
    "slot_taken": "You are taken at that time.",
    "outside_availability": "That lies outside your working hours.",
    "not_active": "You are on leave.",
}
_THEIRS = {"slot_taken": "Somebody else is taken at that time."}
"""What is in the viewer's way and in that of others, where the operation says it in words of neither."""
_FAULTS = {
    "past": "That time has passed. Choose a later one.",
    "before_call": "It comes after the call that it is about. Choose a time after that.",
    "moves_with_call": "It has the time of its call.",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """The fields of another time as they were filled in, on the viewer's clocks, and what is wrong with them."""

    day: str = ""
    time: str = ""
    which: str = ""
    """`0` or `1`: the first or the second time, of an hour that comes twice."""
    scope: Which = "this"
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Mapping[str, tuple[str, ...]], at: datetime | None, time_zone: str) -> "Filled":
        """Return what was filled in, or the free time whose button was pressed."""
        if at is None:
            return cls(one(form, "day"), one(form, "time"), one(form, "which"), which_of(form))
        local = at.astimezone(ZoneInfo(time_zone))
        return cls(local.date().isoformat(), f"{local:%H:%M}", str(local.fold))

    def instants(self, time_zone: str) -> list[datetime]:
        """Return when the clocks of a zone show this: once, never where they skip it, or twice. Raises Misfilled when
        it is no time.
        """
        minute = hours.minute(self.time)
        if minute is None:
            raise Misfilled({"time": _NO_TIME})
        try:
            day = date.fromisoformat(self.day)
        except ValueError:
            raise Misfilled({"day": _NO_TIME}) from None
        if not 1970 < day.year < 2100:
            raise Misfilled({"day": _NO_TIME})
        wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - of a wall clock
        zone = ZoneInfo(time_zone)
        both = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        return sorted(at for at in both if at.astimezone(zone).replace(tzinfo=None) == wall)

    def instant(self, time_zone: str) -> datetime:
        """Return the one that is meant. Raises Misfilled."""
        found = self.instants(time_zone)
        if not found:
            raise Misfilled({"time": _SKIPPED})
        if len(found) == 2 and self.which not in ("0", "1"):
            raise Misfilled({"which": _TWICE})
        return found[int(self.which)] if len(found) == 2 else found[0]


@dataclass(frozen=True, slots=True)
class MoveForm:
    """What the page offers to find another time."""

    seen: int
    """The version that is shown: nothing is moved that changed meanwhile."""
    place: str
    slots: tuple[tuple[str, str], ...]
    """Free times of everybody, the nearest first: for the query of a button, and in words."""
    filled: Filled
    passes: tuple[tuple[str, str], ...]
    """Which of two is meant, of a time that comes twice; else empty."""
    may_suggest: bool
    recurs: bool


def which_of(form: Mapping[str, tuple[str, ...]]) -> Which:
    """Return how much of a series was chosen."""
    return "following" if one(form, "scope") == "following" else "this"


def move_form(db: DbSession, row: Any, filled: Filled, *, may_suggest: bool, viewer: Viewer, now: datetime) -> MoveForm:
    """Return what to choose from. Five statements."""
    zone = viewer.person.time_zone
    who = [one.person_id for one in sessions.participants(db, [row.id])[row.id]]
    people, times = list(busy.people_rows(db, who).values()), (row.starts_at, row.ends_at)
    free = alternatives.other_times(db, people, times, ignoring=[row.id], now=now, at_most=_MOST_SLOTS)
    if filled == Filled():
        filled = Filled.of({}, row.starts_at, zone)
    return MoveForm(
        seen=row.version,
        place=weeks.place(zone),
        slots=tuple((in_query(start), moment(start, zone, now=now)) for start, _ in free),
        filled=filled,
        passes=_passes(filled, zone),
        may_suggest=may_suggest,
        recurs=row.series_id is not None,
    )


def take_other_time(
    db: DbSession,
    session_id: str,
    way: Way,
    starts_at: datetime,
    seen: int,
    *,
    which: Which = "this",
    viewer: Viewer,
    now: datetime,
) -> None:
    """Move a session to another time, and with it those of its series that follow, or suggest that to the others.
    Refused as stale when it is not as it was seen, unless it is there by now: pressing twice changes nothing.
    """
    actor, me = viewer.actor, viewer.person.id
    row = sessions.session_by_id(db, session_id, actor=actor)
    about: dict[str, Any] = {"session_id": session_id, "expected_version": seen, "actor": actor, "now": now}
    if way == "reschedule":
        if row.starts_at != starts_at:
            series_changes.reschedule(db, starts_at=starts_at, which=which, **about)
        return
    if row.starts_at == starts_at:
        raise Misfilled({"day": _NO_CHANGE})
    mine = next((one for one in sessions.participants(db, [session_id])[session_id] if one.person_id == me), None)
    if mine is None or mine.proposed_starts_at != starts_at:
        # Who said that they don't come did not take that back.
        answer = Answer.DECLINED if mine and mine.response is Answer.DECLINED else Answer.TENTATIVE
        responses.respond(db, person_id=me, response=answer, proposed_starts_at=starts_at, **about)


def why_not(refused: Problem, *, viewer: Viewer, now: datetime) -> str:
    """Say to the viewer why another time can't be, and when everybody is free."""
    if isinstance(refused, Stale):
        return _CHANGED
    why = next((_FAULTS[one.code] for one in refused.faults if one.code in _FAULTS), refused.detail)
    whose = _MINE if refused.extra.get("person_id") == viewer.person.id else _THEIRS
    why = whose.get(refused.code, why)
    if blocked := cast(Sequence[Mapping[str, datetime]], refused.extra.get("blocked", ())):
        when = "; ".join(moment(one["starts_at"], viewer.person.time_zone, now=now) for one in blocked)
        return f"{why} Of the series this is so where it would be on {when}. Move fewer, or to another time."
    free = cast(Sequence[Mapping[str, datetime]], refused.extra.get("alternatives", ()))
    return all_free(why, [one["starts_at"] for one in free], viewer=viewer, now=now)


def all_free(why: str, starts: Sequence[datetime], *, viewer: Viewer, now: datetime) -> str:
    """Say why a time can't be, and when everybody in a session is free, if that is known."""
    *others, last = [moment(start, viewer.person.time_zone, now=now) for start in starts] or [""]
    either = f"{'; '.join(others)}; or {last}" if others else last
    return f"{why} All of you are free on {either}." if last else why


def in_query(instant: datetime) -> str:
    """Write an instant for the query of a button."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _passes(filled: Filled, time_zone: str) -> tuple[tuple[str, str], ...]:
    try:
        found = filled.instants(time_zone)
    except Misfilled:
        return ()
    if len(found) < 2:
        return ()
    first, second = (weeks.offset(at, time_zone) for at in found)
    return ("", "Choose one"), ("0", f"The first, at {first}"), ("1", f"The second, at {second}")
