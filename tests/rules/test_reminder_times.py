"""When reminders and digests are due: clocks that change, quiet hours, late bookings, downtime."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.rules.reminders import (
    GRACE,
    REMINDERS,
    Home,
    digest_day,
    digest_due_at,
    due_at,
    loud_from,
    remind,
    span_of,
)
from app.vocabulary import MessageKind

DAY, SOON = MessageKind.REMINDER_DAY, MessageKind.REMINDER_SOON
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Phoenix",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Kiritimati",
    "Etc/UTC",
)
MINUTE = timedelta(minutes=1)
LEAP_DAY = datetime(2028, 2, 29, 9, 0, tzinfo=UTC)


def at(text: str, time_zone: str = "Etc/UTC", *, fold: int = 0) -> datetime:
    """An instant by the clock of a zone, such as `2026-11-23 10:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone), fold=fold).astimezone(UTC)


def home(time_zone: str = "Etc/UTC", quiet: str | None = "20:00-07:00") -> Home:
    begin, _, end = (quiet or "").partition("-")
    return Home(time_zone, begin or None, end or None)


def quiet_by_the_clock(instant: datetime, where: Home) -> bool:
    """What quiet hours mean, said in another way than the rule says it."""
    if where.quiet_from is None or where.quiet_to is None:
        return False
    shown = instant.astimezone(ZoneInfo(where.time_zone)).strftime("%H:%M")
    if where.quiet_from <= where.quiet_to:
        return where.quiet_from <= shown < where.quiet_to
    return shown >= where.quiet_from or shown < where.quiet_to


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
homes = st.builds(Home, st.sampled_from(ZONES), clocks, clocks) | st.builds(home, st.sampled_from(ZONES), st.none())
any_time = st.integers(0, 366 * 24 * 60).map(lambda minutes: datetime(2026, 6, 1, tzinfo=UTC) + minutes * MINUTE)
changes = st.sampled_from(
    [
        at("2026-10-25 01:00"),  # Berlin back
        at("2027-03-28 01:00"),  # Berlin forward
        at("2026-11-01 06:00"),  # New York back
        at("2027-03-14 07:00"),  # New York forward
        at("2026-10-03 15:30"),  # Lord Howe forward by half an hour
        at("2027-04-03 15:00"),  # Lord Howe back by half an hour
        at("2027-04-03 16:00"),  # Sydney back
    ]
)
near_a_change = st.builds(lambda change, minutes: change + minutes * MINUTE, changes, st.integers(-2000, 2000))
instants = any_time | near_a_change


@pytest.mark.parametrize(
    ("kind", "starts_at", "where", "due"),
    [
        (DAY, at("2026-11-24 10:00"), home(), at("2026-11-23 10:00")),
        (SOON, at("2026-11-24 10:00"), home(), at("2026-11-24 09:50")),
        # Due at night: in the morning instead, and not at all when the start is too near by then.
        (DAY, at("2026-11-25 02:00"), home(), at("2026-11-24 07:00")),
        (DAY, at("2026-11-24 20:00"), home(), at("2026-11-24 07:00")),
        (DAY, at("2026-11-24 19:59"), home(), at("2026-11-23 19:59")),
        (SOON, at("2026-11-24 07:02"), home(), at("2026-11-24 07:00")),
        (SOON, at("2026-11-24 07:01"), home(), None),
        (SOON, at("2026-11-24 07:10"), home(), at("2026-11-24 07:00")),
        (SOON, at("2026-11-24 20:05"), home(), at("2026-11-24 19:55")),
        (SOON, at("2026-11-24 20:10"), home(), None),
        # Quiet all day but one minute, or never.
        (DAY, at("2026-11-24 10:00"), home(quiet="00:00-23:59"), at("2026-11-23 23:59")),
        (DAY, at("2026-11-25 00:29"), home(quiet="00:00-23:59"), at("2026-11-24 23:59")),
        (DAY, at("2026-11-25 00:28"), home(quiet="00:00-23:59"), None),
        (DAY, at("2026-11-25 03:00"), home(quiet=None), at("2026-11-24 03:00")),
        (DAY, at("2026-11-25 03:00"), home(quiet="09:00-09:00"), at("2026-11-24 03:00")),
        # A day before is 24 hours before, whatever the clock did; the morning is that of the clock.
        (DAY, at("2026-10-25 10:00", "Europe/Berlin"), home("Europe/Berlin"), at("2026-10-24 11:00", "Europe/Berlin")),
        (DAY, at("2027-03-28 10:00", "Europe/Berlin"), home("Europe/Berlin"), at("2027-03-27 09:00", "Europe/Berlin")),
        (DAY, at("2026-10-26 02:30", "Europe/Berlin"), home("Europe/Berlin"), at("2026-10-25 07:00", "Europe/Berlin")),
        (DAY, at("2026-10-04 23:00", "Australia/Sydney"), home("Australia/Sydney"), at("2026-10-03 20:00")),
        (DAY, LEAP_DAY + timedelta(days=1), home(), LEAP_DAY),
        (DAY, at("2028-02-29 21:00"), home(), LEAP_DAY.replace(hour=7)),
        (DAY, at("2026-11-24 21:00", "Asia/Kolkata"), home("Asia/Kolkata"), at("2026-11-24 01:30")),
        (DAY, at("2027-03-14 21:00", "America/Phoenix"), home("America/Phoenix"), at("2027-03-14 14:00")),
    ],
)
def test_a_reminder_is_due_a_fixed_time_before_or_when_quiet_hours_end(
    kind: MessageKind, starts_at: datetime, where: Home, due: datetime | None
) -> None:
    assert due_at(kind, starts_at, where) == due


@pytest.mark.parametrize(
    ("asked", "quiet", "time_zone", "loud"),
    [
        # The end is skipped by the clock: quiet hours end when it jumps over it.
        ("2027-03-28 00:00", "22:00-02:30", "Europe/Berlin", at("2027-03-28 01:00")),
        # The end comes twice: after the first it is loud, and the clock goes back into quiet hours.
        ("2026-10-25 00:00", "22:00-02:30", "Europe/Berlin", at("2026-10-25 02:30", "Europe/Berlin")),
        # All of quiet hours is skipped.
        ("2027-03-28 03:00", "02:00-03:00", "Europe/Berlin", at("2027-03-28 01:00")),
        ("2026-10-04 01:00", "00:00-02:15", "Australia/Lord_Howe", at("2026-10-03 15:30")),
        ("2027-04-04 01:00", "00:00-01:45", "Australia/Lord_Howe", at("2027-04-04 01:45", "Australia/Lord_Howe")),
        ("2026-10-04 01:00", "00:00-02:30", "Australia/Sydney", at("2026-10-03 16:00")),
    ],
)
def test_quiet_hours_end_by_the_clock_on_days_on_which_it_changes(
    asked: str, quiet: str, time_zone: str, loud: datetime
) -> None:
    assert loud_from(at(asked, time_zone), home(time_zone, quiet)) == loud


def test_the_hour_that_comes_twice_is_quiet_twice() -> None:
    where = home("Europe/Berlin", "22:00-02:30")
    second = at("2026-10-25 02:10", "Europe/Berlin", fold=1)

    assert loud_from(second, where) == at("2026-10-25 02:30", "Europe/Berlin", fold=1)
    assert loud_from(at("2026-10-25 02:40", "Europe/Berlin"), where) == at("2026-10-25 02:40", "Europe/Berlin")


@given(instant=instants, where=homes)
@example(instant=at("2027-03-28 00:59"), where=Home("Europe/Berlin", "01:59", "01:58"))
@example(instant=at("2026-10-03 15:00"), where=Home("Australia/Lord_Howe", "01:30", "02:15"))
def test_it_is_quiet_until_the_first_loud_minute_and_not_in_it(instant: datetime, where: Home) -> None:
    loud = loud_from(instant, where)

    minutes = (loud - instant) // MINUTE
    assert instant <= loud <= instant + timedelta(hours=25)
    assert not quiet_by_the_clock(loud, where)
    assert all(quiet_by_the_clock(instant + n * MINUTE, where) for n in range(0, minutes, 7))
    assert minutes == 0 or quiet_by_the_clock(loud - MINUTE, where)


@given(
    kind=st.sampled_from([DAY, SOON]),
    starts_at=instants,
    where=homes,
    told_before=st.integers(0, 72 * 60),
    down_from=st.integers(0, 30 * 60),
    down_minutes=st.sampled_from([0, 1, 5, 30, 60, 150, 24 * 60, 72 * 60]),
)
def test_whoever_sweeps_when_sends_one_in_its_time_or_none(
    kind: MessageKind, starts_at: datetime, where: Home, told_before: int, down_from: int, down_minutes: int
) -> None:
    told_at = starts_at - told_before * MINUTE
    reminder, due = REMINDERS[kind], due_at(kind, starts_at, where)
    minutes = [starts_at - timedelta(hours=30) + n * MINUTE for n in range(31 * 60)]

    wanted = [now for now in minutes if remind(kind, starts_at, where, told_at=told_at, now=now)]
    swept = [now for n, now in enumerate(minutes) if not down_from <= n < down_from + down_minutes]
    sent = next((now for now in swept if now in set(wanted)), None)

    if due is None or told_at > due - reminder.news:
        assert wanted == []
        return
    assert wanted
    assert wanted[0] == due
    assert wanted == [wanted[0] + n * MINUTE for n in range(len(wanted))], "once it is over, it is over"
    assert wanted[-1] <= min(due + reminder.grace, starts_at - reminder.least)
    assert sum(quiet_by_the_clock(now, where) for now in wanted) <= 5, "what the queue may take"
    assert (sent is None) == (not set(wanted) & set(swept))


@pytest.mark.parametrize(
    ("kind", "told_at", "wanted"),
    [
        (DAY, at("2026-11-23 08:00"), True),
        (DAY, at("2026-11-23 08:01"), False),
        (DAY, at("2026-11-24 09:00"), False),
        (SOON, at("2026-11-24 09:20"), True),
        (SOON, at("2026-11-24 09:21"), False),
    ],
)
def test_who_has_just_heard_of_it_needs_no_reminder(kind: MessageKind, told_at: datetime, wanted: bool) -> None:
    starts_at = at("2026-11-24 10:00")
    due = due_at(kind, starts_at, home())
    assert due

    assert remind(kind, starts_at, home(), told_at=told_at, now=due) is wanted


def test_a_reminder_that_comes_too_late_never_comes() -> None:
    starts_at = at("2026-11-24 10:00")

    late = {
        DAY: (at("2026-11-23 12:00"), at("2026-11-23 12:01")),
        SOON: (at("2026-11-24 09:58"), at("2026-11-24 09:59")),
    }

    for kind, (last, over) in late.items():
        assert remind(kind, starts_at, home(), now=last)
        assert not remind(kind, starts_at, home(), now=over)


def test_a_reminder_of_the_day_before_never_comes_shortly_before_the_start() -> None:
    starts_at, early = at("2026-11-24 08:00"), home(quiet="07:50-07:20")

    assert due_at(DAY, starts_at, early) == at("2026-11-24 07:20")
    assert remind(DAY, starts_at, early, now=at("2026-11-24 07:30"))
    assert not remind(DAY, starts_at, early, now=at("2026-11-24 07:31"))


def test_downtime_that_ends_in_quiet_hours_wakes_nobody() -> None:
    starts_at = at("2026-11-24 19:58")  # due at 19:58 the day before, two minutes before quiet hours

    assert remind(DAY, starts_at, home(), now=at("2026-11-23 20:03")), "the queue may take a while"
    assert not remind(DAY, starts_at, home(), now=at("2026-11-23 20:04"))


@pytest.mark.parametrize(
    ("day", "where", "due"),
    [
        ("2026-11-23", home(), at("2026-11-23 07:30")),
        ("2026-11-23", home(quiet="20:00-09:15"), at("2026-11-23 09:15")),
        ("2026-11-23", home(quiet="07:30-07:31"), at("2026-11-23 07:31")),
        ("2026-11-23", home(quiet="07:00-06:00"), None),
        ("2026-11-23", home(quiet=None), at("2026-11-23 07:30")),
        ("2026-11-23", home("Asia/Kolkata"), at("2026-11-23 02:00")),
        ("2026-11-23", home("Pacific/Kiritimati"), at("2026-11-22 17:30")),
        ("2026-10-25", home("Europe/Berlin"), at("2026-10-25 06:30")),
        ("2027-03-28", home("Europe/Berlin"), at("2027-03-28 05:30")),
        ("2028-02-29", home("America/Phoenix"), at("2028-02-29 14:30")),
    ],
)
def test_a_digest_is_due_in_the_morning_of_its_day(day: str, where: Home, due: datetime | None) -> None:
    assert digest_due_at(date.fromisoformat(day), where) == due


@given(where=homes, from_at=instants)
def test_a_day_has_one_digest_at_most_and_only_while_it_is_fresh(where: Home, from_at: datetime) -> None:
    sent: dict[date, list[datetime]] = {}
    for n in range(0, 50 * 60, 5):
        now = from_at + n * MINUTE
        if day := digest_day(where, now=now):
            sent.setdefault(day, []).append(now)

    for day, wanted in sent.items():
        due = digest_due_at(day, where)
        assert due is not None
        first, last = span_of(day, where.time_zone)
        assert all(due <= now <= due + GRACE and first <= now < last for now in wanted)


@given(instant=instants, time_zone=st.sampled_from(ZONES))
def test_every_instant_lies_in_one_local_day(instant: datetime, time_zone: str) -> None:
    day = instant.astimezone(ZoneInfo(time_zone)).date()

    first, last = span_of(day, time_zone)

    assert first <= instant < last
    assert span_of(day + timedelta(days=1), time_zone)[0] == last
    assert abs((last - first) - timedelta(days=1)) <= timedelta(hours=1)


def test_days_on_which_the_clock_changes_are_as_long_as_they_are() -> None:
    hours = {
        ("2026-10-25", "Europe/Berlin"): 25,
        ("2027-03-28", "Europe/Berlin"): 23,
        ("2026-10-04", "Australia/Lord_Howe"): 23.5,
        ("2027-04-04", "Australia/Lord_Howe"): 24.5,
        ("2028-02-29", "America/Phoenix"): 24,
    }

    for (day, time_zone), length in hours.items():
        first, last = span_of(date.fromisoformat(day), time_zone)
        assert (last - first) / timedelta(hours=1) == length
