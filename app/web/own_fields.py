"""The form of load limits, which people fill in for themselves, and who leads them for them."""

from collections.abc import Mapping
from typing import Any

from app.schemas.people import PatchPerson
from app.web.filled import one, read, whole

Form = Mapping[str, tuple[str, ...]]

LIMITS: Mapping[str, str] = {
    "observe_per_day": "Calls to hear a day: a number from 0 to 100.",
    "observe_per_week": "Calls to hear a week: a number from 0 to 100.",
    "sessions_per_day": "Sessions a day: a number from 0 to 100, or nothing for no limit.",
    "sessions_per_week": "Sessions a week: a number from 0 to 100, or nothing for no limit.",
    "host_per_day": "Calls with observers a day: a number from 0 to 100.",
    "host_per_week": "Calls with observers a week: a number from 0 to 100.",
    "host_gap_minutes": "Minutes between them: a number from 0 to 480.",
    "seat_capacity": "Seats on each call: a number from 0 to 50, or nothing for what its type gives.",
}
"""The fields, and what each takes."""


def read_limits(form: Form) -> PatchPerson:
    """Return the limits that were sent. Raises Misfilled."""
    return read(PatchPerson, {name: whole(one(form, name)) for name in LIMITS}, LIMITS)


def limits_of(row: Any) -> dict[str, str]:
    """Return somebody's limits by the names of their fields."""
    return {name: "" if getattr(row, name) is None else str(getattr(row, name)) for name in LIMITS}
