"""Look up when people could meet instead: what refusals offer, and what somebody who can't come suggests."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.db import DbSession
from app.queries import busy, sessions, slots
from app.queries.house_rules import house_rules
from app.rules.availability import Range

_MINUTE = timedelta(minutes=1)


def other_times(
    db: DbSession,
    people: Sequence[Any],
    times: Range,
    *,
    after: datetime | None = None,
    ignoring: Collection[str] = (),
    now: datetime,
    at_most: int = 3,
) -> list[Range]:
    """Return the nearest times of the same length, from `after` or the given one on, when all of these people are
    free, given their rows. The sessions in `ignoring` are in nobody's way. Four statements.
    """
    after, minutes = max(after or times[0], now), (times[1] - times[0]) // _MINUTE
    house = house_rules(db)
    found = slots.nearest_free(db, people, after, minutes, house=house, now=now, ignoring=ignoring, at_most=at_most + 1)
    return [one for one in found if one != times][:at_most]


def other_times_for(db: DbSession, found: Any, *, after: datetime | None, now: datetime) -> list[Range]:
    """Return what `other_times` does for everybody in a session, given its row. Six statements."""
    who = [one.person_id for one in sessions.participants(db, [found.id])[found.id]]
    people = list(busy.people_rows(db, who).values())
    times = (found.starts_at, found.ends_at)
    return other_times(db, people, times, after=after, ignoring=[found.id], now=now)
