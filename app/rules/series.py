"""Whether people can meet at every occurrence of a series: each counts towards the limits of those after it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.rules.availability import Range
from app.rules.loads import one_more
from app.rules.meeting import HouseRules, Participant, refusal
from app.rules.seating import Refusal


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
            people = [replace(one, load=one_more(one.load, int(starts_at.timestamp()))) for one in people]
    return found
