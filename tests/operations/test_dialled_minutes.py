"""Who dropped in has heard a call from when it really began to when it really ended, however late that is told."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import calendar_entry, call, person, seat, session
from app.operations.call_outcomes import follow_clock
from app.operations.dialled_calls import hear_dialler
from app.operations.diallers import create_connection
from app.operations.external import identify
from app.operations.seats import book_seat, release_seat
from app.rules.access import SYSTEM
from app.vocabulary import SessionKind
from tests.dialling import MAPPING, said_of
from tests.factories import MONDAY, a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import acts

MARA = "mara@earshot.example"
TEN, MINUTE = MONDAY + timedelta(hours=10), timedelta(minutes=1)
BEGAN, ENDED, OVER = TEN + 2 * MINUTE, TEN + 9 * MINUTE, TEN + 45 * MINUTE
CAME = {"Mia": TEN + MINUTE, "Ana": TEN + 3 * MINUTE, "Eve": TEN, "Late": TEN + 12 * MINUTE}
LEFT = {"Ana": TEN + 5 * MINUTE, "Eve": TEN + MINUTE}
"""Mia stays; Eve is gone before anybody speaks."""


@pytest.mark.parametrize("order", list(permutations(["clock", "started", "ended"])), ids=" ".join)
@pytest.mark.parametrize("ended_says_when_it_began", [True, False])
def test_minutes_are_the_same_whatever_is_told_first(
    db: DbSession, order: tuple[str, ...], ended_says_when_it_began: bool
) -> None:
    call_id = a_call(db, an_open_host(db, "Mara", email=MARA), starts_at=TEN, seats=4)
    connection_id = create_connection(db, name="Dialler", mapping=MAPPING, actor=SYSTEM, now=NOW).connection.id
    unsaid = {} if ended_says_when_it_began else {"answered_at": None}
    messages = {"started": said_of(MARA, BEGAN), "ended": said_of(MARA, BEGAN, ENDED, **unsaid)}
    identify(db, "call", call_id, [(f"dialler:{connection_id}", "812")])
    follow_clock(db, call_id=call_id, now=TEN)
    for name in sorted(CAME, key=lambda one: CAME[one]):
        taken = drop_in(db, call_id, name, now=CAME[name])
        if name in LEFT:
            release_seat(db, seat_id=taken, actor=SYSTEM, now=LEFT[name])

    for number, what in enumerate(order):
        now = OVER + number * MINUTE
        if what == "clock":
            follow_clock(db, call_id=call_id, now=now)
        else:
            hear_dialler(db, connection_id=connection_id, message_id=f"msg_{number}", body=messages[what], now=now)

    assert db.execute(select(call.c.status, call.c.began_at, call.c.ended_at)).one() == ("ended", BEGAN, ENDED)
    assert heard(db) == {"Mia": (BEGAN, ENDED), "Ana": (CAME["Ana"], LEFT["Ana"])}
    assert what_became(db) == {
        "Mia": ("attended", "completed", "confirmed"),
        "Ana": ("attended", "completed", "confirmed"),
        "Eve": ("released", "cancelled", "cancelled"),
        "Late": ("released", "cancelled", "cancelled"),
    }
    for one in db.execute(select(session.c.id, session.c.version)):
        assert [version for _, version in acts(db, one.id)] == list(range(1, one.version + 1))


def drop_in(db: DbSession, call_id: str, name: str, *, now: datetime) -> str:
    who = a_person(db, name)
    taken = book_seat(db, call_id=call_id, observer_id=who.id, kind=SessionKind.DROP_IN, actor=SYSTEM, now=now)
    seat_id: str = taken.id
    return seat_id


def heard(db: DbSession) -> dict[str, tuple[datetime, datetime]]:
    """From when until when each has listened."""
    query = select(person.c.name, session.c.starts_at, session.c.ends_at).join(seat, seat.c.observer_id == person.c.id)
    done = query.join(session, session.c.id == seat.c.session_id).where(session.c.status == "completed")
    return {row.name: (row.starts_at, row.ends_at) for row in db.execute(done)}


def what_became(db: DbSession) -> dict[str, tuple[str, str, str]]:
    """Of each seat, its session and the observer's calendar entry."""
    query = select(person.c.name, seat.c.status, session.c.status, calendar_entry.c.status)
    query = query.join(seat, seat.c.observer_id == person.c.id).join(session, session.c.id == seat.c.session_id)
    joined = query.join(calendar_entry, calendar_entry.c.session_id == session.c.id)
    return {name: (of_seat, of_session, of_entry) for name, of_seat, of_session, of_entry in db.execute(joined)}
