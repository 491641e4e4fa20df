"""Whether somebody may take part in a session without a call: asked by booking, agreed with by the search for slots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.rules.availability import Range, WorkingHours
from app.rules.seating import Load, Refusal, limit_reached, off_hours, overlap, within


class HouseRules(Protocol):
    """What the installation says of every booking."""

    @property
    def min_notice_minutes(self) -> int: ...  # noqa: D102
    @property
    def horizon_days(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """What must be known of somebody who is to meet, but for what takes their time."""

    id: str
    works_here: bool
    hours: WorkingHours
    working: Sequence[Range]
    """What these hours come to around the time in question; sorted, merged."""
    load: Load
    """Sessions without a call per day and week in their own zone."""
    before: timedelta = timedelta()
    after: timedelta = timedelta()
    """What they keep free around every session: whole minutes."""

    def claim(self, starts_at: datetime, ends_at: datetime) -> Range:
        """Return the time that a session takes them, buffers included."""
        return starts_at - self.before, ends_at + self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant(Colleague):
    """Somebody who is to meet, and what takes their time."""

    taken: Sequence[Range]
    """Claims with their own buffers, imported busy time and calls they host themselves; sorted by start."""


def untimely(starts_at: datetime, *, house: HouseRules, now: datetime) -> Refusal | None:
    """Why nobody may meet at this time, whoever they are; None when they may."""
    if starts_at <= now:
        return Refusal("past", "That time has passed. Choose a later one.")
    if starts_at < earliest(house, now=now):
        minutes = house.min_notice_minutes
        return Refusal("min_notice", f"That is less than {minutes} minutes from now. Choose a later time.")
    if starts_at > latest(house, now=now):
        days = house.horizon_days
        return Refusal("beyond_horizon", f"That is more than {days} days from now. Choose an earlier time.")
    return None


def earliest(house: HouseRules, *, now: datetime) -> datetime:
    """Return the first start that gives enough notice."""
    return now + timedelta(minutes=house.min_notice_minutes)


def latest(house: HouseRules, *, now: datetime) -> datetime:
    """Return the last start within the horizon."""
    return now + timedelta(days=house.horizon_days)


def refusal(
    person: Participant, starts_at: datetime, ends_at: datetime, *, house: HouseRules, now: datetime
) -> Refusal | None:
    """Why this person may not take part in a session without a call in [starts_at, ends_at), with the gap in their
    working hours where it falls into one; None when they may.
    """
    why = unfit(person, starts_at, ends_at, house=house, now=now)
    return why and off_hours(why, person.hours, starts_at, ends_at)


def unfit(
    person: Participant, starts_at: datetime, ends_at: datetime, *, house: HouseRules, now: datetime
) -> Refusal | None:
    """Return what `refusal` does without the gap: for times that are tried one after the other, and nobody reads why.

    Their buffers must be free as well, but need not be working time. O(taken + log working).
    """
    if why := untimely(starts_at, house=house, now=now):
        return why
    if not person.works_here:
        return Refusal("not_active", "This person is on leave or has left.", person.id)
    if in_the_way := overlap(person.taken, *person.claim(starts_at, ends_at)):
        return Refusal("slot_taken", "This person is taken at that time.", person.id, in_the_way)
    if not within(person.working, starts_at, ends_at):
        return Refusal("outside_availability", "That time lies outside this person's working hours.", person.id)
    if min(person.load.left(starts_at)) < 1:
        return limit_reached(person.load, starts_at, "This person's", "session", person.id)
    return None
