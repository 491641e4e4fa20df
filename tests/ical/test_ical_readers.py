"""Everything that we write says the same to three readers that share no code, and to all what was meant."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ical.entries import Attendee, Entry, EntryStatus, Override, PartStat
from app.ical.itip import cancel, decline_counter, request
from app.ical.write import calendar, feed, vevent
from app.ical.zones import keeps_its_clock
from app.rules.recurrence import Recurrence, occurrences, rule_of
from tests.ical.checker import problems
from tests.ical.entry_examples import CALENDAR_DESK, COLLEAGUE, JUNIOR, a_series, an_entry, hostile_text
from tests.ical.mail_checker import calendar_of
from tests.ical.readers import Reader, Times, Told, missing
from tests.ical.test_ical_golden import golden
from tests.worlds import worlds

HALF = timedelta(minutes=30)
ZONES = st.sampled_from(
    [
        "America/New_York",
        "Europe/London",
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "America/Nuuk",
        "Asia/Kolkata",
        "UTC",
    ]
)
RULES = st.sampled_from(
    [
        "FREQ=WEEKLY;COUNT=30",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR,SA,SU;WKST=SU;COUNT=40",
        "FREQ=DAILY;INTERVAL=3;COUNT=60",
        "FREQ=DAILY;COUNT=20",
        "FREQ=MONTHLY;COUNT=8",
    ]
)
PARTSTATS: st.SearchStrategy[PartStat] = st.sampled_from(["NEEDS-ACTION", "ACCEPTED", "DECLINED", "TENTATIVE"])


@dataclass(frozen=True)
class Planned:
    """An entry, and when what it tells of is on."""

    entry: Entry
    times: Times


@st.composite
def entries(draw: st.DrawFn, *, cancelled: bool | None = None) -> Planned:
    """What happens once, at any minute of three years; or by a rule with exceptions, at night too."""
    off = draw(st.booleans()) if cancelled is None else cancelled
    entry = an_entry(
        sequence=draw(st.integers(0, 99)),
        summary=draw(hostile_text()),
        status=EntryStatus.CANCELLED if off else draw(st.sampled_from([EntryStatus.CONFIRMED, EntryStatus.TENTATIVE])),
        attendees=(Attendee("Jo", JUNIOR.email, partstat=draw(PARTSTATS)), COLLEAGUE),
        starts_at=datetime(2026, 2, 1, tzinfo=UTC) + draw(st.integers(0, 3 * 365 * 24 * 60)) * timedelta(minutes=1),
    )
    if draw(st.booleans()):
        return Planned(entry, [(entry.starts_at, entry.ends_at)])
    # What is off is told by its rule alone, which calendars read in two ways where the clock changes.
    hour = draw(st.integers(4, 20) if off else st.integers(0, 23))
    day = datetime.fromisoformat("2026-02-28T00:00") + timedelta(days=draw(st.integers(0, 500)))
    return draw(series(entry, day + timedelta(hours=hour) + draw(st.sampled_from([0 * HALF, HALF / 2, HALF]))))


@st.composite
def series(draw: st.DrawFn, entry: Entry, local_start: datetime) -> Planned:
    zone, length = draw(ZONES), draw(st.sampled_from([HALF / 2, HALF, 2 * HALF, 3 * HALF]))
    rule = rule_of(draw(RULES), zone)
    whole = occurrences(Recurrence(rule, zone, local_start, length // timedelta(minutes=1)))
    some = st.integers(0, len(whole) - 1)
    dropped, moved = draw(st.sets(some, max_size=5)), draw(st.dictionaries(some, st.integers(-9, 9), max_size=3))
    stay = [one for n, one in enumerate(whole) if n not in dropped]
    told = {one.starts_at: Override(one.starts_at, one.starts_at, one.ends_at) for one in stay}
    away = {one.starts_at: 3 * HALF * moved[n] for n, one in enumerate(whole) if n in moved and n not in dropped}
    elsewhere = [replace(told[at], starts_at=at + by, ends_at=at + by + HALF) for at, by in away.items()]
    made = a_series(
        entry,
        rrule=str(rule),
        time_zone=zone,
        local_start=local_start,
        minutes=length // timedelta(minutes=1),
        dropped=tuple(one.starts_at for n, one in enumerate(whole) if n in dropped),
        overrides=tuple(elsewhere),
        exact=tuple(
            told[one.starts_at]
            for one in stay
            if one.starts_at not in away and not keeps_its_clock(one.wall, length, zone)
        ),
    )
    if entry.status is not EntryStatus.CANCELLED:
        told |= {one.slot: one for one in elsewhere}
    return Planned(made, sorted((one.starts_at, one.ends_at) for one in told.values()))


def told_by(readers: dict[str, Reader], data: bytes) -> Told:
    """What all readers find."""
    first, *others = [(name, read(data)) for name, read in readers.items()]
    for name, found in others:
        assert (name, found) == (name, first[1])
    return first[1]


def test_ical_js_is_among_the_readers(readers: dict[str, Reader]) -> None:
    if why := missing():
        pytest.skip(why)

    assert list(readers) == ["Earshot", "icalendar", "ical.js"]


def test_every_reader_finds_the_same_in_every_golden_file(readers: dict[str, Reader]) -> None:
    files = {name: calendar_of(data) if name.endswith(".eml") else data for name, data in golden().items()}

    found = {name: told_by(readers, data) for name, data in files.items()}

    assert found["invite.eml"] == found["invite.ics"]
    assert {name: told.methods for name, told in found.items()} == {
        "cancel.ics": ["CANCEL"],
        "cancelled_series.ics": ["CANCEL"],
        "counter_declined.ics": ["DECLINECOUNTER"],
        "feed.ics": [],
        "freebusy.ics": [],
        "invite.eml": ["REQUEST"],
        "invite.ics": ["REQUEST"],
        "series.ics": ["REQUEST"],
        "update.ics": ["REQUEST"],
    }
    assert len(found["series.ics"].times) == len(found["cancelled_series.ics"].times) == 5
    assert [starts_at.day for starts_at, _ in found["series.ics"].times] == [13, 27, 4, 10, 17]
    assert found["counter_declined.ics"].events[0].slot == datetime(2026, 11, 3, 15, tzinfo=UTC)
    assert len(found["freebusy.ics"].times) == 2


WRITERS: dict[str | None, Callable[[Entry], bytes]] = {
    None: lambda entry: calendar([vevent(entry, rsvp=False)], method=None),
    "REQUEST": request,
    "CANCEL": cancel,
    "DECLINECOUNTER": decline_counter,
}


@settings(max_examples=worlds(60))
@given(data=st.data(), method=st.sampled_from(list(WRITERS)))
def test_every_reader_finds_in_a_message_what_was_planned(
    readers: dict[str, Reader], data: st.DataObject, method: str | None
) -> None:
    one = data.draw(entries(cancelled=method == "CANCEL"))

    written = WRITERS[method](one.entry)
    found = told_by(readers, written)

    assert method is None or problems(written, method=method, recipient=JUNIOR.email) == []
    assert found.methods == ([] if method is None else [method])
    assert found.times == one.times
    says, entry = found.events[0], one.entry
    assert (says.uid, says.sequence, says.status) == (entry.uid, entry.sequence, entry.status.upper())
    assert says.organizer == f"mailto:{CALENDAR_DESK.email}"
    assert says.attendees == tuple((f"mailto:{who.email}", who.partstat) for who in entry.attendees)
    assert {event.uid for event in found.events} == {entry.uid}


@settings(max_examples=worlds(15))
@given(some=st.lists(entries(), min_size=1, max_size=6))
def test_every_reader_finds_in_a_feed_what_was_planned(readers: dict[str, Reader], some: list[Planned]) -> None:
    plan = [replace(one, entry=replace(one.entry, uid=f"ses_{n}@7f3a.earshot")) for n, one in enumerate(some)]

    written = feed([vevent(one.entry, rsvp=False) for one in plan], name="Jo", time_zone="Asia/Tokyo")
    found = told_by(readers, written)

    assert problems(written, method=None) == []
    assert found.methods == []
    assert {(event.uid, event.sequence, event.status) for event in found.events} == {
        (one.entry.uid, one.entry.sequence, one.entry.status.upper()) for one in plan
    }
    assert found.times == sorted(time for one in plan for time in one.times)
