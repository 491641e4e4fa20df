"""Common free time: what the search lists, booking takes, and what it does not list on its grid, booking refuses."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings

from app.rules.availability import Range, WorkingHours, steady_stretches, working_ranges
from app.rules.loads import load
from app.rules.meeting import Participant, refusal
from app.rules.seating import Load
from app.rules.slots import CommonSlots, EmptyReason, Taken, Wanted, common_slots
from tests.rules.slot_cases import DAY, MINUTE, ZONES, Case, House, cases, grid, swept
from tests.worlds import worlds

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
"""A Saturday; the next Monday is 2026-11-23."""
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
OFFICE = tuple((weekday, 9 * 60, 17 * 60) for weekday in range(1, 6))
HOUSE = House()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def second(text: str) -> int:
    return int(at(text).timestamp())


def somebody(
    name: str = "ana",
    *,
    hours: WorkingHours | None = None,
    zone: str = "UTC",
    taken: tuple[tuple[str, str], ...] = (),
    works_here: bool = True,
    limits: Load | None = None,
    buffers: tuple[int, int] = (0, 0),
    around: datetime = MONDAY,
) -> Participant:
    """They work Monday to Friday, 09:00 to 17:00 where they live."""
    hours = hours or WorkingHours(zone, OFFICE)
    return Participant(
        id=name,
        works_here=works_here,
        hours=hours,
        working=working_ranges(hours, around - 10 * DAY, around + 10 * DAY),
        taken=[(at(begins), at(stops)) for begins, stops in taken],
        load=limits or load(zone, None, None, ()),
        before=buffers[0] * MINUTE,
        after=buffers[1] * MINUTE,
    )


def counted(people: Sequence[Participant]) -> list[tuple[Participant, Taken]]:
    return [(person, Taken.of(person.taken)) for person in people]


def asked(
    *people: Participant,
    starts_at: datetime = MONDAY,
    ends_at: datetime | None = None,
    minutes: int = 30,
    step: int = 30,
    zone: str = "UTC",
    now: datetime = NOW,
    house: House = HOUSE,
) -> CommonSlots:
    wanted = Wanted(starts_at, ends_at or starts_at + DAY, minutes, step, zone)
    return common_slots(counted(people), wanted, house=house, now=now)


def walls(slots: list[Range], zone: str = "UTC") -> list[str]:
    return [f"{start.astimezone(ZoneInfo(zone)):%H:%M}" for start, _ in slots]


# --- nothing is found, and everybody hears why -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (somebody(works_here=False), EmptyReason.NOT_ACTIVE),
        (somebody(hours=WorkingHours("UTC", ())), EmptyReason.NO_WORKING_HOURS),
        (somebody(hours=WorkingHours("UTC", ((1, 540, 565),))), EmptyReason.NO_WORKING_HOURS),
        (
            somebody(hours=WorkingHours("UTC", OFFICE, pauses=((date(2026, 11, 23), date(2026, 11, 23)),))),
            EmptyReason.NO_WORKING_HOURS,
        ),
        (somebody(taken=(("2026-11-23T08:00", "2026-11-23T17:00"),)), EmptyReason.BUSY),
        (somebody(taken=(("2026-11-23T09:20", "2026-11-23T16:40"),), buffers=(15, 15)), EmptyReason.BUSY),
        (somebody(limits=load("UTC", 1, None, [second("2026-11-23T07:00")])), EmptyReason.LIMIT),
        (somebody(limits=load("UTC", None, 1, [second("2026-11-27T07:00")])), EmptyReason.LIMIT),
        (somebody(limits=load("UTC", 0, None, ())), EmptyReason.LIMIT),
    ],
)
def test_whoever_has_no_time_at_all_is_told_what_takes_it(person: Participant, reason: EmptyReason) -> None:
    free = somebody("ben")

    found = asked(person, free)

    assert found.slots == []
    assert found.empty_reasons == {"ana": reason, "ben": EmptyReason.NO_COMMON_TIME}


def test_people_who_never_work_together_have_no_common_time() -> None:
    here, there = somebody("ana"), somebody("ben", zone="Asia/Tokyo")

    found = asked(here, there)

    assert found.empty_reasons == dict.fromkeys(("ana", "ben"), EmptyReason.NO_COMMON_TIME)


def test_time_that_is_over_or_too_soon_or_too_far_is_said_to_be() -> None:
    monday_evening = MONDAY + timedelta(hours=16, minutes=20)

    assert asked(somebody(), now=monday_evening).empty_reasons == {"ana": EmptyReason.MIN_NOTICE}
    assert asked(somebody(), now=MONDAY + 2 * DAY).empty_reasons == {"ana": EmptyReason.MIN_NOTICE}
    assert asked(somebody(), house=House(15, 1)).empty_reasons == {"ana": EmptyReason.BEYOND_HORIZON}


def test_a_range_without_room_for_any_start_is_said_to_be_too_short() -> None:
    too_short = {"ana": EmptyReason.RANGE_TOO_SHORT}

    assert asked(somebody(), ends_at=MONDAY + 29 * MINUTE).empty_reasons == too_short
    assert asked(somebody(), ends_at=MONDAY - DAY).empty_reasons == too_short
    between = asked(somebody(), starts_at=at("2026-11-23T10:01"), ends_at=at("2026-11-23T10:59"))
    assert between.empty_reasons == too_short


# --- the bugs of others ----------------------------------------------------------------------------------------------


def test_bug_15_slots_keep_their_wall_time_over_a_clock_change() -> None:
    friday, monday = at("2026-03-06T00:00"), at("2026-03-09T00:00")
    person = somebody(zone="America/New_York", around=friday)

    before, after = (
        asked(person, starts_at=day, zone="America/New_York", now=friday - DAY) for day in (friday, monday)
    )

    assert walls(before.slots, "America/New_York") == walls(after.slots, "America/New_York")
    assert walls(after.slots, "America/New_York")[0::15] == ["09:00", "16:30"]
    assert [walls(before.slots)[0], walls(after.slots)[0]] == ["14:00", "13:00"]


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_bug_16_the_afternoon_of_the_day_itself_is_not_shifted(day: str) -> None:
    sunday = WorkingHours("America/New_York", ((7, 13 * 60, 17 * 60),))
    start = at(f"{day}T05:00")

    found = asked(somebody(hours=sunday, around=start), starts_at=start, zone="America/New_York", now=start - DAY)

    assert walls(found.slots, "America/New_York")[::7] == ["13:00", "16:30"]


def test_bug_17_an_exception_falls_on_its_own_date_in_its_own_zone() -> None:
    # Tuesday in Sydney begins on Monday at 13:00 UTC, and ends before Tuesday does in London.
    tuesday_short = ((date(2026, 11, 24), ((600, 660),)),)
    sydney = somebody(hours=WorkingHours("Australia/Sydney", OFFICE, tuesday_short))

    found = asked(sydney, starts_at=MONDAY, ends_at=MONDAY + 2 * DAY, minutes=60, step=60, zone="Europe/London")

    local = [f"{start.astimezone(ZoneInfo('Australia/Sydney')):%a %H}" for start, _ in found.slots]
    assert [one for one in local if one.startswith("Tue")] == ["Tue 10"]
    assert local[:5] == ["Mon 11", "Mon 12", "Mon 13", "Mon 14", "Mon 15"]


def test_bug_17_a_pause_holds_on_the_local_dates_of_whoever_pauses() -> None:
    pause = (date(2026, 11, 23), date(2026, 11, 24))
    working_anyway = ((date(2026, 11, 24), ((0, 1440),)),)
    hours = WorkingHours("Asia/Kolkata", tuple((day, 0, 1440) for day in range(1, 8)), working_anyway, (pause,))

    found = asked(somebody(hours=hours), starts_at=at("2026-11-22T00:00"), ends_at=at("2026-11-26T00:00"))

    gaps = [(a, b) for (_, a), (b, _) in pairwise(found.slots) if a != b]
    assert gaps == [(at("2026-11-22T18:30"), at("2026-11-24T18:30"))]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
def test_bug_18_starts_are_whole_hours_where_clocks_are_half_an_hour_off(zone: str) -> None:
    found = asked(somebody(zone=zone), starts_at=MONDAY, ends_at=MONDAY + 2 * DAY, minutes=60, step=60, zone=zone)

    assert set(walls(found.slots, zone)) == {f"{hour:02}:00" for hour in range(9, 17)}


def test_bug_18_the_grid_follows_a_clock_that_changes_by_half_an_hour() -> None:
    start = at("2026-10-03T00:00")
    always = WorkingHours("Australia/Lord_Howe", tuple((day, 0, 1440) for day in range(1, 8)))

    found = asked(
        somebody(hours=always, around=start),
        starts_at=start,
        ends_at=start + 2 * DAY,
        step=60,
        zone="Australia/Lord_Howe",
        now=start - DAY,
    )

    assert all(wall.endswith(":00") for wall in walls(found.slots, "Australia/Lord_Howe"))
    assert len({start.minute for start, _ in found.slots}) == 2


@pytest.mark.parametrize("viewer", ZONES)
def test_bug_19_whoever_looks_sees_the_same_time_from_everywhere(viewer: str) -> None:
    there, here = (
        asked(somebody(zone="Asia/Kathmandu"), ends_at=MONDAY + 5 * DAY, step=15, zone=zone) for zone in (viewer, "UTC")
    )

    assert there.slots == here.slots
    assert len(here.slots) == 5 * 31


def test_bug_21_a_buffer_is_kept_on_its_own_side() -> None:
    taken = (("2026-11-23T11:00", "2026-11-23T12:00"),)

    before = asked(somebody(taken=taken, buffers=(30, 0)), step=15, ends_at=at("2026-11-23T13:00"))
    after = asked(somebody(taken=taken, buffers=(0, 30)), step=15, ends_at=at("2026-11-23T13:00"))

    assert walls(before.slots)[-2:] == ["10:30", "12:30"]
    assert walls(after.slots)[-4:] == ["10:00", "12:00", "12:15", "12:30"]


def test_bug_21_a_buffer_need_not_be_working_time() -> None:
    found = asked(somebody(buffers=(120, 120)))

    assert (walls(found.slots)[0], walls(found.slots)[-1]) == ("09:00", "16:30")


def test_bug_21_buffers_of_different_people_do_not_add_up() -> None:
    one = somebody("ana", taken=(("2026-11-23T08:00", "2026-11-23T10:00"),), buffers=(0, 60))
    other = somebody("ben", taken=(("2026-11-23T12:00", "2026-11-23T17:00"),), buffers=(60, 0))

    assert walls(asked(one, other).slots) == ["10:00", "10:30", "11:00", "11:30"]


def test_bug_22_taken_time_off_the_grid_blocks_every_slot_that_it_touches() -> None:
    person = somebody(taken=(("2026-11-23T10:05", "2026-11-23T10:20"), ("2026-11-23T11:00", "2026-11-23T11:30")))

    found = asked(person, ends_at=at("2026-11-23T12:00"), minutes=15, step=15)

    assert walls(found.slots) == ["09:00", "09:15", "09:30", "09:45", "10:30", "10:45", "11:30", "11:45"]


def test_bug_24_limits_count_in_the_zone_of_whoever_has_them() -> None:
    # 22:00 UTC on Monday is Tuesday in Sydney, so Monday's limit there is not reached, and Tuesday's is.
    limit = load("Australia/Sydney", 1, None, [second("2026-11-23T22:00")])
    always = WorkingHours("Australia/Sydney", tuple((day, 0, 1440) for day in range(1, 8)))

    found = asked(somebody(hours=always, limits=limit), ends_at=MONDAY + 2 * DAY, minutes=60, step=60)

    tuesday = {start.astimezone(ZoneInfo("Australia/Sydney")).date() for start, _ in found.slots}
    assert date(2026, 11, 24) not in tuesday
    assert {date(2026, 11, 23), date(2026, 11, 25)} <= tuesday


# --- the search and the rule of booking agree ------------------------------------------------------------------------


def agrees(case: Case) -> None:
    found = common_slots(counted(case.people), case.wanted, house=case.house, now=case.now)

    booked = [
        slot
        for slot in grid(case.wanted)
        if all(refusal(person, *slot, house=case.house, now=case.now) is None for person in case.people)
    ]
    assert found.slots == booked
    assert found.slots == swept(case.people, case.wanted, case.house, case.now)
    assert found.empty_reasons.keys() == (set() if found.slots else {person.id for person in case.people})
    if len(case.people) == 1 and any(grid(case.wanted)):
        assert EmptyReason.NO_COMMON_TIME not in found.empty_reasons.values()
    event("found" if found.slots else "nothing found")


def test_every_listed_slot_books_and_every_other_is_refused(soak: bool) -> None:
    @settings(max_examples=10_000 if soak else 250)
    @given(case=cases())
    def holds(case: Case) -> None:
        agrees(case)

    holds()


@settings(max_examples=worlds(25))
@given(case=cases())
def test_the_first_few_are_the_first_of_all(case: Case) -> None:
    every, few = (
        common_slots(counted(case.people), case.wanted, house=case.house, now=case.now, at_most=most).slots
        for most in (None, 3)
    )

    assert few == every[:3]


@pytest.mark.parametrize("zone", ZONES)
def test_stretches_of_steady_offset_meet_and_tell_the_wall_time(zone: str) -> None:
    starts_at = at("2026-01-01T00:00")
    ends_at = starts_at + 400 * DAY

    stretches = steady_stretches(zone, starts_at, ends_at)

    assert (stretches[0][0][0], stretches[-1][0][1]) == (starts_at, ends_at)
    assert all(one[0][1] == following[0][0] and one[1] != following[1] for one, following in pairwise(stretches))
    for (begins, stops), offset in stretches:
        assert begins.astimezone(ZoneInfo(zone)).utcoffset() == offset
        assert (stops - MINUTE).astimezone(ZoneInfo(zone)).utcoffset() == offset
