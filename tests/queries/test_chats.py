"""What chats are told of calls and debriefs: no more than they need."""

from datetime import timedelta

from app.db import DbSession
from app.models.tables import session
from app.operations.sessions import cancel_session
from app.queries.chats import happenings
from app.rules.access import SYSTEM
from app.rules.chat import Happening, written
from tests.calls_and_seats import TEN, a_scene
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import take
from tests.sessions_and_people import a_session
from tests.statements import counted


def test_a_call_is_its_type_company_host_time_and_free_seats(db: DbSession) -> None:
    scene = a_scene(db)
    take(db, scene.call_id, a_person(db, "Jo"))

    said = happenings(db, [scene.call_id])[scene.call_id]

    assert said == Happening(
        path=f"/calls/{scene.call_id}",
        starts_at=TEN,
        call_type="Discovery",
        company="Northwind Freight",
        host="Mara Okafor",
        free_seats=2,
    )
    assert "Buyer" not in str(written(said)), "titles name people at customers"


def test_a_debrief_has_the_words_of_the_call_that_it_follows_and_its_own_time(db: DbSession) -> None:
    scene = a_scene(db)
    seat = take(db, scene.call_id, a_person(db, "Jo"), debrief_minutes=20)
    debrief = db.execute(session.select().where(session.c.follows_id == seat.session_id)).one()

    said = happenings(db, [debrief.id])[debrief.id]

    assert (said.path, said.starts_at) == (f"/s/{debrief.id}", debrief.starts_at)
    assert (said.call_type, said.company, said.host) == ("Discovery", "Northwind Freight", "Mara Okafor")
    assert said.free_seats is None


def test_a_session_that_follows_no_call_has_its_time_alone(db: DbSession) -> None:
    at = TEN + timedelta(days=1)
    meeting = a_session(db, a_person(db, "Jo"), a_person(db, "Mara"), starts_at=at)
    cancel_session(db, session_id=meeting, actor=SYSTEM, now=NOW)

    assert happenings(db, [meeting]) == {meeting: Happening(path=f"/s/{meeting}", starts_at=at)}


def test_what_is_not_there_has_nothing_to_say_and_many_cost_as_much_as_one(db: DbSession) -> None:
    calls = [a_call(db, starts_at=TEN + timedelta(hours=number)) for number in range(3)]

    with counted(db.get_bind().engine) as statements:
        found = happenings(db, [*calls, "call_none"])

    assert (set(found), len(statements)) == (set(calls), 3)
