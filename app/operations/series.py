"""Plan sessions that recur, and change one occurrence, this and those that follow, or all.

Every occurrence is a session with claims of its own, and all are checked, as if booked one after the other. In
calendars a series is one event: whatever happens to it in one act is one message to each of its people. A series that
is moved from some occurrence on is cut: what comes before keeps its event, the rest gets one of its own.

Everybody who takes part is locked, which locks the series: all its occurrences have the same people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Invalid, Problem
from app.models.tables import series, session
from app.operations import invites, sessions
from app.operations.claims import Claimed, claim_time, drop_expired, free_time
from app.operations.common_time import whose_turn
from app.operations.events import tell_many
from app.operations.installation import installation_id
from app.operations.refused import Past, problem
from app.operations.session_locks import Locked, lock_session, status_after
from app.operations.session_rows import NewSession, add_sessions, ask_anew
from app.operations.sessions import Plan, lock_plan, zone_of
from app.queries import meetings
from app.queries.house_rules import house_rules
from app.queries.series import OFF, occurrence_rows, plan_of
from app.rules import meeting
from app.rules.access import Actor
from app.rules.availability import Range
from app.rules.meeting import Participant
from app.rules.recurrence import Occurrence, Recurrence, RuleRefused, Scope, cut, moved, occurrences, rule_of, scope
from app.rules.seating import Refusal
from app.rules.series import refusals
from app.rules.session_states import Act
from app.vocabulary import SeriesStatus, SessionKind, SessionStatus

_NO_WALL_TIME = "Start at a whole second, and not when the clock shows a time for the second time."
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
    zone = zone_of(plan, rows, actor)
    local_start = plan.starts_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    minutes = (plan.ends_at - plan.starts_at) // timedelta(minutes=1)
    try:
        recurrence = Recurrence(rule_of(rrule, zone), zone, local_start.replace(microsecond=0), minutes)
        whole = occurrences(recurrence)
    except RuleRefused as refused:
        raise RecurrenceInvalid(str(refused)) from refused
    if whole[0].starts_at != plan.starts_at:
        raise RecurrenceInvalid(_NO_WALL_TIME)
    those = dict(plan.people)
    if plan.one_of is not None:
        fixed, several = [rows[one] for one in those], [rows[one] for one in plan.one_of.person_ids]
        those[whose_turn(db, several, fixed, plan.times, now=now).id] = plan.one_of.part
    known = _known(db, [rows[one] for one in sorted(those)], whole, ignoring=(), now=now)
    why = _refusals(db, known, whole, now=now)
    blocked = [(one, reason) for one, reason in zip(whole, why, strict=True) if reason is not None]
    if blocked and (on_conflict == "refuse" or len(blocked) == len(whole)):
        raise _blocked(blocked)
    kept = [one for one, reason in zip(whole, why, strict=True) if reason is None]
    series_id = _add_series(db, plan.kind, recurrence, now=now)
    made = add_sessions(
        db,
        [
            NewSession(
                kind=plan.kind,
                status=SessionStatus.CONFIRMED,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                time_zone=zone,
                people=those,
                series_id=series_id,
                occurrence_at=one.starts_at,
            )
            for one in kept
        ],
        now=now,
    )
    _claim(db, known, {row.id: (row.starts_at, row.ends_at) for row in made}, now=now)
    invites.series_joins(db, series_id=series_id, now=now)
    tell_many(db, "session.booked", [(row.id, 1) for row in made], actor=actor, now=now)
    return made[0].id, [
        Skipped(one.starts_at, one.ends_at, reason.code, reason.detail, reason.person_id) for one, reason in blocked
    ]


def reschedule(
    db: DbSession,
    *,
    session_id: str,
    starts_at: datetime,
    duration_minutes: int | None = None,
    which: Scope,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Move a session, or of a series this occurrence, it and those that follow, or all that are still to come, as far.

    All or nothing, as `book_series`. Occurrences that had moved by themselves go with the others; what was cancelled
    stays cancelled. What comes before the first that moves is left as it is. Locks everybody in it.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if which == "this" or locked.row.series_id is None:
        sessions.reschedule_session(
            db, session_id=session_id, starts_at=starts_at, duration_minutes=duration_minutes, actor=actor, now=now
        )
        return
    status_after(db, Act.RESCHEDULE, locked, now=now)
    if locked.row.ends_at <= now:
        raise Past("It is over: move one that is still to come, and those that follow.")
    rows = occurrence_rows(db, [locked.row.series_id])[locked.row.series_id]
    moving = _in_scope(rows, locked, which, now=now)
    first = min(row.occurrence_at for row in moving)
    old = db.execute(select(series).where(series.c.id == locked.row.series_id)).one()
    before, rest = cut(plan_of(old), first)
    after = _moved(rest, locked, starts_at, duration_minutes)
    slots = dict(zip((one.starts_at for one in occurrences(rest)), occurrences(after), strict=True))
    times = {row.id: slots[row.occurrence_at] for row in moving}
    if all((row.starts_at, row.ends_at) == times[row.id][1:] for row in moving):
        return
    known = _known(db, locked.people, list(times.values()), ignoring=list(times), now=now)
    why = _refusals(db, known, list(times.values()), now=now)
    if blocked := [(one, reason) for one, reason in zip(times.values(), why, strict=True) if reason is not None]:
        raise _blocked(blocked)
    stays = before is not None and any(row.occurrence_at < first and row.status not in OFF for row in rows)
    _write_plan(db, old.id, before if stays and before else after)
    series_id = _add_series(db, old.kind, after, now=now) if stays else old.id
    free_time(db, times, now=now)
    going = [row for row in rows if row.occurrence_at >= first]
    _place(db, going, series_id, slots, times, now=now)
    _claim(db, known, {session_id: one[1:] for session_id, one in times.items()}, now=now)
    ask_anew(db, times)
    sequence = invites.series_changed(db, series_id=old.id, now=now)
    if stays:
        invites.series_joins(db, series_id=series_id, now=now)
        sequence = 0
    db.execute(update(session).where(session.c.id.in_(list(times))).values(sequence=sequence))
    tell_many(db, "session.moved", [(row.id, row.version + 1) for row in moving], actor=actor, now=now)
    others = [(row.id, row.version + 1) for row in going if row.id not in times]
    tell_many(db, "session.changed", others, actor=actor, now=now)


def cancel(
    db: DbSession,
    *,
    session_id: str,
    which: Scope,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Cancel a session, or of a series this occurrence, it and those that follow, or all that are still to come: one
    message to each person. What comes before is left as it is. Repeating it changes nothing. Locks everybody in it.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    if which == "this" or locked.row.series_id is None:
        sessions.cancel_session(db, session_id=session_id, actor=actor, now=now)
        return
    rows = occurrence_rows(db, [locked.row.series_id])[locked.row.series_id]
    ending = _in_scope(rows, locked, which, now=now)
    if not ending:
        if locked.status is not SessionStatus.CANCELLED:
            status_after(db, Act.CANCEL, locked, now=now)
        return
    gone = [row.id for row in ending]
    free_time(db, gone, now=now)
    db.execute(
        update(session)
        .where(session.c.id.in_(gone))
        .values(status=SessionStatus.CANCELLED, version=session.c.version + 1, updated_at=now)
    )
    sequence = invites.series_changed(db, series_id=locked.row.series_id, now=now)
    db.execute(update(session).where(session.c.id.in_(gone)).values(sequence=sequence))
    tell_many(db, "session.cancelled", [(row.id, row.version + 1) for row in ending], actor=actor, now=now)


def _in_scope(rows: Sequence[Any], locked: Locked, which: Scope, *, now: datetime) -> list[Any]:
    """Return the occurrences that an act is about and that are still to come."""
    about = set(scope([row.occurrence_at for row in rows], locked.row.occurrence_at, which))
    return [
        row
        for row in rows
        if row.occurrence_at in about and row.status is SessionStatus.CONFIRMED and row.ends_at > now
    ]


def _moved(rest: Recurrence, locked: Locked, starts_at: datetime, duration_minutes: int | None) -> Recurrence:
    """Return a series in which the locked occurrence starts at `starts_at`, and every other as far from its slot."""
    slots = occurrences(rest)
    place = [one.starts_at for one in slots].index(locked.row.occurrence_at)
    by = starts_at.astimezone(ZoneInfo(rest.time_zone)).replace(tzinfo=None, microsecond=0) - slots[place].wall
    try:
        after = moved(rest, rest.local_start + by, duration_minutes or rest.duration_minutes)
    except RuleRefused as refused:
        raise RecurrenceInvalid(str(refused)) from refused
    if occurrences(after)[place].starts_at != starts_at:
        raise RecurrenceInvalid(_NO_WALL_TIME)
    return after


def _known(
    db: DbSession, people: Sequence[Any], whole: Sequence[Occurrence], *, ignoring: Sequence[str], now: datetime
) -> Mapping[str, Participant]:
    times = (min(one.starts_at for one in whole), max(one.ends_at for one in whole))
    return meetings.participants(db, people, *times, now=now, ignoring=ignoring)


def _refusals(
    db: DbSession, known: Mapping[str, Participant], whole: Sequence[Occurrence], *, now: datetime
) -> list[Refusal | None]:
    """Return what `rules/series` says of each. Refused when they go on beyond the horizon of the house."""
    house = house_rules(db)
    latest = meeting.latest(house, now=now)
    if whole[-1].starts_at > latest:
        last_day = latest.date() - timedelta(days=1)  # whatever the zone
        raise RecurrenceInvalid(f"The last would be on {whole[-1].wall:%Y-%m-%d}: end the series by {last_day}.")
    return refusals(list(known.values()), [one[1:] for one in whole], house=house, now=now)


def _blocked(blocked: Sequence[tuple[Occurrence, Refusal]]) -> Problem:
    """Return the refusal of the first, naming some more of those at which somebody can't."""
    named = [_named(one, why) for one, why in blocked[:_NAMED]]
    return problem(blocked[0][1], blocked=named, blocked_occurrences=len(blocked))


