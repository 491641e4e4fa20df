"""Trying the seats of a plan: each is asked after those before it, and nothing that was refused counts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.rules.availability import WorkingHours, working_ranges
from app.rules.loads import load
from app.rules.rehearsal import rehearsal
from app.rules.seating import Host, Observer
from app.vocabulary import CallStatus, Door, SeatApproval

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOURS = WorkingHours("Europe/London", tuple((day, 9 * 60, 17 * 60) for day in range(1, 6)))
WORKING = working_ranges(HOURS, MONDAY, MONDAY + timedelta(days=7))


@dataclass(frozen=True)
class Call:
    id: str
    starts_at: datetime
    ends_at: datetime
    host_id: str = "host"
    seat_capacity: int = 3
    seats_taken: int = 0
    status: CallStatus = CallStatus.SCHEDULED
    stage: str | None = None
    sensitive: bool = False
    observers_allowed: bool | None = None
    host_works_here: bool = True
    host_approval: SeatApproval = SeatApproval.AUTO
    min_notice_minutes: int = 0
    closed_stages: tuple[str, ...] = ()
    door: Door = Door.CLOSED
    host_door: Door = Door.CLOSED
    began_at: datetime | None = None


def a_call(id: str, hour: float, *, seats: int = 3, taken: int = 0) -> Call:
    starts_at = MONDAY + timedelta(hours=hour)
    return Call(id, starts_at, starts_at + timedelta(minutes=30), seat_capacity=seats, seats_taken=taken)


def an_observer(id: str, per_day: int = 5, after: int = 0) -> Observer:
    buffer = timedelta(minutes=after)
    return Observer(id, True, HOURS, WORKING, [], load("Europe/London", per_day, None, ()), after=buffer)


def said(
    places: list[tuple[str, str]], *calls: Call, per_day: int = 5, after: int = 0, host: Host | None = None
) -> list[str | None]:
    found = rehearsal(
        places,
        calls={one.id: one for one in calls},
        observers={who: an_observer(who, per_day, after) for who, _ in places},
        hosts={"host": host or Host(load("Europe/London", None, None, ()))},
        booked={("held", "a")},
        now=NOW,
    )
    return [why.code if why else None for why in (found[place] for place in places)]


def test_the_last_seat_goes_to_the_first_who_is_tried() -> None:
    assert said([("o", "a"), ("p", "a")], a_call("a", 10, seats=1)) == [None, "seats_full"]


def test_a_place_that_is_booked_already_is_fine_and_takes_nothing_more() -> None:
    call = a_call("a", 10, seats=2, taken=1)

    assert said([("held", "a"), ("o", "a"), ("p", "a")], call) == [None, None, "seats_full"]


def test_somebody_who_is_seated_is_taken_then_with_the_time_they_keep_free() -> None:
    calls = a_call("a", 10), a_call("b", 10.5)

    assert said([("o", "a"), ("o", "b")], *calls) == [None, None]
    assert said([("o", "a"), ("o", "b")], *calls, after=10) == [None, "slot_taken"]


def test_limits_of_observer_and_host_count_what_was_tried_before() -> None:
    calls = a_call("a", 10), a_call("b", 12)
    one_a_day = Host(load("Europe/London", 1, None, ()))

    assert said([("o", "a"), ("o", "b")], *calls, per_day=1) == [None, "limit"]
    assert said([("o", "a"), ("p", "b")], *calls, host=one_a_day) == [None, "limit"]


def test_calls_closer_than_their_host_wants_are_not_both_observed_but_one_may_be_by_several() -> None:
    calls = a_call("a", 10), a_call("b", 10.75)
    wants_an_hour = Host(load("Europe/London", None, None, ()), gap=timedelta(hours=1))

    answers = said([("o", "a"), ("p", "a"), ("q", "b")], *calls, host=wants_an_hour)

    assert answers == [None, None, "limit"]


def test_what_was_refused_stands_in_nobodys_way() -> None:
    night = a_call("n", 3, seats=1)

    assert said([("o", "n"), ("o", "a"), ("p", "n")], night, a_call("a", 10)) == [
        "outside_availability",
        None,
        "outside_availability",
    ]
