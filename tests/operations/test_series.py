"""Series: refused as a whole or told what is left out, changed in one scope for claims, calendars and events alike."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from app.config import Settings
from app.db import DbSession
from app.errors import Stale
from app.ical.write import calendar
from app.models import Person
from app.models.tables import availability, event, installation, job, participant, session
from app.models.tables import calendar_entry as entry
from app.models.tables import series as series_table
from app.operations.availability import replace_busy
from app.operations.installation import installation_id
from app.operations.people import patch_person
from app.operations.refused import MEETING_REFUSALS, OutsideAvailability, Past
from app.operations.series import RecurrenceInvalid, Skipped, book_series
from app.operations.series_changes import cancel, reschedule
from app.operations.session_locks import IllegalMove
from app.operations.sessions import OneOf, UndoOver, undo_cancel
from app.queries.entries import Desk, drawn_entries
from app.queries.sessions import session_by_id, session_with_names
from app.rules.access import SYSTEM
from app.rules.recurrence import Scope, scope
from app.vocabulary import BusyStatus, EntryStatus, JobStatus, Part, Response, SeriesStatus, SessionKind, SessionStatus
from tests.factories import MONDAY, a_person
from tests.harness import NOW
from tests.ical.checker import problems
from tests.ical.reader import shown
from tests.sessions_and_people import HALF, TEN, a_plan, a_session, claimed
from tests.statements import counted
from tests.worlds import worlds

DESK = Desk.of(Settings(_env_file=None))
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)
TUESDAY = TEN + DAY


@pytest.fixture
def mia(db: DbSession) -> Person:
    return a_person(db, "Mia")


@pytest.fixture
def max_(db: DbSession) -> Person:
    return a_person(db, "Max")


def booked(
    db: DbSession, *people: Person, rrule: str = "FREQ=WEEKLY;COUNT=6", on_conflict: Any = "refuse", **fields: Any
) -> tuple[str, list[Skipped]]:
    plan = a_plan(*people, **{"starts_at": TUESDAY, **fields})
    return book_series(db, plan=plan, rrule=rrule, on_conflict=on_conflict, actor=SYSTEM, now=NOW)


def a_series(db: DbSession, *people: Person, **fields: Any) -> list[Any]:
    """Six Tuesdays at ten, unless told otherwise: their sessions."""
    first, _ = booked(db, *people, **fields)
    return sessions_with(db, first)


def sessions_with(db: DbSession, session_id: str) -> list[Any]:
    """All occurrences of the series of this session, in order."""
    of = select(session.c.series_id).where(session.c.id == session_id).scalar_subquery()
    return list(db.execute(select(session).where(session.c.series_id == of).order_by(session.c.occurrence_at)))


def now_of(db: DbSession, rows: list[Any]) -> list[Any]:
    """The same sessions as they are now."""
    found = {row.id: row for row in db.execute(select(session).where(session.c.id.in_([one.id for one in rows])))}
    return [found[one.id] for one in rows]


def starts(db: DbSession, rows: list[Any]) -> list[datetime]:
    return [row.starts_at for row in now_of(db, rows)]


def mails(db: DbSession) -> int:
    return int(
        db.execute(select(func.count()).where(job.c.kind == "invite_mail", job.c.status == "queued")).scalar_one()
    )


def in_calendar(db: DbSession, person: Person) -> list[tuple[datetime, datetime]]:
    """What a reader of calendars finds in all entries of somebody, none of them cancelled."""
    stands = select(entry.c.id).where(entry.c.person_id == person.id, entry.c.status == EntryStatus.CONFIRMED)
    drawn = drawn_entries(db, db.execute(stands).scalars(), desk=DESK)
    content = calendar([one.fragment().content for one in drawn], method=None)
    assert [one for one in problems(content, method=None) if "REFRESH-INTERVAL" not in one] == []
    return shown(content)


def told(db: DbSession) -> Counter[tuple[str, str]]:
    return Counter((row.object_id, row.act) for row in db.execute(select(event)) if row.act.startswith("session."))


def horizon(db: DbSession, days: int) -> None:
    db.execute(update(installation).values(horizon_days=days))


def busy(db: DbSession, person: Person, *starts_at: datetime) -> None:
    taken = [(at, at + HALF, BusyStatus.BUSY) for at in starts_at]
    replace_busy(db, person_id=person.id, source="outlook", intervals=taken, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize(
    ("rrule", "advice"),
    [
        ("FREQ=SECONDLY;COUNT=2", "FREQ must be DAILY, WEEKLY or MONTHLY"),
        ("FREQ=WEEKLY", "either COUNT or UNTIL"),
        ("FREQ=WEEKLY;BYDAY=WE;COUNT=2", "start on 2026-11-25 instead"),
        ("FREQ=WEEKLY;COUNT=52", "end the series by 2027-05-19"),
    ],
)
def test_a_rule_that_cannot_be_planned_says_what_would_work(
    db: DbSession, mia: Person, max_: Person, rrule: str, advice: str
) -> None:
    with pytest.raises(RecurrenceInvalid, match=advice):
        booked(db, mia, max_, rrule=rrule)

    assert db.execute(select(func.count()).select_from(session)).scalar_one() == 0


def test_a_start_that_the_clock_shows_for_the_second_time_is_refused(db: DbSession, mia: Person, max_: Person) -> None:
    second_half_past_one = datetime.fromisoformat("2027-10-31T01:30:00+00:00")
    horizon(db, 700)

    with pytest.raises(RecurrenceInvalid, match="for the second time"):
        booked(db, mia, max_, starts_at=second_half_past_one, rrule="FREQ=DAILY;COUNT=2")


def test_bug_10_every_occurrence_is_checked_and_the_refusal_names_those_in_the_way(
    db: DbSession, mia: Person, max_: Person
) -> None:
    busy(db, max_, TUESDAY + 3 * WEEK, TUESDAY + 4 * WEEK)

    with pytest.raises(MEETING_REFUSALS) as refused:
        booked(db, mia, max_)

    assert refused.value.code == "slot_taken"
    assert refused.value.extra["person_id"] == max_.id
    assert refused.value.extra["blocking_starts_at"] == TUESDAY + 3 * WEEK
    assert refused.value.extra["blocked_occurrences"] == 2
    blocked: Any = refused.value.extra["blocked"]
    assert [one["blocking_starts_at"] for one in blocked] == [TUESDAY + 3 * WEEK, TUESDAY + 4 * WEEK]
    assert (claimed(db, mia), mails(db)) == ([], 0)


def test_with_skip_what_is_left_out_is_returned_and_stays_out_of_calendars(
    db: DbSession, mia: Person, max_: Person
) -> None:
    busy(db, max_, TUESDAY, TUESDAY + 3 * WEEK)

    first, skipped = booked(db, mia, max_, on_conflict="skip")

    assert [(one.starts_at, one.code, one.person_id) for one in skipped] == [
        (TUESDAY, "slot_taken", max_.id),
        (TUESDAY + 3 * WEEK, "slot_taken", max_.id),
    ]
    planned = [TUESDAY + n * WEEK for n in (1, 2, 4, 5)]
    assert starts(db, sessions_with(db, first)) == planned
    assert [begins for begins, _ in in_calendar(db, mia)] == planned


def test_with_skip_a_series_of_which_nothing_is_left_is_refused(db: DbSession, mia: Person, max_: Person) -> None:
    busy(db, mia, TUESDAY, TUESDAY + WEEK)

    with pytest.raises(MEETING_REFUSALS):
        booked(db, mia, max_, rrule="FREQ=WEEKLY;COUNT=2", on_conflict="skip")


def test_bug_11_occurrences_count_towards_the_limits_of_their_own_series(
    db: DbSession, mia: Person, max_: Person
) -> None:
    patch_person(db, person_id=max_.id, changes={"sessions_per_week": 2}, actor=SYSTEM, now=NOW)
    every_day = "FREQ=WEEKLY;BYDAY=TU,WE,TH;COUNT=6"

    with pytest.raises(MEETING_REFUSALS) as refused:
        booked(db, mia, max_, rrule=every_day)
    _, skipped = booked(db, mia, max_, rrule=every_day, on_conflict="skip")

    assert (refused.value.code, refused.value.extra["person_id"]) == ("limit", max_.id)
    assert [one.starts_at for one in skipped] == [TUESDAY + 2 * DAY, TUESDAY + WEEK + 2 * DAY]


def test_a_series_that_moves_counts_anew_against_limits(db: DbSession, mia: Person, max_: Person) -> None:
    patch_person(db, person_id=max_.id, changes={"sessions_per_day": 1}, actor=SYSTEM, now=NOW)
    rows = a_series(db, mia, max_)
    a_session(db, max_, a_person(db, "Tom"), starts_at=TUESDAY + 2 * WEEK + DAY + 2 * HOUR)

    with pytest.raises(MEETING_REFUSALS) as refused:
        reschedule(db, session_id=rows[1].id, starts_at=TUESDAY + WEEK + DAY, which="following", actor=SYSTEM, now=NOW)
    reschedule(db, session_id=rows[1].id, starts_at=TUESDAY + WEEK + HOUR, which="following", actor=SYSTEM, now=NOW)

    assert refused.value.code == "limit"
    assert refused.value.extra["blocked_occurrences"] == 1
    assert starts(db, rows[1:]) == [TUESDAY + n * WEEK + HOUR for n in range(1, 6)]


def test_a_series_is_one_entry_and_one_mail_for_each_and_every_occurrence_takes_time(
    db: DbSession, mia: Person, max_: Person
) -> None:
    rows = a_series(db, mia, max_)

    assert claimed(db, mia) == claimed(db, max_) == [(TUESDAY + n * WEEK, TUESDAY + n * WEEK + HALF) for n in range(6)]
    assert in_calendar(db, mia) == in_calendar(db, max_) == claimed(db, mia)
    assert mails(db) == 2
    assert {row.occurrence_at for row in rows} == {row.starts_at for row in rows}
    assert told(db) == {(row.id, "session.booked"): 1 for row in rows}
    (drawn, _) = drawn_entries(db, db.execute(select(entry.c.id)).scalars(), desk=DESK)
    assert drawn.entry.summary == "1:1: Max & Mia"
    assert not drawn.entry.transparent
    assert drawn.ends_at == TUESDAY + 5 * WEEK + HALF


def test_bug_15_a_series_keeps_its_wall_time_in_summer_and_winter(db: DbSession, mia: Person) -> None:
    horizon(db, 300)
    ann = a_person(db, "Ann", time_zone="America/New_York")

    rows = a_series(
        db, ann, mia, starts_at=MONDAY + DAY + 16 * HOUR, time_zone="America/New_York", rrule="FREQ=WEEKLY;COUNT=20"
    )

    new_york = ZoneInfo("America/New_York")
    assert {f"{row.starts_at.astimezone(new_york):%a %H:%M}" for row in rows} == {"Tue 11:00"}
    assert {row.starts_at.hour for row in rows} == {15, 16}
    assert {row.time_zone for row in rows} == {"America/New_York"}
    assert in_calendar(db, mia) == [(row.starts_at, row.ends_at) for row in rows]


def test_a_series_of_a_year_takes_as_many_statements_as_one_of_two_weeks(
    db: DbSession, engine: Engine, mia: Person, max_: Person
) -> None:
    horizon(db, 400)
    installation_id(db)  # is read once
    with counted(engine) as short:
        booked(db, mia, max_, rrule="FREQ=WEEKLY;COUNT=2")

    with counted(engine) as long:
        first, _ = booked(db, mia, max_, rrule="FREQ=WEEKLY;COUNT=52", starts_at=TUESDAY + HOUR)

    assert len(sessions_with(db, first)) == 52
    assert len(long) == len(short)


def test_whose_turn_it_is_the_first_time_takes_part_every_time(db: DbSession, mia: Person, max_: Person) -> None:
    tom = a_person(db, "Tom")
    busy(db, max_, TUESDAY)

    rows = a_series(
        db, mia, kind=SessionKind.ONE_ON_ONE, one_of=OneOf(Part.MENTOR, [max_.id, tom.id]), rrule="FREQ=WEEKLY;COUNT=3"
    )

    assert claimed(db, tom) == claimed(db, mia) == [(row.starts_at, row.ends_at) for row in rows]
    assert claimed(db, max_) == []


def test_one_occurrence_moves_alone_and_calendars_show_it_elsewhere(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)

    reschedule(db, session_id=rows[2].id, starts_at=TUESDAY + 2 * WEEK + DAY, which="this", actor=SYSTEM, now=NOW)

    after = [TUESDAY + n * WEEK + (DAY if n == 2 else 0 * DAY) for n in range(6)]
    assert starts(db, rows) == after
    assert now_of(db, rows)[2].occurrence_at == TUESDAY + 2 * WEEK
    assert [begins for begins, _ in in_calendar(db, mia)] == after
    assert mails(db) == 2  # the two that wait already tell the last revision
    assert {row.sequence for row in db.execute(select(entry))} == {1}


def test_bug_12_this_and_following_leaves_what_comes_before_alone(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    later = DAY + HOUR

    reschedule(
        db,
        session_id=rows[3].id,
        starts_at=TUESDAY + 3 * WEEK + later,
        duration_minutes=60,
        which="following",
        actor=SYSTEM,
        now=NOW,
    )

    assert now_of(db, rows)[:3] == rows[:3]
    assert starts(db, rows[3:]) == [TUESDAY + n * WEEK + later for n in (3, 4, 5)]
    assert claimed(db, mia) == in_calendar(db, mia) == [(row.starts_at, row.ends_at) for row in now_of(db, rows)]
    assert {row.ends_at - row.starts_at for row in now_of(db, rows)[3:]} == {HOUR}
    moved = {row.id for row in rows[3:]}
    assert {key for key, act in told(db) if act == "session.moved"} == moved
    old, new = db.execute(select(series_table).order_by(series_table.c.local_start)).all()
    assert (old.rrule, old.sequence) == ("FREQ=WEEKLY;UNTIL=20261208T100000Z", 1)
    assert (new.rrule, new.local_start, new.sequence) == ("FREQ=WEEKLY;COUNT=3", "2026-12-16T11:00:00", 0)
    assert mails(db) == 4  # each of two people: the old event ends, a new one begins


def test_bug_13_a_cancelled_occurrence_stays_away_whatever_happens_to_its_series(
    db: DbSession, mia: Person, max_: Person
) -> None:
    rows = a_series(db, mia, max_)
    cancel(db, session_id=rows[4].id, which="this", actor=SYSTEM, now=NOW)

    reschedule(db, session_id=rows[0].id, starts_at=TUESDAY + HOUR, which="all", actor=SYSTEM, now=NOW)
    reschedule(db, session_id=rows[2].id, starts_at=TUESDAY + 2 * WEEK + DAY, which="following", actor=SYSTEM, now=NOW)

    after = [TUESDAY + n * WEEK + (HOUR if n < 2 else DAY) for n in (0, 1, 2, 3, 5)]
    assert now_of(db, rows)[4].status is SessionStatus.CANCELLED
    assert [begins for begins, _ in claimed(db, mia)] == after
    assert [begins for begins, _ in in_calendar(db, mia)] == after


def test_bug_14_cancelling_a_series_is_one_message_to_each(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    sent(db)

    cancel(db, session_id=rows[3].id, which="all", actor=SYSTEM, now=NOW)
    cancel(db, session_id=rows[3].id, which="all", actor=SYSTEM, now=NOW)

    assert mails(db) == 2
    assert {(row.status, row.sequence) for row in db.execute(select(entry))} == {(EntryStatus.CANCELLED, 1)}
    assert {row.status for row in now_of(db, rows)} == {SessionStatus.CANCELLED}
    assert claimed(db, mia) == claimed(db, max_) == []
    assert db.execute(select(series_table.c.status)).scalar_one() is SeriesStatus.CANCELLED
    assert {(key, act) for key, act in told(db) if act == "session.cancelled"} == {
        (row.id, "session.cancelled") for row in rows
    }


def test_cancelling_this_and_following_ends_the_series_before_it(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    sent(db)

    cancel(db, session_id=rows[2].id, which="following", actor=SYSTEM, now=NOW)

    assert claimed(db, mia) == in_calendar(db, mia) == [(row.starts_at, row.ends_at) for row in rows[:2]]
    assert now_of(db, rows)[:2] == rows[:2]
    assert mails(db) == 2
    assert {row.ends_at for row in db.execute(select(entry))} == {rows[1].ends_at}


def test_what_has_happened_stays_where_all_move(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    later = rows[1].ends_at

    reschedule(db, session_id=rows[4].id, starts_at=TUESDAY + 4 * WEEK + HOUR, which="all", actor=SYSTEM, now=later)

    assert now_of(db, rows)[:2] == rows[:2]
    assert starts(db, rows[2:]) == [TUESDAY + n * WEEK + HOUR for n in range(2, 6)]
    assert in_calendar(db, mia) == [(row.starts_at, row.ends_at) for row in now_of(db, rows)]


def test_all_of_a_series_that_has_not_begun_move_as_the_same_event(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    reschedule(db, session_id=rows[2].id, starts_at=TUESDAY + 2 * WEEK + DAY, which="this", actor=SYSTEM, now=NOW)
    db.execute(update(participant).values(response=Response.ACCEPTED))

    reschedule(db, session_id=rows[1].id, starts_at=TUESDAY + WEEK + HALF / 2, which="all", actor=SYSTEM, now=NOW)

    assert starts(db, rows) == [TUESDAY + n * WEEK + HALF / 2 for n in range(6)]  # over their old times
    assert in_calendar(db, max_) == claimed(db, max_) == [(row.starts_at, row.ends_at) for row in now_of(db, rows)]
    assert {row.sequence for row in db.execute(select(entry))} == {2}
    assert {row.series_id for row in now_of(db, rows)} == {rows[0].series_id}
    assert set(db.execute(select(participant.c.response)).scalars()) == {Response.NEEDS_ACTION}


def test_a_series_that_cannot_move_as_a_whole_does_not_move_at_all(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    busy(db, mia, TUESDAY + 4 * WEEK + HOUR)

    with pytest.raises(MEETING_REFUSALS) as refused:
        reschedule(db, session_id=rows[1].id, starts_at=TUESDAY + WEEK + HOUR, which="following", actor=SYSTEM, now=NOW)

    assert refused.value.extra["blocking_starts_at"] == TUESDAY + 4 * WEEK + HOUR
    assert now_of(db, rows) == rows


def test_the_second_tuesday_of_a_month_does_not_become_a_wednesday(db: DbSession, mia: Person, max_: Person) -> None:
    horizon(db, 400)
    rows = a_series(db, mia, max_, rrule="FREQ=MONTHLY;BYDAY=4TU;COUNT=12")

    with pytest.raises(RecurrenceInvalid, match="book a new series"):
        reschedule(db, session_id=rows[0].id, starts_at=TUESDAY + DAY, which="all", actor=SYSTEM, now=NOW)


def test_to_where_it_is_already_nothing_moves(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)

    reschedule(db, session_id=rows[1].id, starts_at=TUESDAY + WEEK, which="following", actor=SYSTEM, now=NOW)

    assert now_of(db, rows) == rows


def test_what_is_over_or_was_cancelled_moves_nothing(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    cancel(db, session_id=rows[3].id, which="this", actor=SYSTEM, now=NOW)

    with pytest.raises(IllegalMove):
        reschedule(db, session_id=rows[3].id, starts_at=TEN + 5 * WEEK, which="all", actor=SYSTEM, now=NOW)
    with pytest.raises(Past):
        reschedule(db, session_id=rows[0].id, starts_at=TEN + 5 * WEEK, which="all", actor=SYSTEM, now=rows[0].ends_at)
    with pytest.raises(Stale):
        cancel(db, session_id=rows[1].id, which="all", expected_version=7, actor=SYSTEM, now=NOW)


def test_an_occurrence_that_is_put_on_again_is_back_in_calendars(db: DbSession, mia: Person, max_: Person) -> None:
    rows = a_series(db, mia, max_)
    cancel(db, session_id=rows[4].id, which="following", actor=SYSTEM, now=NOW)
    for one in (1, 2):
        cancel(db, session_id=rows[one].id, which="this", actor=SYSTEM, now=NOW)

    undo_cancel(db, session_id=rows[1].id, actor=SYSTEM, now=NOW + timedelta(seconds=5))

    assert in_calendar(db, mia) == claimed(db, mia) == [(rows[n].starts_at, rows[n].ends_at) for n in (0, 1, 3)]
    with pytest.raises(UndoOver):  # it was cancelled together with another
        undo_cancel(db, session_id=rows[4].id, actor=SYSTEM, now=NOW)
    reschedule(db, session_id=rows[0].id, starts_at=TUESDAY + HOUR, which="all", actor=SYSTEM, now=NOW)
    with pytest.raises(UndoOver):  # its series has moved since
        undo_cancel(db, session_id=rows[2].id, actor=SYSTEM, now=NOW)


def test_a_series_does_not_move_to_when_the_clock_shows_a_time_for_the_second_time(db: DbSession) -> None:
    ana, bo = (a_person(db, name, time_zone="Australia/Sydney") for name in ("Ana", "Bo"))
    db.execute(update(availability).values(weekly=[[day, 0, 1440] for day in range(1, 8)]))
    one_at_night = datetime(2027, 3, 27, 14, tzinfo=UTC)
    fields = {"starts_at": one_at_night, "time_zone": "Australia/Sydney", "rrule": "FREQ=WEEKLY;COUNT=2"}
    rows = a_series(db, ana, bo, **fields)
    half_past_two_again = datetime(2027, 4, 3, 16, 30, tzinfo=UTC)
    given: dict[str, Any] = {"session_id": rows[1].id, "which": "following", "actor": SYSTEM, "now": NOW}

    with pytest.raises(RecurrenceInvalid):
        reschedule(db, starts_at=half_past_two_again, **given)
    reschedule(db, starts_at=half_past_two_again - HOUR, **given)

    assert starts(db, rows) == [one_at_night, half_past_two_again - HOUR]


def test_a_single_session_takes_any_scope(db: DbSession, mia: Person, max_: Person) -> None:
    alone = a_session(db, mia, max_)

    reschedule(db, session_id=alone, starts_at=TEN + HOUR, which="all", actor=SYSTEM, now=NOW)
    cancel(db, session_id=alone, which="following", actor=SYSTEM, now=NOW)

    assert claimed(db, mia) == []
    (row,) = db.execute(select(session)).all()
    assert (row.status, row.starts_at) == (SessionStatus.CANCELLED, TEN + HOUR)


@settings(max_examples=worlds(25))
@given(
    rrule=st.sampled_from(["FREQ=WEEKLY;COUNT=6", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=6", "FREQ=DAILY;INTERVAL=14;COUNT=6"]),
    acts=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(get_args(Scope)),
            st.none() | st.integers(-2, 8).map(lambda quarters: quarters * HALF / 2),
            st.sampled_from([0, 0, 1, -1]).map(lambda days: days * DAY),
        ),
        max_size=5,
    ),
    weeks_gone=st.integers(0, 2),
)
def test_whatever_is_done_to_a_series_time_taken_sessions_and_calendars_agree(
    db: DbSession, rrule: str, acts: list[tuple[int, Scope, timedelta | None, timedelta]], weeks_gone: int
) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    rows = a_series(db, mia, max_, rrule=rrule)
    later = NOW + weeks_gone * WEEK
    gone = set()

    for number, which, by, days in acts:
        before = now_of(db, rows)
        one = before[number]
        with suppress(*MEETING_REFUSALS, RecurrenceInvalid, IllegalMove, Past):
            if by is None:
                cancel(db, session_id=one.id, which=which, actor=SYSTEM, now=later)
            else:
                to = one.starts_at + days + by
                reschedule(db, session_id=one.id, starts_at=to, which=which, actor=SYSTEM, now=later)
        after = now_of(db, rows)
        gone |= {row.id for row in after if row.status is SessionStatus.CANCELLED}
        touched = {new.id for old, new in zip(before, after, strict=True) if old != new}
        about = scope([row.occurrence_at for row in before], one.occurrence_at, which)
        assert touched <= {row.id for row in before if row.occurrence_at in about} | gone
        assert {row.id for row in after if row.status is SessionStatus.CANCELLED} == gone
        assert [old for old in before if old.ends_at <= later] == [
            new for new in after if new.id in {old.id for old in before if old.ends_at <= later}
        ]
        standing = sorted((row.starts_at, row.ends_at) for row in after if row.id not in gone)
        assert claimed(db, mia) == claimed(db, max_) == standing
        assert in_calendar(db, mia) == in_calendar(db, max_) == standing


def sent(db: DbSession) -> None:
    """Say that mail has told all revisions."""
    db.execute(update(entry).values(mailing_sequence=entry.c.sequence, mailed_sequence=entry.c.sequence))
    db.execute(update(job).values(status=JobStatus.DONE))


def test_outside_working_hours_the_gap_is_told_as_for_a_single_session(
    db: DbSession, mia: Person, max_: Person
) -> None:
    late = TEN + DAY + 12 * HOUR

    with pytest.raises(OutsideAvailability) as single:
        a_session(db, mia, max_, starts_at=late)
    with pytest.raises(OutsideAvailability) as refused:
        booked(db, mia, max_, starts_at=late, rrule="FREQ=WEEKLY;COUNT=2")

    gap = {"blocking_starts_at": late - 5 * HOUR, "blocking_ends_at": late + 11 * HOUR}
    for told in (single.value.extra, refused.value.extra):
        assert {name: told[name] for name in gap} == gap
    blocked: Any = refused.value.extra["blocked"]
    assert [one["blocking_ends_at"] for one in blocked] == [late + 11 * HOUR, late + WEEK + 11 * HOUR]


def test_an_occurrence_has_the_uid_and_sequence_of_its_series_wherever_it_is_read(
    db: DbSession, mia: Person, max_: Person
) -> None:
    first = a_series(db, mia, max_)[0]

    read, named = (one(db, first.id, actor=SYSTEM) for one in (session_by_id, session_with_names))

    assert (named.uid, named.sequence) == (read.uid, read.sequence)
    assert named.uid != first.uid
