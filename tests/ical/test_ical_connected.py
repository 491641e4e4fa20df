"""What the calendar of a colleague tells: merged time, and events with customers under names that last."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ical.connected import CalendarRefused, Range, Told, Wanted, merged, read
from tests.ical.foreign_calendars import a_calendar, an_event

MARCH = datetime(2027, 3, 1, tzinfo=UTC)
KIM = "ATTENDEE:mailto:kim@customer.example"
DEMO = (KIM, "SUMMARY:Demo")


def told(*events: str, title: str | None = None) -> Told:
    return read(
        Wanted(
            a_calendar(*events),
            MARCH,
            MARCH + timedelta(days=31),
            owner_zone="Europe/London",
            addresses=frozenset({"mara@earshot.example"}),
            own_domain="ours.earshot",
            colleagues=frozenset({"earshot.example"}),
            title_contains=title,
        )
    )


def refs(*events: str) -> list[str]:
    return [event.ref for event in told(*events).calls]


def test_what_is_no_calendar_is_refused_in_a_sentence_that_survives_its_process() -> None:
    wanted = Wanted(b"<html>", MARCH, MARCH, owner_zone="UTC", addresses=frozenset(), own_domain="")

    with pytest.raises(CalendarRefused, match=r"This is no calendar: .*\."):
        read(wanted)


def test_our_own_events_are_not_there() -> None:
    assert told(an_event(*DEMO, uid="ses_1@ours.earshot")) == Told((), (), (), ())


def test_a_single_event_is_called_by_its_uid_wherever_it_moves() -> None:
    assert refs(an_event(*DEMO)) == refs(an_event(*DEMO, start="DTSTART:20270302T090000Z")) == ["1"]


def test_an_occurrence_is_called_by_the_time_that_its_series_had_it_at() -> None:
    series = an_event(*DEMO, "RRULE:FREQ=WEEKLY;COUNT=2")
    moved = an_event(*DEMO, "RECURRENCE-ID:20270308T090000Z", start="DTSTART:20270309T120000Z")

    assert refs(series) == refs(series, moved) == ["1/20270301T090000Z", "1/20270308T090000Z"]


def test_a_customer_who_is_asked_to_one_occurrence_makes_only_that_a_call() -> None:
    series = an_event("SUMMARY:Pipeline", "RRULE:FREQ=WEEKLY;COUNT=3")
    with_kim = an_event(*DEMO, "RECURRENCE-ID:20270308T090000Z", start="DTSTART:20270308T090000Z")
    found = told(series, with_kim)

    assert [event.ref for event in found.calls] == ["1/20270308T090000Z"]
    assert [start.day for start, _ in found.busy] == [1, 15]


def test_an_event_without_a_uid_or_with_an_endless_one_is_only_time() -> None:
    for uid in ("", "x" * 5000):
        found = told(an_event(*DEMO, uid=uid))

        assert (found.calls, len(found.busy)) == ((), 1)


def test_words_of_a_title_are_found_in_whatever_case() -> None:
    assert [len(told(an_event(*DEMO), title=words).calls) for words in ("dEM", "other")] == [1, 0]


RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 9)).map(
        lambda one: (MARCH + timedelta(hours=one[0]), MARCH + timedelta(hours=one[0] + one[1]))
    )
)


@given(RANGES)
def test_merged_time_is_the_same_time_in_as_few_parts_as_can_be(ranges: list[Range]) -> None:
    def hours(parts: list[Range]) -> set[datetime]:
        return {MARCH + timedelta(hours=h) for h in range(80) for a, b in parts if a <= MARCH + timedelta(hours=h) < b}

    found = list(merged(ranges))

    assert hours(found) == hours(ranges)
    assert all(one[1] < other[0] for one, other in pairwise(found))


def test_an_invitation_by_a_customer_is_a_call_though_only_they_arranged_it() -> None:
    invitation = an_event(
        "SUMMARY:Demo", "ORGANIZER:mailto:kim@customer.example", "ATTENDEE:mailto:mara@earshot.example"
    )
    ours = an_event("SUMMARY:Demo", "ORGANIZER:mailto:jonas@earshot.example", "ATTENDEE:mailto:mara@earshot.example")

    assert refs(invitation) == ["1"]
    assert refs(ours) == []
