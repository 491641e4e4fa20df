"""Every version of a session has its event: webhooks read them."""

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import event
from app.models.tables import session as sessions
from app.operations.calls import patch_call
from app.operations.seats import release_seat
from app.rules.access import SYSTEM
from tests.calls_and_seats import TEN, a_scene, a_seat
from tests.factories import a_person
from tests.harness import NOW


def told(db: DbSession) -> list[tuple[str, str, int]]:
    query = select(event).where(event.c.object_type == "session").order_by(event.c.sequence)
    return [(row.act, row.object_id, row.version) for row in db.execute(query)]


def test_a_session_tells_that_it_was_booked_moved_and_cancelled(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    seat = a_seat(db, scene.call_id, jo)
    later = {"starts_at": TEN.replace(hour=12), "ends_at": TEN.replace(hour=13)}

    patch_call(db, call_id=scene.call_id, changes=later, actor=SYSTEM, now=NOW)
    patch_call(db, call_id=scene.call_id, changes={"meeting_url": "https://meet.example/2"}, actor=SYSTEM, now=NOW)
    release_seat(db, seat_id=seat.id, actor=SYSTEM, now=NOW)

    acts = ("session.booked", "session.moved", "session.changed", "session.cancelled")
    assert told(db) == [(act, seat.session_id, version) for version, act in enumerate(acts, start=1)]
    assert db.execute(select(sessions.c.version)).scalar_one() == 4


@pytest.mark.parametrize("changes", [{"language": "de"}, {"title": "Discovery, again"}])
def test_what_no_session_shows_tells_nothing_of_it(db: DbSession, changes: dict[str, str]) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    a_seat(db, scene.call_id, jo)
    before = told(db)

    patch_call(db, call_id=scene.call_id, changes=changes, actor=SYSTEM, now=NOW)

    assert told(db) == before
