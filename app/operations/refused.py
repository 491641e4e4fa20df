"""Why booking refuses: one class per code, and how a rule's refusal becomes a problem that a client can act on."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from app.db import DbSession
from app.errors import Conflict, Extra, Invalid, Problem
from app.operations.capacity import allotment, references
from app.queries import joinable
from app.queries.joinable import Candidate
from app.rules import seating
from app.rules.seating import Refusal


class SeatsFull(Conflict):
    """Every seat is taken."""

    code = "seats_full"
    title = "Every seat on this call is taken"


class SlotTaken(Conflict):
    """The person is elsewhere at that time."""

    code = "slot_taken"
    title = "The person is taken at that time"


class NotJoinable(Conflict):
    """Nobody may sit in on this call."""

    code = "not_joinable"
    title = "Nobody sits in on this call"


class DoorClosed(Conflict):
    """The host lets nobody drop in."""

    code = "door_closed"
    title = "The door of this call is closed"


class CallCancelled(Conflict):
    """The call will not happen."""

    code = "call_cancelled"
    title = "The call was cancelled"


class AlreadyBooked(Conflict):
    """The observer has a seat on this call."""

    code = "already_booked"
    title = "This observer has a seat on this call"


class NotStarted(Conflict):
    """The call is still to come."""

    code = "not_started"
    title = "The call has not started"


class SeatOver(Conflict):
    """The seat is no longer held."""

    code = "seat_over"
    title = "This seat is no longer held"


class Past(Invalid):
    """It has started, or is over."""

    code = "past"
    title = "It has started or is over"


class MinNotice(Invalid):
    """It starts too soon."""

    code = "min_notice"
    title = "It starts too soon to be booked"


class BeyondHorizon(Invalid):
    """It starts too far ahead."""

    code = "beyond_horizon"
    title = "It starts too far ahead to be booked"


class OutsideAvailability(Invalid):
    """It lies outside working hours."""

    code = "outside_availability"
    title = "It lies outside working hours"


class LimitReached(Invalid):
    """A load limit is reached."""

    code = "limit"
    title = "A load limit is reached"


class OwnCall(Invalid):
    """The observer hosts the call."""

    code = "own_call"
    title = "Nobody observes the call they host"


class NotActive(Invalid):
    """The observer is on leave or has left."""

    code = "not_active"
    title = "This person is on leave or has left"


REFUSALS: tuple[type[Problem], ...] = (
    SeatsFull, SlotTaken, NotJoinable, NotStarted, DoorClosed, CallCancelled, Past, MinNotice, OutsideAvailability,
    LimitReached, OwnCall, NotActive,
)  # fmt: skip
MEETING_REFUSALS: tuple[type[Problem], ...] = (
    SlotTaken, Past, MinNotice, BeyondHorizon, OutsideAvailability, LimitReached, NotActive,
)  # fmt: skip
"""Why people may not meet without a call."""
_BY_CODE = {kind.code: kind for kind in (*REFUSALS, *MEETING_REFUSALS)}


_NO_CALL_WOULD_DO = frozenset({NotActive.code, NotStarted.code})
"""Why a seat is refused that the observer finds on no other call, or on this one."""


def seat_refused(db: DbSession, why: Refusal, call: Any, observer_id: str, *, now: datetime) -> Problem:
    """Return the refusal of a seat as a problem that says what is in the way and what would work: the nearest calls of
    that type that the observer could join, where another call would help. At most fifteen statements.
    """
    if why.code in _NO_CALL_WOULD_DO:
        return problem(why)
    if why in (seating.NO_SEATS, seating.FULL):
        gets = allotment(call._mapping, references(db, [call._mapping]))
        why = replace(why, detail=f"{why.detail} It gets {gets.seats or 'none'} by {gets.by}.")
    near = max(call.starts_at, now)
    found = joinable.next_calls(db, observer_id=observer_id, type=call.type, near=near, now=now)
    return problem(why, alternatives=[_told(one) for one in found])


def problem(why: Refusal, **more: Extra) -> Problem:
    """Return the refusal of a rule as a problem that names the person and the time in the way, and `more`."""
    return _BY_CODE[why.code](why.detail, extra={**about(why), **more})


def about(why: Refusal) -> dict[str, Extra]:
    """Return whom a refusal is about and the time in the way, as far as it has them."""
    found: dict[str, Extra] = {"person_id": why.person_id} if why.person_id else {}
    if why.blocking:
        found |= {"blocking_starts_at": why.blocking[0], "blocking_ends_at": why.blocking[1]}
    return found


def _told(one: Candidate) -> dict[str, Extra]:
    return {"call_id": one.id, "starts_at": one.starts_at, "ends_at": one.ends_at, "host_id": one.host_id}
