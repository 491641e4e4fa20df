"""Which calls are on, whose door is open, and how long somebody has heard one, at any instant."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.floor import OVERTIME, by_clock_alone, door, ends_by_clock, heard, is_on, presence_at, since
from app.vocabulary import CallStatus, Door, Presence

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
HALF = timedelta(minutes=30)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Call:
    """A call at ten, for half an hour."""

    status: CallStatus = CallStatus.SCHEDULED
    starts_at: datetime = TEN
    ends_at: datetime = TEN + HALF
    began_at: datetime | None = None
    ended_at: datetime | None = None
    door: Door = Door.CLOSED
    host_door: Door = Door.CLOSED


INSTANTS = st.integers(-7200, 7200).map(lambda seconds: TEN + timedelta(seconds=seconds))
CALLS = st.builds(
    Call,
    status=st.sampled_from(CallStatus),
    began_at=st.none() | INSTANTS,
    ended_at=st.none() | INSTANTS,
    door=st.sampled_from(Door),
    host_door=st.sampled_from(Door),
).filter(lambda call: call.status is not CallStatus.SCHEDULED or call.began_at is None)


@pytest.mark.parametrize("status", [CallStatus.ENDED, CallStatus.CANCELLED, CallStatus.NO_SHOW])
def test_what_is_over_is_not_on_whatever_the_clock_says(status: CallStatus) -> None:
    call = Call(status, door=Door.OPEN, host_door=Door.OPEN)

    assert not is_on(call, now=TEN)
    assert door(call, now=TEN) is Door.CLOSED


def test_a_call_of_which_nobody_says_anything_is_on_by_its_time_alone() -> None:
    assert not is_on(Call(), now=TEN - SECOND)
    assert is_on(Call(), now=TEN)
    assert is_on(Call(), now=TEN + HALF - SECOND)
    assert not is_on(Call(), now=TEN + HALF)
    assert not is_on(Call(CallStatus.LIVE), now=TEN + HALF)


def test_a_call_that_somebody_said_is_live_goes_on_a_while_past_its_end() -> None:
    early = Call(CallStatus.LIVE, began_at=TEN - HALF)

    assert (since(early), ends_by_clock(early)) == (TEN - HALF, TEN + HALF + OVERTIME)
    assert is_on(early, now=TEN - HALF)
    assert is_on(early, now=TEN + HALF + OVERTIME - SECOND)
    assert not is_on(early, now=TEN + HALF + OVERTIME)


def test_before_somebody_writes_down_that_a_call_began_its_door_is_what_it_will_be_then() -> None:
    late = Call(door=Door.CLOSED, host_door=Door.OPEN)

    assert door(late, now=TEN - SECOND) is Door.CLOSED
    assert door(late, now=TEN) is Door.OPEN
    assert door(Call(CallStatus.LIVE, door=Door.CLOSED, host_door=Door.OPEN), now=TEN) is Door.CLOSED


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ({}, True),
        ({"status": CallStatus.LIVE}, True),
        ({"status": CallStatus.ENDED}, True),
        ({"status": CallStatus.LIVE, "began_at": TEN}, False),
        ({"status": CallStatus.ENDED, "began_at": TEN}, False),
        ({"status": CallStatus.ENDED, "ended_at": TEN}, False),
        ({"status": CallStatus.CANCELLED}, False),
        ({"status": CallStatus.NO_SHOW}, False),
    ],
)
def test_a_call_may_still_turn_out_otherwise_as_long_as_only_the_clock_spoke(said: Any, alone: bool) -> None:
    assert by_clock_alone(Call(**said)) is alone


@given(CALLS, INSTANTS)
def test_no_door_is_open_but_of_a_call_that_is_on(call: Call, now: datetime) -> None:
    if door(call, now=now) is Door.OPEN:
        assert is_on(call, now=now)
        assert since(call) <= now < ends_by_clock(call)
        assert Door.OPEN in (call.door, call.host_door)


@given(CALLS, INSTANTS, INSTANTS)
def test_minutes_heard_are_never_negative_and_never_beyond_the_call_or_the_visit(
    call: Call, joined_at: datetime, left_at: datetime
) -> None:
    found = heard(call, joined_at, left_at)

    if found is None:
        assert min(left_at, call.ends_at) <= max(joined_at, since(call))
    else:
        begins, stops = found
        assert since(call) <= begins < stops <= call.ends_at
        assert joined_at <= begins
        assert stops <= left_at


def test_presence_lasts_until_it_does_not() -> None:
    for said, until, expected in (
        (None, None, Presence.OPEN),
        (Presence.DIALLING, None, Presence.DIALLING),
        (Presence.HEADS_DOWN, TEN + SECOND, Presence.HEADS_DOWN),
        (Presence.HEADS_DOWN, TEN, Presence.OPEN),
    ):
        assert presence_at(said, until, now=TEN) is expected
