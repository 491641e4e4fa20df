"""Calendars at an address: what goes wrong on the way, and that what was read last still counts."""

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from structlog.testing import capture_logs

from app.db import transaction, written
from app.models.tables import connected_calendar, event, idempotency_record, installation, job, person
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from app.rules.refreshing import EVERY
from app.vocabulary import BusyStatus, CalendarHealth, CalendarKind, PersonStatus
from tests.adapters.caldav_servers import PASSWORD, USER, radicale
from tests.adapters.web_server import Asked, Reply, WebServer, answer
from tests.calendars_outside import Reader, a_reader, an_hour
from tests.harness import NOW, FakeClock
from tests.ical.foreign_calendars import a_calendar, an_event

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
GOOD = a_calendar(an_hour("1"))
BUSY = [(NINE, NINE + HOUR)]


@pytest.fixture
def reader(engine: Engine, clock: FakeClock, tmp_path: Path) -> Iterator[Reader]:
    with a_reader(engine, clock, tmp_path) as made:
        yield made


class Turns:
    """Answers differently from one request to the next, the last way for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def __call__(self, asked: Asked) -> Iterable[bytes]:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(asked)


def at(server: WebServer, path: str = "/secret-canary/mara.ics") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def good(*headers: str) -> Reply:
    return answer(200, *headers, body=GOOD)


WRONG = {
    "not there": (answer(404), "no calendar at this address (404)", DAY),
    "not allowed": (answer(401), "another user name or password (401)", DAY),
    "forbidden": (answer(403), "(403)", DAY),
    "gone": (answer(410), "gone for good (410)", DAY),
    "too often": (answer(429, "Retry-After: 7200"), "asked less often (429)", 2 * HOUR),
    "down": (answer(503, "Retry-After: 60"), "503", 5 * MINUTE),
    "a page": (answer(body=b"<!DOCTYPE html><title>Sign in</title>"), "This is no calendar", 5 * MINUTE),
    "cut off": (answer(body=GOOD[:-16]), "ends before its END:VCALENDAR", 5 * MINUTE),
    "empty": (answer(body=b""), "This is no calendar", 5 * MINUTE),
    "hangs up": (lambda _: [b"HTTP/1.1 200 OK\r\nContent-Le"], "not a whole", 5 * MINUTE),
    "gzip bomb": (
        answer(200, "Content-Encoding: gzip", body=gzip.compress(bytes(64 << 20), 1)),
        "larger than 5 MB",
        5 * MINUTE,
    ),
    "gzip bomb as a file": (answer(body=gzip.compress(bytes(64 << 20), 1)), "larger than 5 MB", 5 * MINUTE),
    "every second": (
        answer(body=a_calendar(an_hour("2", "RRULE:FREQ=SECONDLY"))),
        "repeats every minute or second",
        5 * MINUTE,
    ),
}


@pytest.mark.parametrize(("reply", "words", "rests"), WRONG.values(), ids=WRONG)
def test_a_calendar_that_becomes_unreadable_keeps_what_was_read_last_and_says_why(
    reply: Reply, words: str, rests: timedelta, reader: Reader
) -> None:
    with WebServer(Turns(good(), reply), hangs_up=True) as server:
        calendar_id = reader.connect(at(server))
        reader.read(calendar_id)
        reader.later(EVERY)
        found = reader.read(calendar_id)

    assert found.health is CalendarHealth.DEGRADED
    assert words in found.why
    assert "canary" not in found.why
    assert (found.failures, found.read_at, found.checked_at) == (1, NOW, NOW + EVERY)
    assert reader.busy() == BUSY
    assert 0.8 * rests <= found.due_at - reader.clock() <= 1.2 * rests


def test_fifty_mebibytes_are_not_read_to_their_end(reader: Reader) -> None:
    def endless(_: Asked) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\nBEGIN:VCALENDAR\r\n"
        for _number in range(800):
            yield b"X" * 65536

    with WebServer(endless) as server:
        found = reader.read(reader.connect(at(server)))
        assert server.sent < 16 << 20

    assert (found.health, found.why) == (CalendarHealth.DEGRADED, "The calendar is larger than 5 MB.")


def test_a_server_that_says_nothing_is_left_after_a_while(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.calendars.SECONDS", 0.5)
    with WebServer(answer(), deaf=True) as server:
        found = reader.read(reader.connect(at(server)))

    assert found.health is CalendarHealth.DEGRADED
    assert "No whole answer" in found.why


def test_a_redirect_to_a_private_address_is_not_followed(engine: Engine, clock: FakeClock, tmp_path: Path) -> None:
    with (
        WebServer(good(), host="127.0.0.2") as canary,
        a_reader(engine, clock, tmp_path, allowed="127.0.0.1/32") as reader,
    ):
        to = f"Location: http://127.0.0.2:{canary.port}/mara.ics"
        with WebServer(answer(302, to)) as server:
            found = reader.read(reader.connect(at(server)))

        assert canary.connections == 0
    assert "not on the public internet" in found.why
    assert found.due_at - clock() >= 0.8 * DAY


def test_a_redirect_elsewhere_takes_no_password_along(engine: Engine, clock: FakeClock, tmp_path: Path) -> None:
    with WebServer(good()) as other, a_reader(engine, clock, tmp_path) as reader:
        with WebServer(answer(301, f"Location: {at(other)}")) as server:
            found = reader.read(reader.connect(at(server), username="mara", password="canary-pass"))

        assert "authorization" in server.asked[0].headers
        assert "authorization" not in other.asked[0].headers
    assert found.health is CalendarHealth.OK


def test_failures_in_a_row_are_further_and_further_apart_until_one_works(reader: Reader) -> None:
    with WebServer(Turns(*[answer(500)] * 9, good())) as server:
        calendar_id = reader.connect(at(server))
        rests = []
        for _ in range(9):
            found = reader.read(calendar_id)
            rests.append((found.due_at - reader.clock()) / MINUTE)
            reader.clock.at = found.due_at
        well = reader.read(calendar_id)

    assert [4 <= rests[0] <= 6, 8 <= rests[1] <= 12, 16 <= rests[2] <= 24] == [True] * 3
    assert 192 <= rests[-1] <= 288
    assert (well.health, well.why, well.failures) == (CalendarHealth.OK, None, 0)
    assert 12 <= (well.due_at - reader.clock()) / MINUTE <= 18
    assert reader.busy() == BUSY


def test_what_did_not_change_is_neither_sent_nor_written_again(reader: Reader) -> None:
    with WebServer(Turns(good('ETag: "one"'), answer(304, body=b""))) as server:
        calendar_id = reader.connect(at(server))
        first = reader.read(calendar_id)
        before = _busy_replaced(reader)
        reader.later(EVERY)
        second = reader.read(calendar_id)

        assert [one.headers.get("if-none-match") for one in server.asked] == [None, '"one"']
    assert (first.etag, second.etag, second.health) == ('"one"', '"one"', CalendarHealth.OK)
    assert _busy_replaced(reader) == before == 1


def test_the_next_day_it_is_read_again_for_another_window(reader: Reader) -> None:
    daily = a_calendar(an_hour("1", "RRULE:FREQ=DAILY"))
    with WebServer(answer(200, 'ETag: "one"', body=daily)) as server:
        calendar_id = reader.connect(at(server))
        reader.read(calendar_id)
        last = reader.busy()[-1]
        reader.later(DAY)
        reader.read(calendar_id)

        assert [one.headers.get("if-none-match") for one in server.asked] == [None, None]
    assert reader.busy()[-1] == (last[0] + DAY, last[1] + DAY)
    assert reader.busy()[0][0] >= NINE


def test_who_moves_has_their_calendar_read_in_full_for_whole_days_are_where_they_are(reader: Reader) -> None:
    day_off = a_calendar(an_event(start="DTSTART;VALUE=DATE:20261124", end=""))
    with WebServer(answer(200, 'ETag: "one"', body=day_off)) as server:
        calendar_id = reader.connect(at(server))
        reader.read(calendar_id)
        in_berlin = reader.busy()
        reader.later(EVERY)
        moved = {"time_zone": "America/New_York"}
        by: dict[str, Any] = {"actor": SYSTEM, "now": reader.clock()}
        written(reader.engine, lambda db: patch_person(db, person_id=reader.mara.id, changes=moved, **by))
        reader.read(calendar_id)

        assert [one.headers.get("if-none-match") for one in server.asked] == [None, None]
    assert reader.busy() == [(start + 6 * HOUR, end + 6 * HOUR) for start, end in in_berlin] != []


def test_the_same_bytes_without_a_tag_change_nothing(reader: Reader) -> None:
    with WebServer(good()) as server:
        calendar_id = reader.connect(at(server))
        reader.read(calendar_id)
        reader.later(EVERY)
        found = reader.read(calendar_id)

    assert (found.checked_at, found.read_at) == (NOW + EVERY, NOW)
    assert _busy_replaced(reader) == 1


def test_what_stands_in_the_calendar_takes_time_as_firmly_as_it_says(reader: Reader) -> None:
    content = a_calendar(
        an_hour("1"),
        an_event(start="DTSTART:20261123T093000Z", end="DTEND:20261123T103000Z", uid="2"),
        an_hour("3", "TRANSP:TRANSPARENT", start="DTSTART:20261123T120000Z"),
        an_hour("4", "STATUS:CANCELLED", start="DTSTART:20261123T130000Z"),
        an_hour("5", "STATUS:TENTATIVE", start="DTSTART:20261123T140000Z"),
        an_hour("6", "ATTENDEE;PARTSTAT=DECLINED:mailto:MARA@earshot.example", start="DTSTART:20261123T150000Z"),
        an_event(start="DTSTART;VALUE=DATE:20261124", end="", uid="7"),
    )
    with WebServer(answer(body=content)) as server:
        reader.read(reader.connect(at(server)))

    midnight_in_berlin = datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert reader.taken() == [
        (NINE, NINE + 1.5 * HOUR, BusyStatus.BUSY),
        (NINE + 5 * HOUR, NINE + 6 * HOUR, BusyStatus.TENTATIVE),
        (midnight_in_berlin, midnight_in_berlin + DAY, BusyStatus.BUSY),
    ]


def test_a_weekly_hour_keeps_its_wall_time_when_the_clock_changes(reader: Reader) -> None:
    reader.clock.at = datetime(2027, 3, 20, 9, tzinfo=UTC)
    start = "DTSTART;TZID=Europe/Berlin:20270322T090000"
    with WebServer(answer(body=a_calendar(an_hour("1", "RRULE:FREQ=WEEKLY;COUNT=2", start=start)))) as server:
        reader.read(reader.connect(at(server)))

    before, after = (begins for begins, _ in reader.busy())
    assert (before, after) == (datetime(2027, 3, 22, 8, tzinfo=UTC), datetime(2027, 3, 29, 7, tzinfo=UTC))


def test_our_own_events_are_in_nobodys_way(reader: Reader) -> None:
    with transaction(reader.engine, writes=False) as db:
        ours = db.execute(select(installation.c.id)).scalar_one()
    with WebServer(
        answer(body=a_calendar(an_hour(f"ses_1@{ours}"), an_hour("theirs@x", start="DTSTART:20261123T110000Z")))
    ) as server:
        reader.read(reader.connect(at(server)))

    assert reader.busy() == [(NINE + 2 * HOUR, NINE + 3 * HOUR)]


@pytest.mark.parametrize(
    "organizer",
    [
        "ORGANIZER;CN=Earshot:MAILTO:Earshot@earshot.example",
        "ORGANIZER;EMAIL=earshot@earshot.example:/aMTc0NzY1NDM/principal/",
        "ORGANIZER:mailto:replies@earshot.example",
    ],
)
def test_what_we_organize_does_not_count_under_whatever_uid(reader: Reader, organizer: str) -> None:
    reader.settings = reader.settings.model_copy(update={"reply_to": "replies@earshot.example"})
    ours = an_hour("040000008200E00074C5B7101A82E008", organizer, "RRULE:FREQ=DAILY;COUNT=2")
    moved = an_hour(
        "040000008200E00074C5B7101A82E008", "RECURRENCE-ID:20261124T090000Z", start="DTSTART:20261124T100000Z"
    )
    theirs = an_hour("2", "ORGANIZER:mailto:earshot@customer.example", start="DTSTART:20261123T110000Z")
    with WebServer(answer(body=a_calendar(ours, moved, theirs))) as server:
        reader.read(reader.connect(at(server)))

    assert reader.busy() == [(NINE + 2 * HOUR, NINE + 3 * HOUR)]


def test_the_same_bytes_are_read_again_when_other_events_are_ours(reader: Reader) -> None:
    organized = an_hour("1", "ORGANIZER:mailto:sales@earshot.example")
    with WebServer(answer(body=a_calendar(organized))) as server:
        calendar_id = reader.connect(at(server))
        reader.read(calendar_id)
        before = reader.busy()
        reader.settings = reader.settings.model_copy(update={"mail_from": "sales@earshot.example"})
        reader.read(calendar_id)

    assert (before, reader.busy()) == (BUSY, [])


def test_the_sweep_has_each_read_once_when_it_is_due(reader: Reader) -> None:
    with WebServer(good()) as server:
        reader.connect(at(server))
        first = reader.sweep()
        reader.later(20 * MINUTE)
        due, again = reader.sweep(), reader.sweep()
        reader.later(20 * MINUTE)

        assert (first, due, again, reader.sweep()) == (0, 1, 0, 1)


def test_a_clock_that_was_ahead_for_a_day_keeps_no_calendar_unread(reader: Reader) -> None:
    with WebServer(good()) as server:
        calendar_id = reader.connect(at(server))
        reader.later(DAY)
        reader.read(calendar_id)
        reader.clock.at = NOW + MINUTE

        assert reader.sweep() == 1
        assert reader.row(calendar_id).due_at <= NOW + HOUR


def test_nobody_reads_the_calendar_of_who_has_left_or_one_that_is_gone(reader: Reader) -> None:
    with WebServer(good()) as server:
        calendar_id = reader.connect(at(server))
        with transaction(reader.engine, writes=True) as db:
            db.execute(update(person).where(person.c.id == reader.mara.id).values(status=PersonStatus.LEFT))
        reader.later(DAY)

        assert reader.sweep() == 0
        reader.read(calendar_id)
        reader.read("cal_none")
        assert server.connections == 0


def test_what_opens_a_calendar_is_in_no_log_job_or_event(reader: Reader) -> None:
    with WebServer(Turns(good(), answer(500), answer(body=b"<html>"))) as server, capture_logs() as logs:
        calendar_id = reader.connect(at(server), username="canary-user", password="canary-pass")
        for _ in range(3):
            reader.read(calendar_id)
            reader.later(EVERY)
    with transaction(reader.engine, writes=False) as db:
        kept = [repr(tuple(row)) for table in (job, event, idempotency_record) for row in db.execute(select(table))]
        row = db.execute(select(connected_calendar.c.why)).scalar_one()

    assert "canary" not in json.dumps(logs, default=str)
    assert "canary" not in "".join(kept) + str(row)


def test_a_caldav_account_is_read_and_read_again(reader: Reader, tmp_path: Path) -> None:
    with radicale(tmp_path) as dav:
        work = dav.make("work")
        dav.put(work, "1", GOOD)
        opened: dict[str, Any] = {"kind": CalendarKind.CALDAV, "username": USER, "password": PASSWORD}
        calendar_id = reader.connect(f"{dav.url}{dav.home}", **opened)
        first, busy = reader.read(calendar_id), reader.busy()
        dav.put(work, "2", a_calendar(an_hour("2", start="DTSTART:20261123T120000Z")))
        reader.later(EVERY)
        reader.read(calendar_id)
        later = reader.busy()
    reader.later(EVERY)
    down = reader.read(calendar_id)

    assert (first.health, busy) == (CalendarHealth.OK, BUSY)
    assert later == reader.busy() == [*BUSY, (NINE + 3 * HOUR, NINE + 4 * HOUR)]
    assert (down.health, down.failures) == (CalendarHealth.DEGRADED, 1)


def _busy_replaced(reader: Reader) -> int:
    with transaction(reader.engine, writes=False) as db:
        return len(db.execute(select(event.c.id).where(event.c.act == "busy.replaced")).all())
