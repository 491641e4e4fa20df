"""Entries of sessions without a call: each kind says what it is, and who no longer takes part is told so."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from app.config import Settings
from app.db import DbSession
from app.ical.write import calendar
from app.models import Account, Person
from app.models.tables import calendar_entry as entry
from app.models.tables import job, participant
from app.operations import invites
from app.operations.accounts import patch_account
from app.operations.entries import hand_to_mail
from app.operations.feeds import create_feed
from app.operations.people import patch_person
from app.operations.seats import book_seat
from app.operations.series import book_series
from app.operations.session_rows import NewSession, add_sessions
from app.queries.entries import Desk, Drawn, drawn_entries
from app.queries.feeds import feed_fragments, feed_state
from app.rules.access import SYSTEM
from app.vocabulary import EntryStatus, FeedKind, FeedPrivacy, Part, Response, SessionKind, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.ical.reader import shown
from tests.sessions_and_people import HALF, TEN, a_plan, a_session, entries_of

DESK = Desk.of(Settings(_env_file=None))
WEEK = timedelta(days=7)


def drawn(db: DbSession, **of: Any) -> list[Drawn]:
    """The entries with these columns."""
    query = select(entry.c.id).where(*(entry.c[name] == value for name, value in of.items()))
    return drawn_entries(db, db.execute(query).scalars(), desk=DESK)


def a_debrief(db: DbSession, host: Person, observer: Person) -> str:
    """A debrief after the seat that the observer has on a call of Northwind Freight."""
    db.add(Account(id="acc_n", name="Northwind Freight", created_at=NOW, updated_at=NOW))
    db.flush()
    call_id = a_call(db, host, account_id="acc_n")
    seat = book_seat(db, call_id=call_id, observer_id=observer.id, actor=SYSTEM, now=NOW)
    new = NewSession(
        kind=SessionKind.DEBRIEF,
        status=SessionStatus.CONFIRMED,
        starts_at=TEN + HALF,
        ends_at=TEN + 2 * HALF,
        time_zone="Europe/London",
        people={host.id: Part.HOST, observer.id: Part.OBSERVER},
        follows_id=seat.session_id,
    )
    (made,) = add_sessions(db, [new], now=NOW)
    invites.session_joins(db, session_id=made.id, now=NOW)
    session_id: str = made.id
    return session_id


def test_who_no_longer_takes_part_is_told_and_who_took_over_is_invited(db: DbSession) -> None:
    mara, jo, ana = (a_person(db, name) for name in ("Mara", "Jo", "Ana"))
    debrief = a_debrief(db, mara, jo)
    db.execute(delete(participant).where(participant.c.session_id == debrief, participant.c.person_id == mara.id))
    joins = {"session_id": debrief, "person_id": ana.id, "part": Part.HOST, "response": Response.NEEDS_ACTION}
    db.execute(insert(participant).values(joins))

    sequence = invites.session_changed(db, session_id=debrief, cancelled=False, now=NOW)

    found = {row.person_id: (row.status, row.sequence) for row in entries_of(db, debrief)}
    assert found == {
        mara.id: (EntryStatus.CANCELLED, 1),
        jo.id: (EntryStatus.CONFIRMED, 1),
        ana.id: (EntryStatus.CONFIRMED, 0),
    }
    assert sequence == 1
    (gone,) = drawn(db, session_id=debrief, person_id=mara.id)
    assert [one.name for one in gone.entry.attendees] == ["Mara", "Ana", "Jo"]


def test_a_cancel_that_was_handed_to_mail_is_taken_back_by_another_mail(db: DbSession) -> None:
    session_id = a_session(db, a_person(db, "Mia"), a_person(db, "Max"))
    db.execute(update(entry).values(mailing_sequence=0, mailed_sequence=0))
    invites.session_changed(db, session_id=session_id, cancelled=True, now=NOW)
    one, other = (row.id for row in entries_of(db, session_id))
    assert hand_to_mail(db, entry_id=one, desk=DESK) is not None
    db.execute(delete(job))

    invites.session_changed(db, session_id=session_id, cancelled=False, now=NOW)

    assert [payload["entry_id"] for payload in db.execute(select(job.c.payload)).scalars()] == [one]
    assert hand_to_mail(db, entry_id=other, desk=DESK) is None


def test_each_kind_of_seat_says_what_it_is(db: DbSession) -> None:
    mara = a_person(db, "Mara", host_per_day=9)
    summaries = []
    for number, kind in enumerate((SessionKind.SHADOW, SessionKind.REVERSE_SHADOW, SessionKind.RIDE_ALONG)):
        call_id = a_call(db, mara, starts_at=TEN + 2 * number * HALF)
        seat = book_seat(db, call_id=call_id, observer_id=a_person(db, "Jo").id, kind=kind, actor=SYSTEM, now=NOW)
        summaries += [one.entry.summary for one in drawn(db, session_id=seat.session_id)]

    assert summaries == ["Shadow: Mara · discovery", "Reverse shadow: Mara · discovery", "Ride-along: Mara · discovery"]


@pytest.mark.parametrize(
    ("kind", "names", "summary"),
    [
        (SessionKind.ONE_ON_ONE, ("Aisha", "Mara"), "1:1: Aisha & Mara"),
        (SessionKind.ROLE_PLAY, ("Tom", "Aisha", "Mara"), "Role-play: Aisha & Mara & Tom"),
        (SessionKind.DEBRIEF, ("Mara", "Aisha"), "Debrief: Aisha & Mara"),
    ],
)
def test_each_kind_of_session_says_what_it_is_and_who_meets(
    db: DbSession, kind: SessionKind, names: tuple[str, ...], summary: str
) -> None:
    people = [a_person(db, name) for name in names]

    session_id = a_session(db, *people, kind=kind)

    found = drawn(db, session_id=session_id)
    assert {one.entry.summary for one in found} == {summary}
    assert {one.recipient.name for one in found} == set(names)
    assert all(one.entry.attendees[0].email == one.recipient.email for one in found)
    assert {one.entry.url for one in found} == {f"{DESK.public_url}/s/{session_id}"}
    assert not any(one.entry.transparent for one in found)


def test_a_debrief_says_which_call_it_follows_and_hears_of_its_new_name(db: DbSession) -> None:
    debrief = a_debrief(db, a_person(db, "Mara"), a_person(db, "Jo"))
    (before, _) = drawn(db, session_id=debrief)

    patch_account(db, account_id="acc_n", changes={"name": "Southwind"}, actor=SYSTEM, now=NOW)

    (after, _) = drawn(db, session_id=debrief)
    assert before.entry.summary == "Debrief: Jo & Mara · Northwind Freight (discovery)"
    assert after.entry.summary == "Debrief: Jo & Mara · Southwind (discovery)"
    assert after.row_changed_at > before.row_changed_at


def test_a_new_name_is_a_later_state_for_all_whom_somebody_meets(db: DbSession) -> None:
    mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
    a_session(db, mia, max_)
    plan = a_plan(mia, max_, starts_at=TEN + 2 * HALF)
    book_series(db, plan=plan, rrule="FREQ=WEEKLY;COUNT=2", on_conflict="refuse", actor=SYSTEM, now=NOW)
    a_session(db, max_, tom, starts_at=TEN + 4 * HALF)

    patch_person(db, person_id=mia.id, changes={"name": "Mia Mei"}, actor=SYSTEM, now=NOW)

    of_max = drawn(db, person_id=max_.id)
    assert [one.entry.summary for one in of_max] == ["1:1: Max & Mia Mei", "1:1: Max & Mia Mei", "1:1: Max & Tom"]
    assert [one.row_changed_at > NOW for one in of_max] == [True, True, False]


@pytest.mark.parametrize("privacy", list(FeedPrivacy))
def test_sessions_and_series_stand_in_both_kinds_of_feeds_also_for_a_host(db: DbSession, privacy: FeedPrivacy) -> None:
    mara, jo = a_person(db, "Mara"), a_person(db, "Jo")
    a_debrief(db, mara, jo)
    plan = a_plan(mara, jo, starts_at=MONDAY + timedelta(hours=14))
    book_series(db, plan=plan, rrule="FREQ=WEEKLY;COUNT=3", on_conflict="refuse", actor=SYSTEM, now=NOW)
    made = create_feed(db, person_id=mara.id, kind=FeedKind.PERSONAL, privacy=privacy, actor=SYSTEM, now=NOW)

    state = feed_state(db, secret=made.secret, desk=DESK, now=NOW)
    content = calendar(feed_fragments(db, state, desk=DESK)[0], method=None)

    two = [plan.starts_at + n * WEEK for n in range(3)]
    on_call = [TEN] if privacy is FeedPrivacy.FULL else []  # where she hosts, the call itself takes the time
    assert [starts_at for starts_at, _ in shown(content)] == [*on_call, TEN + HALF, *two]
    assert (b"Jo" in content) == (privacy is FeedPrivacy.FULL)
