"""Events of which something can't be told: the others are told, and somebody hears that it was passed over."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError

from app.db import DbSession, transaction
from app.models.tables import delivery, event, notice, person
from app.operations.announcing import PASSED_OVER, announce, anything_to_announce
from app.operations.events import tell
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import MessageKind, SeatApproval
from tests.endpoints import an_endpoint
from tests.factories import a_call, a_person
from tests.harness import NOW


def changed(db: DbSession, *people: str) -> None:
    for person_id in people:
        tell(db, "person.changed", person_id, version=2, actor=SYSTEM, now=NOW)


def spoil(db: DbSession, person_id: str) -> None:
    """Leave something in a person that nobody can read as one."""
    db.execute(update(person).where(person.c.id == person_id).values(languages=5))


def settled(db: DbSession) -> None:
    """Announce all that has happened so far, before anybody listens."""
    while announce(db, now=NOW):
        pass


def delivered(db: DbSession) -> list[str]:
    return [json.loads(row.body)["data"]["id"] for row in db.execute(select(delivery).order_by(delivery.c.sequence))]


def passed_over(db: DbSession) -> list[Any]:
    about = select(event.c.object_id).where(event.c.act == PASSED_OVER)
    query = select(event.c.act, event.c.object_id).where(event.c.id.in_(about)).order_by(event.c.sequence)
    return [tuple(row) for row in db.execute(query)]


def test_what_can_not_be_read_holds_up_nothing_and_is_passed_over_once(db: DbSession) -> None:
    several = [a_person(db, f"Jo {n}").id for n in range(7)]
    settled(db)
    an_endpoint(db)
    changed(db, *several, *several)
    for spoilt in (several[2], several[5]):
        spoil(db, spoilt)

    announce(db, now=NOW)
    settled(db)

    well = [one for n, one in enumerate(several) if n not in (2, 5)]
    assert delivered(db) == [*well, *well]
    assert passed_over(db) == [("person.changed", several[n]) for n in (2, 5, 2, 5)]
    assert not anything_to_announce(db)


def test_what_no_endpoint_can_be_told_is_told_to_people_all_the_same(db: DbSession) -> None:
    host = a_person(db, "Host", seat_approval=SeatApproval.HOST)
    call_id = a_call(db, host)
    settled(db)
    an_endpoint(db, acts=["person.*"])
    book_seat(db, call_id=call_id, observer_id=a_person(db, "Jo").id, actor=SYSTEM, now=NOW)
    spoil(db, host.id)
    changed(db, host.id)

    settled(db)

    assert passed_over(db) == [("person.changed", host.id)]
    assert list(db.execute(select(notice.c.kind)).scalars()) == [MessageKind.SEAT_REQUESTED]


def test_a_database_that_fails_passes_nothing_over(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        who = a_person(db)
        settled(db)
        an_endpoint(db)
        changed(db, who.id)
        db.execute(text("ALTER TABLE delivery RENAME TO mislaid"))

    with pytest.raises(DBAPIError), transaction(engine, writes=True) as db:
        announce(db, now=NOW)

    with transaction(engine, writes=True) as db:
        db.execute(text("ALTER TABLE mislaid RENAME TO delivery"))
        assert passed_over(db) == []
        settled(db)
        assert delivered(db) == [who.id]
