"""The checks that races and faults are held against: each notices what it is there to notice."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, update

from app import ids
from app.db import transaction
from app.models.tables import calendar_entry, call, claim, event, idempotency_record, job, participant, seat, session
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, EntryStatus, Part, SeatStatus, SessionStatus
from tests.factories import a_call, a_person
from tests.faults.invariants import broken, unrecorded
from tests.harness import NOW
from tests.tampering import take_the_guards_off

LATER = timedelta(hours=1)
_RECORD = {"credential": "key", "idempotency_key": "k", "fingerprint": "f", "headers": {}, "created_at": NOW}


@pytest.fixture
def booked(engine: Engine) -> tuple[str, str]:
    """A seat that is booked as it should be, and its observer."""
    with transaction(engine, writes=True) as db:
        observer = a_person(db, "Observer")
        made = book_seat(db, call_id=a_call(db), observer_id=observer.id, actor=SYSTEM, now=NOW)
        return made.id, observer.id


def test_all_is_well_after_a_booking(engine: Engine, booked: tuple[str, str]) -> None:
    assert broken(engine) == {}
    assert unrecorded(engine, {(booked[0], 1)}) == set()


@pytest.mark.parametrize(
    ("harm", "noticed"),
    [
        (update(call).values(seats_taken=0), "seats_taken counts the live seats, which are no more than the capacity"),
        (update(call).values(seat_capacity=9), "a live seat knows its call's capacity and is within it"),
        (update(call).values(status=CallStatus.CANCELLED), "a live seat is on a call that will happen"),
        (update(session).values(ends_at=NOW + 99 * LATER), "a live seat has a session of its call, alive at its time"),
        (update(session).values(status=SessionStatus.CANCELLED), "an active claim is of a session that is alive"),
        (update(session).values(status=SessionStatus.CANCELLED), "the entry of a session that is over does not stand"),
        (update(seat).values(status=SeatStatus.RELEASED), "a session on a call lives as long as its seat"),
        (update(seat).values(status=SeatStatus.RELEASED), "nobody hosts in their calendar what nobody observes"),
        (
            delete(participant).where(participant.c.part == Part.HOST),
            "a live seat has the host and the observer in it",
        ),
        (update(claim).values(active=False), "the observer of a live seat is claimed for it"),
        (
            update(calendar_entry).values(status=EntryStatus.CANCELLED),
            "a confirmed seat is in its observer's calendar",
        ),
        (update(calendar_entry).values(sequence=7), "a confirmed seat is in its observer's calendar"),
        (
            delete(calendar_entry).where(calendar_entry.c.part == Part.HOST),
            "a call that is observed is in its host's calendar",
        ),
        (delete(job), "what a calendar does not know yet is on its way"),
        (delete(event).where(event.c.object_type == "seat"), "every version of a seat has its event"),
        (update(session).values(version=2), "every version of a session has its event"),
        (update(event).where(event.c.act == "call.created").values(version=2), "every version of a call has its event"),
        (insert(idempotency_record).values(**_RECORD, status=0), "a kept answer is whole"),
    ],
)
def test_harm_is_noticed(engine: Engine, booked: tuple[str, str], harm: Any, noticed: str) -> None:
    with transaction(engine, writes=True) as db:
        take_the_guards_off(db)
        db.execute(harm)

    assert noticed in broken(engine)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_person_claimed_twice_is_noticed(engine: Engine, booked: tuple[str, str]) -> None:
    """Two claims that come to overlap where the schema can't see it: PostgreSQL's constraint has no such gap."""
    with transaction(engine, writes=True) as db:
        (one,) = db.execute(claim.select()).mappings()
        db.connection().exec_driver_sql("DROP TRIGGER claims_apart_insert")
        db.execute(insert(claim).values(**{**one, "id": ids.new("clm", NOW)}))

    assert "nobody is claimed twice at once" in broken(engine)


def test_an_answer_without_its_event_is_noticed(engine: Engine, booked: tuple[str, str]) -> None:
    assert unrecorded(engine, {(booked[0], 2)}) == {(booked[0], 2)}