def _named(one: Occurrence, why: Refusal) -> dict[str, str]:
    named = {"starts_at": _iso(one.starts_at), "ends_at": _iso(one.ends_at), "code": why.code, "detail": why.detail}
    if why.person_id:
        named["person_id"] = why.person_id
    if why.blocking:
        named |= {"blocking_starts_at": _iso(why.blocking[0]), "blocking_ends_at": _iso(why.blocking[1])}
    return named


def _add_series(db: DbSession, kind: SessionKind, plan: Recurrence, *, now: datetime) -> str:
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
            **_columns(plan),
        )
    )
    return series_id


def _write_plan(db: DbSession, series_id: str, plan: Recurrence) -> None:
    db.execute(update(series).where(series.c.id == series_id).values(**_columns(plan)))


def _columns(plan: Recurrence) -> dict[str, Any]:
    return {
        "rrule": str(plan.rule),
        "time_zone": plan.time_zone,
        "local_start": plan.local_start.isoformat(),
        "duration_minutes": plan.duration_minutes,
    }


def _place(
    db: DbSession,
    rows: Sequence[Any],
    series_id: str,
    slots: Mapping[datetime, Occurrence],
    times: Mapping[str, Occurrence],
    *,
    now: datetime,
) -> None:
    """Give occurrences their slots in the series that they belong to from now on, and those that move their times. What
    was cancelled gets a slot as well, where it goes on not to happen.
    """
    changed = [
        {
            "row_id": row.id,
            "slot": slots[row.occurrence_at].starts_at,
            "begins": times[row.id].starts_at if row.id in times else row.starts_at,
            "stops": times[row.id].ends_at if row.id in times else row.ends_at,
        }
        for row in rows
    ]
    db.connection().execute(
        update(session)
        .where(session.c.id == bindparam("row_id"))
        .values(
            series_id=series_id,
            occurrence_at=bindparam("slot"),
            starts_at=bindparam("begins"),
            ends_at=bindparam("stops"),
            undo_until=None,
            version=session.c.version + 1,
            updated_at=now,
        ),
        changed,
    )


def _claim(db: DbSession, known: Mapping[str, Participant], times: Mapping[str, Range], *, now: datetime) -> None:
    drop_expired(db, known, now=now)
    wanted = [
        Claimed(one.id, session_id, one.claim(*range_))
        for session_id, range_ in times.items()
        for one in known.values()
    ]
    claim_time(db, wanted, now=now)


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
