"""Plan sessions that recur. Every occurrence is a session with claims of its own, and all are checked, as if booked one
after the other. In calendars a series is one event: whatever happens to it in one act is one message to each of its
people (`series_changes`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from app import ids
from app.db import DbSession
from app.errors import Extra, Invalid, Problem
from app.models.tables import series
from app.operations import invites
from app.operations.claims import Claimed, claim_time, drop_expired
from app.operations.common_time import whose_turn
from app.operations.events import tell_many
from app.operations.installation import installation_id
from app.operations.refused import about, problem
from app.operations.session_rows import NewSession, add_sessions
from app.operations.sessions import Plan, lock_plan, zone_of
from app.queries import meetings
from app.queries.house_rules import house_rules
from app.rules import meeting
from app.rules.access import Actor
from app.rules.availability import Range
from app.rules.meeting import Participant
from app.rules.recurrence import Occurrence, Recurrence, RuleRefused, occurrences, rule_of
from app.rules.seating import Refusal
from app.rules.series import refusals
from app.vocabulary import SeriesStatus, SessionKind, SessionStatus

NO_WALL_TIME = "Start at a whole second, and not when the clock shows a time for the second time."
_NAMED = 5
"""How many of the occurrences at which somebody can't a refusal names."""


class RecurrenceInvalid(Invalid):
    """The rule says nothing that can be planned."""

    code = "recurrence_invalid"
    title = "Sessions can't recur like that"


@dataclass(frozen=True, slots=True)
class Skipped:
    """An occurrence that was left out, and why."""

    starts_at: datetime
    ends_at: datetime
    code: str
    detail: str
    person_id: str | None


def book_series(
    db: DbSession, *, plan: Plan, rrule: str, on_conflict: Literal["refuse", "skip"], actor: Actor, now: datetime
) -> tuple[str, list[Skipped]]:
    """Plan a session that recurs by `rrule` in wall time; return the id of its first occurrence, and what was left out.

    By default all or nothing: refused by the first occurrence at which somebody can't, naming more of them in
    `blocked`. With `skip` those are left out, unless that is all. Of `one_of`, whose turn it is the first time takes
    part in all. Locks everybody who takes part or might. The number of statements does not depend on the rule.
    """
    rows = lock_plan(db, plan, actor=actor)
    recurrence, whole = _laid_out(plan, rrule, zone_of(plan, rows, actor))
    those = dict(plan.people)
    if plan.one_of is not None:
        fixed, several = [rows[one] for one in those], [rows[one] for one in plan.one_of.person_ids]
        those[whose_turn(db, several, fixed, plan.times, now=now).id] = plan.one_of.part
    known = facts(db, [rows[one] for one in sorted(those)], whole, ignoring=(), now=now)
    why = refused_times(db, known, whole, now=now)
    blocked = [(one, reason) for one, reason in zip(whole, why, strict=True) if reason is not None]
    if blocked and (on_conflict == "refuse" or len(blocked) == len(whole)):
        raise blocked_by(blocked)
    kept = [one for one, reason in zip(whole, why, strict=True) if reason is None]
    series_id = add_series(db, plan.kind, recurrence, now=now)
    made = add_sessions(
        db,
        [
            NewSession(
                kind=plan.kind,
                status=SessionStatus.CONFIRMED,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                time_zone=recurrence.time_zone,
                people=those,
                series_id=series_id,
                occurrence_at=one.starts_at,
            )
            for one in kept
        ],
        now=now,
    )
    claim_all(db, known, {row.id: (row.starts_at, row.ends_at) for row in made}, now=now)
    invites.series_joins(db, series_id=series_id, now=now)
    tell_many(db, "session.booked", [(row.id, 1) for row in made], actor=actor, now=now)
    return made[0].id, [
        Skipped(one.starts_at, one.ends_at, reason.code, reason.detail, reason.person_id) for one, reason in blocked
    ]


def _laid_out(plan: Plan, rrule: str, zone: str) -> tuple[Recurrence, Sequence[Occurrence]]:
    """Return how a plan recurs in the wall time of a zone, and all its occurrences."""
    local_start = plan.starts_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    minutes = (plan.ends_at - plan.starts_at) // timedelta(minutes=1)
    try:
        recurrence = Recurrence(rule_of(rrule, zone), zone, local_start.replace(microsecond=0), minutes)
        whole = occurrences(recurrence)
    except RuleRefused as refused:
        raise RecurrenceInvalid(str(refused)) from refused
    if whole[0].starts_at != plan.starts_at:
        raise RecurrenceInvalid(NO_WALL_TIME)
    return recurrence, whole


def facts(
    db: DbSession, people: Sequence[Any], whole: Sequence[Occurrence], *, ignoring: Sequence[str], now: datetime
) -> Mapping[str, Participant]:
    """Return what the rule must know of these locked people to let them meet at all of these times."""
    times = (min(one.starts_at for one in whole), max(one.ends_at for one in whole))
    return meetings.participants(db, people, *times, now=now, ignoring=ignoring)


def refused_times(
    db: DbSession, known: Mapping[str, Participant], whole: Sequence[Occurrence], *, now: datetime
) -> list[Refusal | None]:
    """Return what `rules/series` says of each. Refused when they go on beyond the horizon of the house."""
    house = house_rules(db)
    latest = meeting.latest(house, now=now)
    if whole[-1].starts_at > latest:
        last_day = latest.date() - timedelta(days=1)  # whatever the zone
        raise RecurrenceInvalid(f"The last would be on {whole[-1].wall:%Y-%m-%d}: end the series by {last_day}.")
    return refusals(list(known.values()), [one[1:] for one in whole], house=house, now=now)


def blocked_by(blocked: Sequence[tuple[Occurrence, Refusal]]) -> Problem:
    """Return the refusal of the first, naming some more of those at which somebody can't."""
    named = [_named(one, why) for one, why in blocked[:_NAMED]]
    return problem(blocked[0][1], blocked=named, blocked_occurrences=len(blocked))


def _named(one: Occurrence, why: Refusal) -> dict[str, Extra]:
    return {"starts_at": one.starts_at, "ends_at": one.ends_at, "code": why.code, "detail": why.detail, **about(why)}


def add_series(db: DbSession, kind: SessionKind, plan: Recurrence, *, now: datetime) -> str:
    """Write the row of a new series and return its id."""
    series_id = ids.new("srs", now)
    db.execute(
        insert(series).values(
            id=series_id,
            uid=f"{series_id}@{installation_id(db)}",
            kind=kind,
            status=SeriesStatus.CONFIRMED,
            sequence=0,
            version=1,
            created_at=now,
            updated_at=now,
            **plan_columns(plan),
        )
    )
    return series_id


def plan_columns(plan: Recurrence) -> dict[str, Any]:
    """Return what the row of a series says of when it happens."""
    return {
        "rrule": str(plan.rule),
        "time_zone": plan.time_zone,
        "local_start": plan.local_start.isoformat(),
        "duration_minutes": plan.duration_minutes,
    }


def claim_all(db: DbSession, known: Mapping[str, Participant], times: Mapping[str, Range], *, now: datetime) -> None:
    """Claim the time of everybody for each of these sessions, buffers included."""
    drop_expired(db, known, now=now)
    wanted = [
        Claimed(one.id, session_id, one.claim(*range_))
        for session_id, range_ in times.items()
        for one in known.values()
    ]
    claim_time(db, wanted, now=now)
