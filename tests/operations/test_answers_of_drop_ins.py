"""What the calendar of somebody who dropped in says of their answer: they pressed the button, so they have given it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.config import Settings
from app.db import DbSession
from app.models import Person
from app.models.tables import calendar_entry
from app.operations.call_outcomes import follow_clock
from app.operations.calls import patch_call
from app.operations.seats import book_seat
from app.queries.entries import Desk, drawn_entries
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Part, Response, Role, SessionKind
from tests.acts_that_are_told import by
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, responses

DESK = Desk.of(Settings(_env_file=None))
FIVE_PAST = TEN + timedelta(minutes=5)


def test_who_dropped_in_has_accepted_in_their_own_calendar_and_the_host_is_still_asked(db: DbSession) -> None:
    host, mia = an_open_host(db), a_person(db, "Mia")

    taken = come(db, a_call(db, host), mia, by(mia))

    assert responses(db, taken.session_id) == {mia.id: Response.ACCEPTED, host.id: Response.NEEDS_ACTION}
    assert partstat(db, mia, Part.OBSERVER) == "ACCEPTED"
    assert partstat(db, host, Part.HOST, of=mia) == "ACCEPTED"


@pytest.mark.parametrize("who", ["an admin's key", "who leads them"])
def test_who_was_dropped_in_by_others_is_asked(db: DbSession, who: str) -> None:
    host, mia, lea = an_open_host(db), a_person(db, "Mia"), a_person(db, "Lea")
    actor = SYSTEM if who == "an admin's key" else Actor("key", Role.MANAGER, lea.id, reports=frozenset({mia.id}))

    taken = come(db, a_call(db, host), mia, actor)

    assert responses(db, taken.session_id)[mia.id] is Response.NEEDS_ACTION


def test_who_plans_to_listen_is_asked_whether_they_come_although_they_chose_the_call(db: DbSession) -> None:
    mia = a_person(db, "Mia")

    book_seat(db, call_id=a_call(db), observer_id=mia.id, actor=by(mia), now=NOW)

    assert partstat(db, mia, Part.OBSERVER) == "NEEDS-ACTION"


def test_a_call_that_goes_on_longer_asks_nobody_again_who_is_listening_to_it(db: DbSession) -> None:
    host, mia = an_open_host(db), a_person(db, "Mia")
    call_id = a_call(db, host)
    follow_clock(db, call_id=call_id, now=TEN)
    taken = come(db, call_id, mia, by(mia))

    patch_call(db, call_id=call_id, changes={"ends_at": TEN + 2 * HALF}, actor=SYSTEM, now=FIVE_PAST)

    assert responses(db, taken.session_id)[mia.id] is Response.ACCEPTED
    assert partstat(db, mia, Part.OBSERVER) == "ACCEPTED"


def test_a_call_that_is_put_off_is_a_new_question_to_who_had_dropped_in(db: DbSession) -> None:
    host, mia = an_open_host(db), a_person(db, "Mia")
    call_id = a_call(db, host)
    taken = come(db, call_id, mia, by(mia))

    later = {"starts_at": TEN + 4 * HALF, "ends_at": TEN + 5 * HALF}
    patch_call(db, call_id=call_id, changes=later, actor=SYSTEM, now=FIVE_PAST)

    assert responses(db, taken.session_id)[mia.id] is Response.NEEDS_ACTION


def come(db: DbSession, call_id: str, who: Person, actor: Actor, now: datetime = FIVE_PAST) -> Any:
    return book_seat(db, call_id=call_id, observer_id=who.id, kind=SessionKind.DROP_IN, actor=actor, now=now)


def partstat(db: DbSession, whose: Person, part: Part, of: Person | None = None) -> str:
    """What stands in somebody's calendar about the answer of one of those named there: their own."""
    mine = calendar_entry.c.person_id == whose.id, calendar_entry.c.part == part
    (entry_id,) = db.execute(select(calendar_entry.c.id).where(*mine)).scalars()
    (drawn,) = drawn_entries(db, [entry_id], desk=DESK)
    return {one.email: one.partstat for one in drawn.entry.attendees}[(of or whose).email]
