"""Customer events become calls of the calendar's owner and follow it; everything else only takes time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import transaction, written
from app.ical.connected import CustomerEvent, Told
from app.models.tables import busy, calendar_entry, call, event, external_identity, seat
from app.operations.calendar_calls import Followed, import_events
from app.operations.call_outcomes import end_call, start_call
from app.operations.calls import cancel_call
from app.operations.connected_calendars import disconnect_calendar, keep_reading, keep_unchanged, patch_calendar
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import CalendarHealth, CalendarUse, CallStatus, SeatStatus
from tests.adapters.web_server import Asked, WebServer, answer
from tests.calendars_outside import FROM_OUTSIDE, WITH_CUSTOMER, Reader, a_reader, an_hour
from tests.factories import a_person
from tests.harness import NOW, FakeClock
from tests.ical.foreign_calendars import a_calendar, an_event

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEN = "DTSTART:20261123T100000Z"


@pytest.fixture
def reader(engine: Engine, clock: FakeClock, tmp_path: Path) -> Iterator[Reader]:
    with a_reader(engine, clock, tmp_path) as made:
        yield made


class Calendar:
    """A calendar that its owner changes, on a server of its own."""

    def __init__(self, reader: Reader, server: WebServer, **fields: Any) -> None:
        self.reader, self.server = reader, server
        self.id = ""
        self.fields = {"use": CalendarUse.CALLS, **fields}

    def says(self, *events: str) -> None:
        """Have it read as it is now, half an hour after it was read before."""
        body = a_calendar(*events)
        self.server.reply = lambda asked: _answered(asked, body)
        if not self.id:
            self.id = self.reader.connect(f"http://127.0.0.1:{self.server.port}/a.ics", **self.fields)
        else:
            self.reader.later(HOUR / 2)
        assert self.reader.read(self.id).health is CalendarHealth.OK


def _answered(asked: Asked, body: bytes) -> Any:
    return answer(body=body)(asked)


@pytest.fixture
def calendar(reader: Reader) -> Iterator[Calendar]:
    with WebServer(answer()) as server:
        yield Calendar(reader, server)


def on(reader: Reader) -> list[tuple[str, datetime, datetime]]:
    return [(one.title, one.starts_at, one.ends_at) for one in reader.calls() if one.status is CallStatus.SCHEDULED]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("SUMMARY:Team", "ATTENDEE:mailto:priya@earshot.example"),
        ("SUMMARY:Room", "ATTENDEE;CUTYPE=ROOM:mailto:blue@rooms.example"),
        ("SUMMARY:Room", "ATTENDEE;CN=Blue:mailto:c_1@resource.calendar.google.com"),
        ("SUMMARY:Off", FROM_OUTSIDE, "STATUS:CANCELLED"),
        ("SUMMARY:Free", FROM_OUTSIDE, "TRANSP:TRANSPARENT"),
        ("SUMMARY:No", FROM_OUTSIDE, "ATTENDEE;PARTSTAT=DECLINED:mailto:mara@earshot.example"),
        (FROM_OUTSIDE,),
    ],
    ids=lambda lines: " ".join(lines)[:30] or "nobody",
)
def test_what_is_no_customer_event_becomes_no_call(calendar: Calendar, reader: Reader, lines: tuple[str, ...]) -> None:
    calendar.says(an_hour("1", *lines))

    assert reader.calls() == []


def test_whole_days_and_nights_with_customers_take_time_but_are_no_calls(calendar: Calendar, reader: Reader) -> None:
    days = an_event(*WITH_CUSTOMER, start="DTSTART;VALUE=DATE:20261123", end="", uid="1")
    long = an_event(*WITH_CUSTOMER, start="DTSTART:20261201T000000Z", end="DURATION:P2D", uid="2")
    calendar.says(days, long)

    assert reader.calls() == []
    assert len(reader.busy()) == 2


def test_a_calendar_for_busy_time_makes_no_calls(reader: Reader) -> None:
    with WebServer(answer()) as server:
        Calendar(reader, server, use=CalendarUse.BUSY).says(an_hour("1", *WITH_CUSTOMER))

    assert (reader.calls(), reader.busy()) == ([], [(NINE, NINE + HOUR)])


def test_only_titles_that_hold_the_words_become_calls(reader: Reader) -> None:
    with WebServer(answer()) as server:
        chosen = Calendar(reader, server, title_contains="DEMO")
        chosen.says(an_hour("1", *WITH_CUSTOMER), an_hour("2", FROM_OUTSIDE, "SUMMARY:Lunch", start=TEN))

    assert [title for title, *_ in on(reader)] == ["Northwind: demo"]
    assert reader.busy() == [(NINE + HOUR, NINE + 2 * HOUR)]


def test_a_customer_event_is_a_call_of_its_type_and_nobody_from_outside_is_kept(
    calendar: Calendar, reader: Reader
) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))

    (made,) = reader.calls()
    assert (made.title, made.type, made.host_id) == ("Northwind: demo", "demo", reader.mara.id)
    assert reader.busy() == [], "the call itself takes her time"
    assert "customer.example" not in _everything(reader)


def test_a_call_follows_its_event_with_its_seats(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    (made,) = reader.calls()
    seat_id = _sit(reader, made.id)
    calendar.says(an_hour("1", *WITH_CUSTOMER, "SEQUENCE:1", start=TEN))
    moved = on(reader)
    calendar.says()

    assert moved == [("Northwind: demo", NINE + HOUR, NINE + 2 * HOUR)]
    assert on(reader) == []
    with transaction(reader.engine, writes=False) as db:
        assert db.execute(select(seat.c.status).where(seat.c.id == seat_id)).scalar_one() is SeatStatus.CANCELLED
        assert (
            db.execute(select(calendar_entry.c.sequence).order_by(calendar_entry.c.sequence.desc())).scalars().first()
        )


def test_reading_the_same_again_changes_nothing(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    before = _everything(reader)
    calendar.says(an_hour("1", *WITH_CUSTOMER, "X-NOTE:other bytes"))

    assert _everything(reader) == before


def test_an_occurrence_that_moves_is_still_the_same_call(calendar: Calendar, reader: Reader) -> None:
    series = an_hour("1", *WITH_CUSTOMER, "RRULE:FREQ=WEEKLY;COUNT=3")
    calendar.says(series)
    before = {one.starts_at: one.id for one in reader.calls()}
    moved = an_hour("1", *WITH_CUSTOMER, "RECURRENCE-ID:20261130T090000Z", start="DTSTART:20261201T150000Z")
    calendar.says(series, moved)

    after = {one.id: one.starts_at for one in reader.calls()}
    assert len(before) == 3
    assert after[before[NINE + 7 * DAY]] == NINE + 8 * DAY + 6 * HOUR
    assert len(on(reader)) == 3


def test_a_call_that_was_cancelled_here_stays_so_and_its_time_is_taken(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    (made,) = reader.calls()
    written(reader.engine, lambda db: cancel_call(db, call_id=made.id, actor=SYSTEM, now=reader.clock()))
    calendar.says(an_hour("1", *WITH_CUSTOMER), an_hour("2", start=TEN))

    assert on(reader) == []
    assert reader.busy() == [(NINE, NINE + HOUR), (NINE + HOUR, NINE + 2 * HOUR)]


def test_an_event_that_comes_back_is_a_new_call(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    calendar.says()
    calendar.says(an_hour("1", *WITH_CUSTOMER))

    assert [one.status for one in reader.calls()] == [CallStatus.CANCELLED, CallStatus.SCHEDULED]


def test_what_is_over_is_neither_made_nor_cancelled(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER), an_hour("0", *WITH_CUSTOMER, start="DTSTART:20261120T230000Z"))
    (made,) = reader.calls()
    reader.clock.at = NINE
    written(reader.engine, lambda db: start_call(db, call_id=made.id, actor=SYSTEM, now=NINE))
    written(reader.engine, lambda db: end_call(db, call_id=made.id, actor=SYSTEM, now=NINE + HOUR))
    reader.clock.at = NINE + 2 * HOUR
    calendar.says()

    assert [one.status for one in reader.calls()] == [CallStatus.ENDED]


def test_one_conversation_in_two_calendars_is_one_call(calendar: Calendar, reader: Reader) -> None:
    with transaction(reader.engine, writes=True) as db:
        jonas = a_person(db, "Jonas", email="jonas@earshot.example")
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    with WebServer(answer()) as server:
        Calendar(reader, server, person=jonas).says(
            an_hour("1", *WITH_CUSTOMER), an_hour("2", *WITH_CUSTOMER, start=TEN)
        )

    assert [one.host_id for one in reader.calls()] == [reader.mara.id, jonas.id]
    with transaction(reader.engine, writes=False) as db:
        taken = db.execute(select(busy.c.starts_at).where(busy.c.person_id == jonas.id)).scalars().all()
    assert taken == [NINE]


def test_calls_of_a_file_follow_the_calendar_once_it_is_connected(calendar: Calendar, reader: Reader) -> None:
    single = CustomerEvent("1", "Northwind: demo", NINE, NINE + HOUR)
    slot = CustomerEvent("2/20261130T090000Z", "Northwind: demo", NINE + 7 * DAY, NINE + 7 * DAY + HOUR)
    weekly = an_hour("2", *WITH_CUSTOMER, "RRULE:FREQ=WEEKLY;COUNT=1", start="DTSTART:20261130T090000Z")
    _import(reader, single, slot)
    seat_id = _sit(reader, reader.calls()[0].id)
    from_file = [(one.id, one.version) for one in reader.calls()]

    calendar.says(an_hour("1", *WITH_CUSTOMER), weekly)
    connected = [(one.id, one.version) for one in reader.calls()]
    calendar.says(an_hour("1", *WITH_CUSTOMER, "SEQUENCE:1", start=TEN), weekly)
    moved = [(one.id, one.starts_at) for one in reader.calls()]
    again = _import(reader, single, slot)
    calendar.says(weekly)

    assert [id_ for id_, _ in from_file] == [id_ for id_, _ in connected] == [id_ for id_, _ in moved]
    assert all(now > before for (_, before), (_, now) in zip(from_file, connected, strict=True)), "it says whose it is"
    assert moved[0][1] == NINE + HOUR
    assert (again.created, again.updated) == (0, 0), "the file is older than the calendar"
    assert [at for _, at, _ in on(reader)] == [NINE + 7 * DAY]
    with transaction(reader.engine, writes=False) as db:
        assert db.execute(select(seat.c.status).where(seat.c.id == seat_id)).scalar_one() is SeatStatus.CANCELLED


def _import(reader: Reader, *events: CustomerEvent) -> Followed:
    imported: Followed = written(
        reader.engine,
        lambda db: import_events(db, events, host_id=reader.mara.id, dry_run=False, actor=SYSTEM, now=reader.clock()),
    )
    return imported


def test_an_unreadable_calendar_cancels_no_call(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    calendar.server.reply = answer(body=b"<html>Sign in</html>")
    found = reader.read(calendar.id)

    assert found.health is CalendarHealth.DEGRADED
    assert len(on(reader)) == 1


def test_disconnecting_forgets_what_it_said_and_cancels_the_calls_ahead(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER), an_hour("2", start=TEN))
    seat_id = _sit(reader, reader.calls()[0].id)
    written(
        reader.engine,
        lambda db: disconnect_calendar(
            db, person_id=reader.mara.id, calendar_id=calendar.id, actor=SYSTEM, now=reader.clock()
        ),
    )
    reader.read(calendar.id)

    assert (on(reader), reader.busy(), reader.row(calendar.id)) == ([], [], None)
    with transaction(reader.engine, writes=False) as db:
        assert db.execute(select(seat.c.status).where(seat.c.id == seat_id)).scalar_one() is SeatStatus.CANCELLED


def test_calls_of_a_calendar_that_is_for_busy_time_now_are_cancelled_once_it_was_read_and_their_time_is_taken(
    calendar: Calendar, reader: Reader
) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    seat_id = _sit(reader, reader.calls()[0].id)
    _change(calendar, use=CalendarUse.BUSY)
    before = on(reader), reader.busy()
    calendar.says(an_hour("1", *WITH_CUSTOMER))

    assert before == ([("Northwind: demo", NINE, NINE + HOUR)], [])
    assert (on(reader), reader.busy()) == ([], [(NINE, NINE + HOUR)])
    with transaction(reader.engine, writes=False) as db:
        assert db.execute(select(seat.c.status).where(seat.c.id == seat_id)).scalar_one() is SeatStatus.CANCELLED
    _change(calendar, use=CalendarUse.CALLS)
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    assert (on(reader), reader.busy()) == ([("Northwind: demo", NINE, NINE + HOUR)], [])


def test_a_calendar_that_was_changed_and_not_read_since_leaves_no_call_when_it_is_disconnected(
    calendar: Calendar, reader: Reader
) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    _change(calendar, use=CalendarUse.BUSY)
    written(
        reader.engine,
        lambda db: disconnect_calendar(
            db, person_id=reader.mara.id, calendar_id=calendar.id, actor=SYSTEM, now=reader.clock()
        ),
    )

    assert on(reader) == []


def test_other_words_for_titles_cancel_the_calls_that_have_them_not(calendar: Calendar, reader: Reader) -> None:
    both = an_hour("1", *WITH_CUSTOMER), an_hour("2", FROM_OUTSIDE, "SUMMARY:Renewal", start=TEN)
    calendar.says(*both)
    _change(calendar, title_contains="renewal")
    calendar.says(*both)

    assert on(reader) == [("Renewal", NINE + HOUR, NINE + 2 * HOUR)]
    assert reader.busy() == [(NINE, NINE + HOUR)]


def test_what_was_read_of_a_calendar_that_changed_meanwhile_is_not_kept(calendar: Calendar, reader: Reader) -> None:
    calendar.says(an_hour("1", *WITH_CUSTOMER))
    read_as = reader.row(calendar.id)
    _change(calendar, title_contains="demo")
    changed = reader.row(calendar.id)
    known: dict[str, Any] = {"version": read_as.version, "etag": '"old"', "last_modified": None}
    nothing = Told((), (), (), ())
    written(
        reader.engine, lambda db: keep_reading(db, calendar.id, nothing, digest="", until=NINE + DAY, now=NOW, **known)
    )
    written(reader.engine, lambda db: keep_unchanged(db, calendar.id, now=NOW, **known))

    assert reader.row(calendar.id) == changed
    assert len(on(reader)) == 1


def _change(calendar: Calendar, **changes: Any) -> None:
    reader = calendar.reader
    by: dict[str, Any] = {"actor": SYSTEM, "now": reader.clock()}
    written(
        reader.engine,
        lambda db: patch_calendar(db, person_id=reader.mara.id, calendar_id=calendar.id, changes=changes, **by),
    )


def _sit(reader: Reader, call_id: str) -> str:
    with transaction(reader.engine, writes=True) as db:
        observer = a_person(db, "Jo")
        made: str = book_seat(db, call_id=call_id, observer_id=observer.id, actor=SYSTEM, now=NOW).id
        return made


def _everything(reader: Reader) -> str:
    """All that could keep what an event says, but for how its calendar does."""
    with transaction(reader.engine, writes=False) as db:
        tables = (call, external_identity, event, calendar_entry)
        return "\n".join(
            repr(tuple(row)) for table in tables for row in db.execute(select(table)) if "busy" not in repr(row)
        )
