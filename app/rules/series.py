"""Whether people can meet at every occurrence of a series: each counts towards the limits of those after it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.rules.availability import Range
from app.rules.meeting import HouseRules, Participant, refusal
from app.rules.seating import Load, Refusal, local_day, week_of


def refusals(
    people: Sequence[Participant], times: Sequence[Range], *, house: HouseRules, now: datetime
) -> list[Refusal | None]:
    """Why somebody can't come at each of these times, by the first who can't; None when all can.

    Only what all can come to is planned, and counts. O(times × people × taken).
    """
    found: list[Refusal | None] = []
    for starts_at, ends_at in times:
        asked = (refusal(one, starts_at, ends_at, house=house, now=now) for one in people)
        why = next((one for one in asked if one is not None), None)
        found.append(why)
        if why is None:
            people = [replace(one, load=_with_one_more(one.load, starts_at)) for one in people]
    return found


def _with_one_more(load: Load, starts_at: datetime) -> Load:
    day = local_day(starts_at, load.time_zone)
    week = week_of(day)
    return replace(
        load,
        on_day={**load.on_day, day: load.on_day.get(day, 0) + 1},
        in_week={**load.in_week, week: load.in_week.get(week, 0) + 1},
    )
