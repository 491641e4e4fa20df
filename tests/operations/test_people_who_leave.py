"""What somebody who leaves leaves behind: no seat ahead, no match, and a past that stays."""

from datetime import timedelta

from sqlalchemy import insert, select, update

from app.db import DbSession
from app.models.tables import calendar_entry as entry
from app.models.tables import call, claim, event, match, program
from app.models.tables import seat as seats
from app.operations.people import patch_person, upsert_person
from app.operations.sessions import reschedule_session
from app.rules.access import SYSTEM
from app.vocabulary import EntryStatus, MatchStatus, Part, SeatStatus, SessionStatus
from tests.calls_and_seats import TEN, a_scene, a_seat
from tests.factories import a_person
from tests.harness import NOW
from tests.sessions_and_people import a_session, acts, claimed, entries_of, responses, row_of

DAY = timedelta(days=1)


def a_match(db: DbSession, mentee_id: str, mentor_id: str) -> str:
    made = f"match_{mentee_id}"
    values = {"id": made, "mentee_id": mentee_id, "mentor_id": mentor_id, "status": MatchStatus.ACTIVE, "score": 1}
    program_id = db.execute(select(program.c.id).where(program.c.is_default)).scalar_one()
    stamped = {"terms": {}, "pinned": False, "version": 1, "created_at": NOW, "updated_at": NOW}
    db.execute(insert(match).values(**values, program_id=program_id, **stamped))
    return made


def test_who_leaves_gives_up_the_seats_ahead_and_keeps_those_that_were(db: DbSession) -> None:
    scene, jo, tom = a_scene(db), a_person(db, "Jo"), a_person(db, "Tom")
    was = a_seat(db, scene.call_id, jo)
    later = scene.another_call(db, TEN + DAY)
    ahead, of_tom = a_seat(db, later, jo), a_seat(db, later, tom)
    db.execute(update(entry).values(mailing_sequence=entry.c.sequence, mailed_sequence=entry.c.sequence))

    patch_person(db, person_id=jo.id, changes={"status": "left"}, actor=SYSTEM, now=TEN + DAY / 2)

    status = {row.id: row.status for row in db.execute(select(seats))}
    assert status == {was.id: SeatStatus.CONFIRMED, ahead.id: SeatStatus.RELEASED, of_tom.id: SeatStatus.CONFIRMED}
    active = set(db.execute(select(claim.c.session_id).where(claim.c.active)).scalars())
    assert active == {was.session_id, of_tom.session_id}
    assert db.execute(select(call.c.seats_taken).where(call.c.id == later)).scalar() == 1
    theirs = db.execute(select(entry).where(entry.c.session_id == ahead.session_id)).one()
    assert (theirs.status, theirs.sequence > 0) == (EntryStatus.CANCELLED, True)
    of_host = db.execute(select(entry).where(entry.c.call_id == later, entry.c.part == Part.HOST)).one()
    assert (of_host.status, of_host.sequence > 0) == (EntryStatus.CONFIRMED, True)
    released = select(event.c.object_id, event.c.version).where(event.c.act == "seat.released")
    assert db.execute(released).all() == [(ahead.id, 2)]


def test_the_matches_of_who_leaves_end_once_on_either_side(db: DbSession) -> None:
    jo, tom, mara, uma = (a_person(db, name) for name in ("Jo", "Tom", "Mara", "Uma"))
    ended = {a_match(db, jo.id, tom.id), a_match(db, tom.id, mara.id)}
    kept = a_match(db, uma.id, mara.id)

    for _ in range(2):
        changes = {"email": tom.email, "status": "left"}
        upsert_person(db, source="crm", external_id="7", changes=changes, actor=SYSTEM, now=NOW)

    rows = {row.id: (row.status, row.version) for row in db.execute(select(match))}
    assert {key for key, row in rows.items() if row == (MatchStatus.ENDED, 2)} == ended
    assert rows[kept] == (MatchStatus.ACTIVE, 1)
    told = db.execute(select(event.c.object_id).where(event.c.act == "match.ended")).scalars().all()
    assert sorted(told) == sorted(ended)


def test_the_calls_of_a_host_who_leaves_stay_for_another_to_take(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    held = a_seat(db, scene.call_id, jo)

    patch_person(db, person_id=scene.host.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    assert db.execute(select(seats.c.status).where(seats.c.id == held.id)).scalar() is SeatStatus.CONFIRMED


def test_who_leaves_is_taken_out_of_the_sessions_ahead_and_the_others_meet_without_them(db: DbSession) -> None:
    jo, tom, mara, uma = (a_person(db, name) for name in ("Jo", "Tom", "Mara", "Uma"))
    was = a_session(db, jo, tom)
    of_two, of_three = (
        a_session(db, jo, tom, starts_at=TEN + DAY),
        a_session(db, jo, mara, uma, starts_at=TEN + DAY * 2),
    )

    patch_person(db, person_id=jo.id, changes={"status": "left"}, actor=SYSTEM, now=TEN + DAY / 2)

    status = [row_of(db, one).status for one in (was, of_two, of_three)]
    assert status == [SessionStatus.CONFIRMED, SessionStatus.CANCELLED, SessionStatus.CONFIRMED]
    assert set(responses(db, of_three)) == {mara.id, uma.id}
    assert claimed(db, jo) == claimed(db, tom) == [(TEN, TEN + timedelta(minutes=30))]
    entries = {(one.session_id, one.person_id): one.status for one in entries_of(db, of_two) + entries_of(db, of_three)}
    standing = {key for key, status in entries.items() if status is EntryStatus.CONFIRMED}
    assert standing == {(of_three, mara.id), (of_three, uma.id)}
    assert acts(db, of_three)[1:] == [("session.changed", 2)]
    reschedule_session(db, session_id=of_three, starts_at=TEN + DAY * 3, actor=SYSTEM, now=TEN + DAY)
