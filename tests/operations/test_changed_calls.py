"""What observers and hosts hear when a call changes: once each, in the words of today; answers stay where they hold."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.config import Settings
from app.db import DbSession
from app.errors import NotFound
from app.models import Account
from app.models.tables import calendar_entry as entry
from app.models.tables import call, claim, event, job, participant
from app.models.tables import seat as seats
from app.models.tables import session as sessions
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call, patch_call, upsert_call
from app.operations.external import identify
from app.operations.seats import release_seat
from app.queries.entries import Desk, Drawn, drawn_entries
from app.queries.seats import seat_by_id
from app.queries.sessions import session_by_id
from app.rules.access import SYSTEM, Actor
from app.vocabulary import BusyStatus, EntryStatus, JobStatus, Part, Response, Role, SeatStatus
from tests.calls_and_seats import TEN, Scene, a_scene, a_seat
from tests.factories import a_call, a_person
from tests.harness import NOW

HALF = timedelta(minutes=30)
DESK = Desk.of(Settings(_env_file=None))
LATER = {"starts_at": TEN + 4 * HALF, "ends_at": TEN + 5 * HALF}


def all_mailed_and_accepted(db: DbSession) -> None:
    """Everybody has their invite and has accepted it."""
    db.execute(update(entry).values(mailing_sequence=entry.c.sequence, mailed_sequence=entry.c.sequence))
    db.execute(update(job).values(status=JobStatus.DONE))
    db.execute(update(participant).values(response=Response.ACCEPTED))


def change(db: DbSession, scene: Scene, now: datetime = NOW, **changes: Any) -> None:
    patch_call(db, call_id=scene.call_id, changes=changes, actor=SYSTEM, now=now)


def entry_of(db: DbSession, person_id: str, part: Part) -> Any:
    return db.execute(select(entry).where(entry.c.person_id == person_id, entry.c.part == part)).one()


def drawn(db: DbSession, person_id: str, part: Part) -> Drawn:
    return drawn_entries(db, [entry_of(db, person_id, part).id], desk=DESK)[0]


def mailed_to(db: DbSession) -> list[str]:
    """To whom mail waits to be sent, one name per message."""
    waiting = db.execute(select(job.c.payload).where(job.c.status == JobStatus.QUEUED)).scalars()
    owners = {row.id: row.person_id for row in db.execute(select(entry))}
    return sorted(owners[payload["entry_id"]] for payload in waiting)


def responses(db: DbSession, session_id: str) -> dict[str, Response]:
    rows = db.execute(select(participant).where(participant.c.session_id == session_id))
    return {row.person_id: row.response for row in rows}


@pytest.mark.parametrize("changes", [{"meeting_url": "https://meet.example/2"}, {"type": "demo"}])
def test_another_link_or_type_is_mailed_to_observers_as_an_update_and_keeps_their_answers(
    db: DbSession, changes: dict[str, Any]
) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    seat = a_seat(db, scene.call_id, jo)
    all_mailed_and_accepted(db)

    change(db, scene, **changes)

    assert mailed_to(db) == [jo.id]
    invite = drawn(db, jo.id, Part.OBSERVER).entry
    told = {"meeting_url": invite.conference_url, "type": "demo" if "(demo)" in invite.summary else None}
    assert [told[name] for name in changes] == list(changes.values())
    assert invite.sequence == 1
    kept = db.execute(select(sessions).where(sessions.c.id == seat.session_id)).one()
    assert (kept.sequence, kept.version) == (1, 2)
    assert set(responses(db, seat.session_id).values()) == {Response.ACCEPTED}
    assert db.execute(select(seats.c.version)).scalar() == 1
    assert "seat.moved" not in db.execute(select(event.c.act)).scalars().all()


def test_a_type_that_follows_from_a_new_title_is_mailed_too(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    a_seat(db, scene.call_id, jo)
    all_mailed_and_accepted(db)

    change(db, scene, title="Product demo")

    assert mailed_to(db) == [jo.id]
    assert "(demo)" in drawn(db, jo.id, Part.OBSERVER).entry.summary


def test_the_host_hears_of_a_type_only_where_their_entry_is_named_after_it(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    a_seat(db, scene.call_id, jo)
    change(db, scene, account_id=None)
    all_mailed_and_accepted(db)

    change(db, scene, type="demo")

    assert mailed_to(db) == sorted([jo.id, scene.host.id])
    assert drawn(db, scene.host.id, Part.HOST).entry.summary == "Observers on your demo call: Jo"


def test_another_account_is_shown_by_feeds_and_mailed_to_nobody(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    a_seat(db, scene.call_id, jo)
    db.add(Account(id="acc_other", name="Contoso", created_at=NOW, updated_at=NOW))
    db.flush()
    db.execute(update(entry).values(vevent=b"old", renderer=DESK.edition))
    all_mailed_and_accepted(db)
    before = {row.id: row for row in db.execute(select(entry))}

    change(db, scene, account_id="acc_other")

    assert mailed_to(db) == []
    for row in db.execute(select(entry)):
        assert (row.vevent, row.sequence) == (None, 0)
        assert row.changed_at > before[row.id].changed_at
    assert "Contoso" in drawn(db, jo.id, Part.OBSERVER).entry.summary


def test_a_new_time_link_and_type_are_one_revision_and_one_message_each(db: DbSession) -> None:
    scene, jo, tom = a_scene(db), a_person(db, "Jo"), a_person(db, "Tom")
    seat = a_seat(db, scene.call_id, jo)
    a_seat(db, scene.call_id, tom)
    all_mailed_and_accepted(db)
    before = {row.id: row.sequence for row in db.execute(select(entry))}

    change(db, scene, **LATER, meeting_url="https://meet.example/2", type="demo")

    assert mailed_to(db) == sorted([jo.id, tom.id, scene.host.id])
    assert {row.sequence - before[row.id] for row in db.execute(select(entry))} == {1}
    assert set(db.execute(select(sessions.c.sequence)).scalars()) == {1}
    assert set(db.execute(select(sessions.c.version)).scalars()) == {2}
    assert set(responses(db, seat.session_id).values()) == {Response.NEEDS_ACTION}


def test_changes_that_no_invite_shows_and_those_of_calls_that_are_over_are_mailed_to_nobody(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    a_seat(db, scene.call_id, jo)
    all_mailed_and_accepted(db)

    change(db, scene, language="de", seat_capacity=2, title="Discovery, again")
    change(db, scene, now=TEN + HALF, meeting_url="https://meet.example/2")

    assert mailed_to(db) == []
    assert set(db.execute(select(entry.c.sequence)).scalars()) == {0}


def test_who_gave_a_seat_back_hears_nothing_of_a_new_link(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    seat = a_seat(db, scene.call_id, jo)
    db.execute(update(seats).where(seats.c.id == seat.id).values(status=SeatStatus.RELEASED))
    all_mailed_and_accepted(db)

    change(db, scene, meeting_url="https://meet.example/2")

    assert mailed_to(db) == []


def test_a_new_host_takes_the_sessions_over_and_the_old_one_is_free_of_them(db: DbSession) -> None:
    scene, jo, lena = a_scene(db), a_person(db, "Jo"), a_person(db, "Lena", host_per_day=0, time_zone="Europe/Berlin")
    seat = a_seat(db, scene.call_id, jo)
    all_mailed_and_accepted(db)
    old, new = (Actor("key_x", Role.REP, who.id) for who in (scene.host, lena))

    change(db, scene, host_id=lena.id)

    assert responses(db, seat.session_id) == {jo.id: Response.ACCEPTED, lena.id: Response.NEEDS_ACTION}
    assert session_by_id(db, seat.session_id, actor=new).time_zone == "Europe/Berlin"
    assert seat_by_id(db, seat.id, actor=new, now=NOW).status is SeatStatus.CONFIRMED
    with pytest.raises(NotFound):
        session_by_id(db, seat.session_id, actor=old)
    with pytest.raises(NotFound):
        seat_by_id(db, seat.id, actor=old, now=NOW)
    assert entry_of(db, scene.host.id, Part.HOST).status is EntryStatus.CANCELLED
    assert entry_of(db, lena.id, Part.HOST).status is EntryStatus.CONFIRMED
    assert mailed_to(db) == sorted([jo.id, scene.host.id, lena.id])
    invite = drawn(db, jo.id, Part.OBSERVER).entry
    assert (invite.summary, invite.sequence) == ("Shadow: Lena · Northwind Freight (discovery)", 1)
    assert invite.attendees[0].partstat == "ACCEPTED"


def test_a_call_that_comes_back_to_its_first_host_is_confirmed_to_them_again(db: DbSession) -> None:
    scene, jo, lena = a_scene(db), a_person(db, "Jo"), a_person(db, "Lena")
    seat = a_seat(db, scene.call_id, jo)
    all_mailed_and_accepted(db)

    change(db, scene, host_id=lena.id)
    change(db, scene, host_id=scene.host.id)

    assert set(responses(db, seat.session_id)) == {jo.id, scene.host.id}
    mine = entry_of(db, scene.host.id, Part.HOST)
    assert (mine.status, mine.sequence) == (EntryStatus.CONFIRMED, 2)
    assert entry_of(db, lena.id, Part.HOST).status is EntryStatus.CANCELLED


def test_booked_moved_and_cancelled_before_any_mail_are_three_revisions_that_feeds_show(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    seat = a_seat(db, scene.call_id, jo)
    shown = [drawn(db, jo.id, Part.OBSERVER).entry]

    change(db, scene, **LATER)
    shown.append(drawn(db, jo.id, Part.OBSERVER).entry)
    release_seat(db, seat_id=seat.id, actor=SYSTEM, now=NOW)
    shown.append(drawn(db, jo.id, Part.OBSERVER).entry)

    assert [one.sequence for one in shown] == [0, 1, 2]
    assert db.execute(select(sessions.c.sequence)).scalar_one() == 2
    assert entry_of(db, scene.host.id, Part.HOST).sequence == 2


def test_a_move_that_costs_the_only_observer_their_seat_cancels_the_entry_of_the_host_once(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    a_seat(db, scene.call_id, jo)
    a_seat(db, a_call(db, starts_at=LATER["starts_at"]), jo)

    change(db, scene, **LATER)

    mine = db.execute(select(entry).where(entry.c.call_id == scene.call_id, entry.c.part == Part.HOST)).one()
    assert (mine.status, mine.sequence) == (EntryStatus.CANCELLED, 1)


def test_an_observer_who_left_before_a_new_host_came_hears_nothing_of_them(db: DbSession) -> None:
    scene, jo = a_scene(db), a_person(db, "Jo")
    release_seat(db, seat_id=a_seat(db, scene.call_id, jo).id, actor=SYSTEM, now=NOW)
    before = drawn(db, jo.id, Part.OBSERVER)

    change(db, scene, host_id=a_person(db, "Lena").id)

    assert drawn(db, jo.id, Part.OBSERVER) == before
    assert before.entry.summary == "Shadow: Mara Okafor · Northwind Freight (discovery)"


def test_a_call_that_was_handed_over_is_cancelled_in_the_name_of_whom_its_observers_were_told_of(
    db: DbSession,
) -> None:
    scene, jo, lena = a_scene(db), a_person(db, "Jo"), a_person(db, "Lena")
    for observer in (jo, lena):
        a_seat(db, scene.call_id, observer)
    change(db, scene, host_id=lena.id)
    told = drawn(db, jo.id, Part.OBSERVER).entry
    all_mailed_and_accepted(db)

    cancel_call(db, call_id=scene.call_id, actor=SYSTEM, now=NOW)

    off, lost = drawn(db, jo.id, Part.OBSERVER).entry, drawn(db, lena.id, Part.OBSERVER).entry
    assert mailed_to(db) == sorted([jo.id, lena.id])  # Lena as the host; of her seat she heard when she took over
    assert (off.status, off.summary) == ("cancelled", told.summary)
    assert off.summary == "Shadow: Lena · Northwind Freight (discovery)"
    assert lost.summary == "Shadow: Mara Okafor · Northwind Freight (discovery)"
    assert len({one.email for one in lost.attendees}) == 2


def test_an_observer_who_becomes_the_host_gives_the_seat_back_and_the_others_stay(db: DbSession) -> None:
    scene, jo, lena = a_scene(db), a_person(db, "Jo"), a_person(db, "Lena")
    kept, lost = a_seat(db, scene.call_id, jo), a_seat(db, scene.call_id, lena)
    all_mailed_and_accepted(db)

    change(db, scene, host_id=lena.id)

    status = {row.id: row.status for row in db.execute(select(seats))}
    assert (status[kept.id], status[lost.id]) == (SeatStatus.CONFIRMED, SeatStatus.RELEASED)
    assert db.execute(select(claim.c.person_id).where(claim.c.active)).scalars().all() == [jo.id]
    assert set(responses(db, kept.session_id)) == {jo.id, lena.id}
    assert entry_of(db, lena.id, Part.OBSERVER).status is EntryStatus.CANCELLED
    assert drawn(db, lena.id, Part.HOST).entry.summary == "Observers on your Northwind Freight call: Jo"
    assert db.execute(select(call.c.seats_taken)).scalar() == 1


def test_a_new_host_alone_takes_no_seat_from_somebody_who_became_busy_since(db: DbSession) -> None:
    scene, jo, lena = a_scene(db), a_person(db, "Jo"), a_person(db, "Lena")
    seat = a_seat(db, scene.call_id, jo)
    intervals = [(TEN, TEN + HALF, BusyStatus.BUSY)]
    replace_busy(db, person_id=jo.id, source="outlook", intervals=intervals, actor=SYSTEM, now=NOW)

    change(db, scene, host_id=lena.id)

    assert seat_by_id(db, seat.id, actor=SYSTEM, now=NOW).status is SeatStatus.CONFIRMED


def test_a_crm_that_moves_a_call_to_another_host_moves_its_sessions(db: DbSession) -> None:
    scene, jo, lena = a_scene(db), a_person(db, "Jo"), a_person(db, "Lena")
    seat = a_seat(db, scene.call_id, jo)
    identify(db, "call", scene.call_id, [("crm", "7")])

    for _ in range(2):
        upsert_call(db, source="crm", external_id="7", changes={"host_id": lena.id, **LATER}, actor=SYSTEM, now=NOW)

    assert set(responses(db, seat.session_id)) == {jo.id, lena.id}
    assert session_by_id(db, seat.session_id, actor=SYSTEM).version == 2
