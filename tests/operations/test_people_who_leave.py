"""What somebody who leaves leaves behind: no seat ahead, no match, and a past that stays."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.db import DbSession
from app.models.tables import calendar_entry as entry
from app.models.tables import call, claim, connected_calendar, event, match, program, session
from app.models.tables import seat as seats
from app.operations.connected_calendars import connect_calendar
from app.operations.people import patch_person, upsert_person
from app.operations.responses import respond
from app.operations.series import book_series
from app.operations.series_changes import reschedule
from app.operations.session_outcomes import start_session
from app.operations.sessions import cancel_session, reschedule_session
from app.queries.sessions import session_by_id
from app.rules.access import SYSTEM
from app.vocabulary import (
    CalendarKind,
    CalendarUse,
    EntryStatus,
    MatchStatus,
    Part,
    Response,
    SeatStatus,
    SessionStatus,
)
from tests.calls_and_seats import TEN, a_scene, a_seat
from tests.factories import a_person
from tests.harness import NOW
from tests.sessions_and_people import a_plan, a_session, acts, claimed, entries_of, responses, row_of

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


def test_nobody_can_open_the_calendars_of_who_has_left(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    for one in (jo, tom):
        connect_calendar(
            db,
            person_id=one.id,
            kind=CalendarKind.ICS,
            url="https://calendar.example/secret.ics",
            name="Work",
            username=None,
            password=None,
            use=CalendarUse.BUSY,
            title_contains=None,
            allowed=(),
            actor=SYSTEM,
            now=NOW,
        )

    patch_person(db, person_id=jo.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    assert list(db.execute(select(connected_calendar.c.person_id)).scalars()) == [tom.id]


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
    assert acts(db, of_two)[1:] == [("session.cancelled", 2)]
    reschedule_session(db, session_id=of_three, starts_at=TEN + DAY * 3, actor=SYSTEM, now=TEN + DAY)


def test_who_leaves_is_taken_out_of_a_series_in_one_revision_for_each(db: DbSession) -> None:
    jo, mara, uma = (a_person(db, name) for name in ("Jo", "Mara", "Uma"))
    plan = a_plan(jo, mara, uma)
    first, _ = book_series(db, plan=plan, rrule="FREQ=DAILY;COUNT=4", on_conflict="refuse", actor=SYSTEM, now=NOW)
    series_id = row_of(db, first).series_id
    rows = db.execute(select(session).where(session.c.series_id == series_id).order_by(session.c.starts_at)).all()
    cancel_session(db, session_id=rows[3].id, actor=SYSTEM, now=NOW)

    def entries() -> dict[str, tuple[EntryStatus, int]]:
        found = db.execute(select(entry).where(entry.c.series_id == series_id))
        return {one.person_id: (one.status, one.sequence) for one in found}

    patch_person(db, person_id=jo.id, changes={"status": "left"}, actor=SYSTEM, now=TEN + DAY / 2)

    stands = EntryStatus.CONFIRMED, 2
    assert entries() == {jo.id: (EntryStatus.CANCELLED, 2), mara.id: stands, uma.id: stands}
    assert [len(responses(db, row.id)) for row in rows] == [3, 2, 2, 3]
    assert {session_by_id(db, row.id, actor=SYSTEM).sequence for row in rows} == {2}
    assert claimed(db, jo) == [(TEN, TEN + timedelta(minutes=30))]
    assert len(claimed(db, mara)) == 3

    given: dict[str, Any] = {"session_id": rows[1].id, "which": "all", "actor": SYSTEM, "now": TEN + DAY / 2}
    reschedule(db, starts_at=TEN + DAY + timedelta(hours=1), **given)
    moved = row_of(db, rows[1].id).series_id
    whose = select(entry.c.person_id).where(entry.c.series_id == moved, entry.c.status == EntryStatus.CONFIRMED)
    assert set(db.execute(whose).scalars()) == {mara.id, uma.id}
    assert entries()[jo.id] == (EntryStatus.CANCELLED, 2), "the calendar of who has left is not told again"


def test_who_leaves_is_taken_out_of_what_is_under_way_or_was_declined(db: DbSession) -> None:
    jo, mara, uma = (a_person(db, name) for name in ("Jo", "Mara", "Uma"))
    begun, declined = a_session(db, jo, mara), a_session(db, jo, mara, uma, starts_at=TEN + DAY)
    respond(db, session_id=declined, person_id=jo.id, response=Response.DECLINED, actor=SYSTEM, now=NOW)
    start_session(db, session_id=begun, actor=SYSTEM, now=TEN)

    patch_person(db, person_id=jo.id, changes={"status": "left"}, actor=SYSTEM, now=TEN)

    assert row_of(db, begun).status is SessionStatus.CANCELLED
    assert set(responses(db, declined)) == {mara.id, uma.id}
    assert len(claimed(db, mara)) == 1
