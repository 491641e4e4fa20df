"""Why booking refuses: one class per code, and how a rule's refusal becomes a problem that a client can act on."""

from datetime import datetime
from typing import Any

from app.db import DbSession
from app.errors import Conflict, Extra, Invalid, Problem
from app.queries import joinable
from app.queries.joinable import Candidate
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
    SeatsFull, SlotTaken, NotJoinable, NotStarted, CallCancelled, Past, MinNotice, OutsideAvailability, LimitReached,
    OwnCall, NotActive,
)  # fmt: skip
MEETING_REFUSALS: tuple[type[Problem], ...] = (
    SlotTaken, Past, MinNotice, BeyondHorizon, OutsideAvailability, LimitReached, NotActive,
)  # fmt: skip
"""Why people may not meet without a call."""
_BY_CODE = {kind.code: kind for kind in (*REFUSALS, *MEETING_REFUSALS)}


_ELSEWHERE = frozenset({"slot_taken", "seats_full", "limit", "not_joinable", "outside_availability", "call_cancelled"})
"""Why a seat on one call is refused that another call may have for the same observer."""


def other_calls(db: DbSession, why: Refusal, call: Any, observer_id: str, *, now: datetime) -> dict[str, Extra]:
    """Return what to offer in place of a seat that the rule refuses: the nearest calls of that type, in at most nine
    statements; nothing where another call would be no help.
    """
    if why.code not in _ELSEWHERE:
        return {}
    found = joinable.next_calls(db, observer_id=observer_id, type=call.type, near=call.starts_at, now=now)
    return {"alternatives": [_told(one) for one in found]}


def problem(why: Refusal, **more: Extra) -> Problem:
    """Return the refusal of a rule as a problem that names the person and the time in the way, and `more`."""
    extra: dict[str, Extra] = {"person_id": why.person_id} if why.person_id else {}
    if why.blocking:
        extra |= {"blocking_starts_at": why.blocking[0], "blocking_ends_at": why.blocking[1]}
    return _BY_CODE[why.code](why.detail, extra=extra | more)


def _told(one: Candidate) -> dict[str, str | datetime]:
    return {"call_id": one.id, "starts_at": one.starts_at, "ends_at": one.ends_at, "host_id": one.host_id}
