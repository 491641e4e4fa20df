"""Mails about sessions without a call and about series: who hears what, once for each act."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models.tables import person, session
from app.operations.series import book_series
from app.operations.series_changes import cancel, reschedule
from app.operations.sessions import book_session, cancel_session, reschedule_session, undo_cancel
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Role
from app.worker import Worker
from tests.factories import MONDAY, a_person
from tests.ical.checker import events_of, parse, problems
from tests.ical.reader import shown
from tests.jobs.house import House, calendar_of, subject_of, to, words_of
from tests.sessions_and_people import HALF, a_plan

WEEK, DAY = timedelta(days=7), timedelta(days=1)
FOUR = MONDAY + timedelta(hours=16)
AISHA, MARA = "aisha@earshot.example", "mara@earshot.example"


@pytest.fixture
def session_id(house: House) -> str:
    """Aisha, in Phoenix, meets Mara, in London, on Monday at 16:00 UTC; nothing is mailed yet."""
    with transaction(house.engine, writes=True) as db:
        people = a_person(db, "Aisha", email=AISHA, time_zone="America/Phoenix"), a_person(db, "Mara", email=MARA)
        return book_session(db, plan=a_plan(*people, starts_at=FOUR), actor=SYSTEM, now=house.clock())


@pytest.fixture
def weekly(house: House) -> list[str]:
    """They meet on six Mondays, and both have been invited."""
    with transaction(house.engine, writes=True) as db:
        people = a_person(db, "Aisha", email=AISHA, time_zone="America/Phoenix"), a_person(db, "Mara", email=MARA)
        plan, rrule = a_plan(*people, starts_at=FOUR), "FREQ=WEEKLY;COUNT=6"
        book_series(db, plan=plan, rrule=rrule, on_conflict="refuse", actor=SYSTEM, now=house.clock())
        found = list(db.execute(select(session.c.id).order_by(session.c.starts_at)).scalars())
    house.work()
    return found


def cancel_one(house: House, session_id: str) -> None:
    with transaction(house.engine, writes=True) as db:
        cancel_session(db, session_id=session_id, actor=SYSTEM, now=house.clock())


def run_due(house: House) -> None:
    worker = Worker(house.engine, house.settings, house.clock)
    while worker.run_one():
        pass


def shown_to(house: House, address: str) -> list[datetime]:
    """When the calendar of the last mail to somebody says that they meet."""
    return [starts_at for starts_at, _ in shown(calendar_of(to(house, address)[-1]))]


def test_a_session_that_is_put_on_again_at_once_was_never_off_for_anybody(house: House, session_id: str) -> None:
    run_due(house)
    cancel_one(house, session_id)
    run_due(house)

    house.clock.advance(timedelta(seconds=10))
    with transaction(house.engine, writes=True) as db:
        undo_cancel(db, session_id=session_id, actor=SYSTEM, now=house.clock())
    house.clock.advance(timedelta(minutes=1))
    run_due(house)

    assert [len(to(house, who)) for who in (AISHA, MARA)] == [1, 1]


def test_a_cancel_waits_until_it_cannot_be_undone_and_tells_each_once(house: House, session_id: str) -> None:
    run_due(house)
    cancel_one(house, session_id)

    house.clock.advance(timedelta(seconds=14))
    run_due(house)
    early = [len(to(house, who)) for who in (AISHA, MARA)]
    house.clock.advance(timedelta(seconds=1))
    run_due(house)

    assert early == [1, 1]
    assert [len(to(house, who)) for who in (AISHA, MARA)] == [2, 2]
    mail = to(house, AISHA)[-1]
    assert problems(calendar_of(mail), method="CANCEL", recipient=AISHA) == []
    assert subject_of(mail) == "Cancelled: 1:1: Aisha & Mara"
    assert "This one is off: your time is free again." in words_of(mail, "text/plain")


def test_both_are_invited_to_a_session_and_it_blocks_their_time(house: House, session_id: str) -> None:
    house.work()

    for who in (AISHA, MARA):
        (mail,) = to(house, who)
        calendar = calendar_of(mail)
        assert problems(calendar, method="REQUEST", recipient=who) == []
        (event,) = events_of(parse(calendar))
        assert event.value("UID") is not None
        assert str(event.value("UID")).startswith(session_id)
        assert (event.value("SUMMARY"), event.value("TRANSP")) == ("1:1: Aisha & Mara", "OPAQUE")
        assert {line.value for line in event.all("ATTENDEE")} == {f"mailto:{AISHA}", f"mailto:{MARA}"}
        assert str(event.value("URL")).endswith(f"/s/{session_id}")
        assert subject_of(mail) == "1:1: Aisha & Mara"
    words = words_of(to(house, AISHA)[0], "text/plain")
    assert "You have a new session." in words
    assert "Monday 23 November 2026, 09:00–09:30 (America/Phoenix)" in words


def test_a_session_that_moves_is_the_same_event_at_another_time(house: House, session_id: str) -> None:
    house.work()
    with transaction(house.engine, writes=True) as db:
        reschedule_session(db, session_id=session_id, starts_at=FOUR + HALF, actor=SYSTEM, now=house.clock())

    house.work()

    first, second = (events_of(parse(calendar_of(mail)))[0] for mail in to(house, MARA))
    assert first.value("UID") == second.value("UID")
    assert (second.value("SEQUENCE"), second.value("DTSTART")) == ("1", "20261123T163000Z")
    assert "This session has changed." in words_of(to(house, MARA)[-1], "text/plain")


def test_a_series_is_one_invitation_with_every_occurrence(house: House, weekly: list[str]) -> None:
    for who in (AISHA, MARA):
        (mail,) = to(house, who)
        assert problems(calendar_of(mail), method="REQUEST", recipient=who) == []
        assert shown_to(house, who) == [FOUR + n * WEEK for n in range(6)]
    words = words_of(to(house, MARA)[0], "text/plain")
    assert "You have a new series of sessions." in words
    assert "First: Monday 23 November 2026, 16:00–16:30 (Europe/London)\r\nLast: Monday 28 December 2026" in words


def test_an_occurrence_that_moves_and_one_that_is_off_are_named(house: House, weekly: list[str]) -> None:
    with transaction(house.engine, writes=True) as db:
        moved_to = FOUR + WEEK + DAY + HALF / 2
        reschedule(db, session_id=weekly[1], starts_at=moved_to, which="this", actor=SYSTEM, now=house.clock())
        cancel(db, session_id=weekly[2], which="this", actor=SYSTEM, now=house.clock())

    house.work()

    mail = to(house, MARA)[-1]
    assert len(to(house, MARA)) == 2
    assert problems(calendar_of(mail), method="REQUEST", recipient=MARA) == []
    assert shown_to(house, MARA) == [FOUR, moved_to, *(FOUR + n * WEEK for n in (3, 4, 5))]
    words = words_of(mail, "text/plain")
    assert "Monday 30 November 2026 is now Tuesday 1 December 2026, 16:15–16:45" in words
    assert "Not on Monday 7 December 2026" in words
    assert "<br>Not on Monday 7 December 2026" in words_of(mail, "text/html")


def test_of_a_series_nothing_is_mailed_while_a_cancel_in_it_can_be_undone(house: House, weekly: list[str]) -> None:
    cancel_one(house, weekly[1])

    house.clock.advance(timedelta(seconds=14))
    run_due(house)
    early = len(to(house, MARA))
    house.clock.advance(timedelta(seconds=1))
    run_due(house)

    assert (early, len(to(house, MARA))) == (1, 2)


def test_bug_14_a_cancelled_series_is_one_mail_to_each(house: House, weekly: list[str]) -> None:
    with transaction(house.engine, writes=True) as db:
        cancel(db, session_id=weekly[3], which="all", actor=SYSTEM, now=house.clock())

    house.work()

    for who in (AISHA, MARA):
        _, mail = to(house, who)
        assert problems(calendar_of(mail), method="CANCEL", recipient=who) == []
        assert "All of this series that was still to come is off" in words_of(mail, "text/plain")


def test_what_was_written_with_a_cancel_is_in_the_mail_that_tells_of_it_and_in_no_later_one(
    house: House, weekly: list[str]
) -> None:
    with transaction(house.engine, writes=True) as db:
        mara = db.execute(select(person.c.id).where(person.c.email == MARA)).scalar_one()
        by = Actor("cred_mara", Role.REP, mara)
        cancel(db, session_id=weekly[2], which="following", note="I am {{name}} & ill.", actor=by, now=house.clock())
    house.work()
    house.clock.advance(timedelta(hours=1))
    with transaction(house.engine, writes=True) as db:
        reschedule(db, session_id=weekly[0], starts_at=FOUR + HALF, which="this", actor=SYSTEM, now=house.clock())
    house.work()

    first, told, moved = (words_of(mail, "text/plain") for mail in to(house, AISHA))
    assert "Here is what holds now.\n\nMara: “I am {{name}} & ill.”\n\n" in told.replace("\r\n", "\n")
    assert "ill" not in first + moved
    assert "I am {{name}} &amp; ill." in words_of(to(house, AISHA)[1], "text/html")


def test_bug_12_a_series_cut_in_two_says_that_the_old_one_ends_and_invites_to_the_new(
    house: House, weekly: list[str]
) -> None:
    invitation = to(house, AISHA)[0]
    with transaction(house.engine, writes=True) as db:
        later = FOUR + 3 * WEEK + HALF
        reschedule(db, session_id=weekly[3], starts_at=later, which="following", actor=SYSTEM, now=house.clock())

    house.work()

    two = [mail for mail in to(house, AISHA) if mail != invitation]
    found = sorted(shown(calendar_of(mail)) for mail in two)
    assert [[starts_at for starts_at, _ in several] for several in found] == [
        [FOUR + n * WEEK for n in (0, 1, 2)],
        [FOUR + n * WEEK + HALF for n in (3, 4, 5)],
    ]
    uids = {events_of(parse(calendar_of(mail)))[0].value("UID") for mail in two}
    assert len(uids) == 2
    assert sorted(subject_of(mail) for mail in two) == ["1:1: Aisha & Mara", "Changed: 1:1: Aisha & Mara"]


def test_a_change_of_a_series_is_told_as_long_as_its_last_occurrence_is_to_come(
    house: House, weekly: list[str]
) -> None:
    house.clock.at = FOUR + 4 * WEEK

    with transaction(house.engine, writes=True) as db:
        moved_to = FOUR + 5 * WEEK + HALF
        reschedule(db, session_id=weekly[5], starts_at=moved_to, which="this", actor=SYSTEM, now=house.clock())
    house.work()

    assert len(to(house, MARA)) == 2
