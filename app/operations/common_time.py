"""Make sure that people who are to meet are free together, and when they are not, say when they are."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update

from app.db import DbSession
from app.errors import Problem
from app.models.tables import claim
from app.operations.claims import Claimed, claim_time, drop_expired
from app.operations.refused import problem
from app.operations.settling import settle_waits_of
from app.queries import meetings, turns
from app.queries.alternatives import other_times
from app.queries.house_rules import house_rules
from app.rules import fair, meeting
from app.rules.availability import Range
from app.rules.seating import Refusal, overlap


def check_common_time(
    db: DbSession, people: Sequence[Any], times: Range, *, ignoring: Collection[str] = (), now: datetime
) -> Mapping[str, Range]:
    """Return the time that a session takes each of these locked people, buffers included. Refused by the rule of the
    first who can't, with the nearest times when all can. The sessions in `ignoring` are in nobody's way.
    """
    known = meetings.participants(db, people, *times, now=now, ignoring=ignoring)
    house = house_rules(db)
    for one in people:
        if why := meeting.refusal(known[one.id], *times, house=house, now=now):
            raise _refused(db, why, people, times, ignoring=ignoring, now=now)
    return {one.id: known[one.id].claim(*times) for one in people}


def check_still_free(
    db: DbSession, people: Sequence[Any], times: Range, *, ignoring: Collection[str], now: datetime
) -> Mapping[str, Range]:
    """Return what `check_common_time` does for people who agreed to this time before: nothing but other engagements is
    in the way now.
    """
    known = meetings.participants(db, people, *times, now=now, ignoring=ignoring)
    for one in known.values():
        if in_the_way := overlap(one.taken, *one.claim(*times)):
            why = Refusal("slot_taken", "This person is taken at that time by now.", one.id, in_the_way)
            raise _refused(db, why, people, times, ignoring=ignoring, now=now)
    return {person_id: one.claim(*times) for person_id, one in known.items()}


def whose_turn(db: DbSession, candidates: Sequence[Any], others: Sequence[Any], times: Range, *, now: datetime) -> Any:
    """Return the row of the one among these locked people whose turn it is, of those who are free. When nobody is, the
    refusal names whose turn it would be and says when they and the others are free.
    """
    known = meetings.participants(db, candidates, *times, now=now)
    house = house_rules(db)
    rows = {row.id: row for row in candidates}
    in_turn = [rows[one.id] for one in fair.turns(turns.candidates(db, candidates, now=now))]
    refusals = {row.id: meeting.refusal(known[row.id], *times, house=house, now=now) for row in in_turn}
    free = next((row for row in in_turn if refusals[row.id] is None), None)
    if free is None:
        first = in_turn[0]
        why = refusals[first.id] or Refusal("slot_taken", "Nobody of them is free.")
        raise _refused(db, why, [first, *others], times, now=now)
    return free


def take_time(db: DbSession, session_id: str, ranges: Mapping[str, Range], *, now: datetime) -> None:
    """Claim these times of locked people for a session."""
    drop_expired(db, ranges, now=now)
    claim_time(db, [Claimed(person_id, session_id, range_) for person_id, range_ in ranges.items()], now=now)


def give_back(db: DbSession, session_id: str, person_id: str, *, now: datetime) -> None:
    """Free the time that a session takes one locked person, while it stands for the others."""
    mine = (claim.c.session_id == session_id) & (claim.c.person_id == person_id)
    db.execute(update(claim).where(mine, claim.c.active).values(active=False))
    settle_waits_of(db, [person_id], now=now)


def _refused(
    db: DbSession,
    why: Refusal,
    people: Sequence[Any],
    times: Range,
    *,
    ignoring: Collection[str] = (),
    now: datetime,
) -> Problem:
    free = other_times(db, people, times, ignoring=ignoring, now=now)
    return problem(why, alternatives=[{"starts_at": starts_at, "ends_at": ends_at} for starts_at, ends_at in free])
