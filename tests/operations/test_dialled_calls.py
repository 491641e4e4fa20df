"""However the messages of a call come, late, twice or the last one first, it ends in the same state."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import call, external_identity, seat, session
from app.operations.call_outcomes import follow_clock
from app.operations.dialled_calls import hear_dialler
from app.operations.diallers import create_connection
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import SessionKind
from tests.dialling import MAPPING, said_of
from tests.factories import MONDAY, a_call, a_person, an_open_host
from tests.harness import NOW
from tests.worlds import worlds

STARTS = MONDAY + timedelta(hours=10)
BEGAN, ENDED = STARTS + timedelta(minutes=2), STARTS + timedelta(minutes=9)
DROP_IN, MINUTE = SessionKind.DROP_IN, timedelta(minutes=1)
MARA = "mara@earshot.example"
MESSAGES = {"started": said_of(MARA, BEGAN), "ended": said_of(MARA, BEGAN, ENDED)}
steps = st.lists(st.tuples(st.sampled_from([*MESSAGES, "clock"]), st.integers(0, 40)), max_size=5)


def ends_as(db: DbSession, said: list[tuple[str, int]], *, is_planned: bool) -> list[Any]:
    """Have a call told of in this order, each so many minutes after the one before, and return what is left of it."""
    host, observer = a_person(db, "Mara", email=MARA), a_person(db, "Ana")
    if is_planned:
        book_seat(db, call_id=a_call(db, host, starts_at=STARTS), observer_id=observer.id, actor=SYSTEM, now=NOW)
    connection_id = create_connection(db, name="Dialler", mapping=MAPPING, actor=SYSTEM, now=NOW).connection.id
    now = ENDED
    for number, (what, later) in enumerate(said):
        now += timedelta(minutes=later)
        if what in MESSAGES:
            hear_dialler(db, connection_id=connection_id, message_id=f"msg_{number}", body=MESSAGES[what], now=now)
        else:
            for call_id in db.execute(select(call.c.id)).scalars().all():
                follow_clock(db, call_id=call_id, now=now)
    named = call.c.status, call.c.began_at, call.c.ended_at, call.c.starts_at, call.c.ends_at, call.c.door, call.c.title
    return [
        db.execute(select(*named)).all(),
        db.execute(select(seat.c.status)).all(),
        db.execute(select(session.c.status).where(session.c.call_id.is_not(None))).all(),
        db.execute(select(external_identity.c.object_type, external_identity.c.external_id)).all(),
    ]


@pytest.mark.parametrize("is_planned", [True, False])
@settings(max_examples=worlds(40))
@given(before=steps, between=steps, after=steps, order=st.permutations([("started", 0), ("ended", 0)]))
def test_any_order_and_any_repetition_ends_in_the_same_state(
    db: DbSession,
    is_planned: bool,
    before: list[tuple[str, int]],
    between: list[tuple[str, int]],
    after: list[tuple[str, int]],
    order: list[tuple[str, int]],
) -> None:
    found = []
    for said in ([("started", 0), ("ended", 0)], [*before, order[0], *between, order[1], *after]):
        undone = db.begin_nested()
        found.append(ends_as(db, said, is_planned=is_planned))
        undone.rollback()

    in_order, as_they_came = found
    assert as_they_came == in_order
    assert in_order[0][0][:3] == ("ended", BEGAN, ENDED)
    assert [one.status for one in in_order[1]] == (["attended"] if is_planned else [])


def test_who_dropped_in_has_heard_a_call_up_to_its_end_however_late_that_is_told(db: DbSession) -> None:
    host, mia, late = an_open_host(db, "Mara", email=MARA), a_person(db, "Mia"), a_person(db, "Late")
    call_id = a_call(db, host, starts_at=STARTS, seats=2)
    connection_id = create_connection(db, name="Dialler", mapping=MAPPING, actor=SYSTEM, now=NOW).connection.id
    hear_dialler(db, connection_id=connection_id, message_id="msg_1", body=MESSAGES["started"], now=BEGAN)
    for who, came_at in ((mia, BEGAN + MINUTE), (late, ENDED + MINUTE)):
        book_seat(db, call_id=call_id, observer_id=who.id, kind=DROP_IN, actor=SYSTEM, now=came_at)

    hear_dialler(db, connection_id=connection_id, message_id="msg_2", body=MESSAGES["ended"], now=ENDED + 9 * MINUTE)

    seats = db.execute(select(seat.c.observer_id, seat.c.status)).all()
    assert dict(map(tuple, seats)) == {mia.id: "attended", late.id: "released"}
    heard = db.execute(select(session.c.starts_at, session.c.ends_at).where(session.c.status == "completed")).all()
    assert heard == [(BEGAN + MINUTE, ENDED)]


def test_a_call_ends_no_earlier_than_it_began_by_another_clock(db: DbSession) -> None:
    host = a_person(db, "Mara", email=MARA)
    call_id = a_call(db, host, starts_at=STARTS)
    connection_id = create_connection(db, name="Dialler", mapping=MAPPING, actor=SYSTEM, now=NOW).connection.id
    hear_dialler(db, connection_id=connection_id, message_id="msg_1", body=MESSAGES["started"], now=BEGAN)
    ended_before = said_of(MARA, BEGAN - 2 * MINUTE, BEGAN - MINUTE)

    hear_dialler(db, connection_id=connection_id, message_id="msg_2", body=ended_before, now=ENDED)

    assert db.execute(select(call.c.began_at, call.c.ended_at).where(call.c.id == call_id)).one() == (BEGAN, BEGAN)
