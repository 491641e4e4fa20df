"""Who is written to about what: nobody for what they did themselves, nobody twice, nobody who has left."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import DbSession
from app.models import Person
from app.models.tables import event, job, notice, person
from app.operations import holds, responses, seats
from app.operations.announcing import announce
from app.operations.calls import cancel_call, patch_call
from app.operations.events import Told
from app.operations.notices import NewNotice, end_notice, notify, write_notices
from app.rules.access import SYSTEM
from app.vocabulary import (
    DisabledBecause,
    JobStatus,
    MessageKind,
    NoticeStatus,
    PersonStatus,
    Response,
    Role,
)
from tests.acts_that_are_told import a_match, an_endpoint_off, by
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.seats_that_wait import (
    HALF,
    HOLD,
    OFFER,
    TEN,
    a_host_who_approves,
    accept,
    book_held,
    give_back,
    hold,
    settle,
    take,
    wait,
)
from tests.sessions_and_people import a_plan, a_session
from tests.statements import counted

LAST = TEN - timedelta(minutes=15)


def told(db: DbSession, *, now: datetime = NOW) -> list[tuple[MessageKind, str]]:
    """Announce what has happened; who was written to since the last time, and as what."""
    before = set(db.execute(select(notice.c.id)).scalars())
    while announce(db, now=now):
        pass
    rows = db.execute(select(notice.c.id, notice.c.kind, notice.c.person_id))
    return sorted((row.kind, row.person_id) for row in rows if row.id not in before)


def events_of(db: DbSession) -> list[Told]:
    return [Told(*row) for row in db.execute(select(*(event.c[name] for name in Told.__slots__)))]


def a_notice(who: Person, **fields: Any) -> NewNotice:
    given = {"kind": MessageKind.DIGEST, "person_id": who.id, "about_id": who.id, "once": "digest:1", "due_at": NOW}
    return NewNotice(**{**given, **fields})


def test_a_seat_that_is_free_to_take_is_nothing_to_write_about(db: DbSession) -> None:
    taken = take(db, a_call(db), a_person(db, "Jo"))
    give_back(db, taken)

    assert told(db) == []


def test_a_hold_and_an_offer_ask_the_host_nothing(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    hold(db, a_call(db, host), jo)
    full = a_call(db, host, seats=1, starts_at=TEN + 4 * HALF)
    held = take(db, full, a_person(db, "Seated"))
    seats.approve_seat(db, seat_id=held.id, actor=by(host), now=NOW)
    wait(db, full, tom)
    give_back(db, held)

    assert told(db) == [(MessageKind.SEAT_OFFERED, tom.id)]


def test_time_that_is_held_for_a_session_asks_nobody_anything(db: DbSession) -> None:
    holds.hold_time(db, plan=a_plan(a_person(db, "Mia"), a_person(db, "Max")), actor=SYSTEM, now=NOW)

    assert told(db) == []


def test_nobody_is_written_to_about_what_they_did_themselves(db: DbSession) -> None:
    host, jo = a_host_who_approves(db), a_person(db, "Jo")
    asked = take(db, a_call(db, host), jo)
    told(db)
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    session_id = a_session(db, mia, max_)

    seats.release_seat(db, seat_id=asked.id, actor=by(jo), now=NOW)
    responses.respond(
        db,
        session_id=session_id,
        person_id=mia.id,
        response=Response.TENTATIVE,
        proposed_starts_at=TEN + 2 * HALF,
        actor=by(mia),
        now=NOW,
    )

    assert told(db) == [(MessageKind.TIME_SUGGESTED, max_.id)]


def test_nobody_who_has_left_is_written_to(db: DbSession) -> None:
    host, jo = a_host_who_approves(db), a_person(db, "Jo")
    take(db, a_call(db, host), jo)
    db.execute(update(person).where(person.c.id == host.id).values(status=PersonStatus.LEFT))

    assert told(db) == []


def test_a_host_is_asked_once_however_the_seat_came_to_be_asked_for(db: DbSession) -> None:
    host, jo = a_host_who_approves(db), a_person(db, "Jo")
    call_id = a_call(db, host)
    token = hold(db, call_id, jo).token
    book_held(db, token, call_id, jo)

    assert told(db) == [(MessageKind.SEAT_REQUESTED, host.id)]
    patch_call(db, call_id=call_id, changes={"starts_at": TEN + HALF, "ends_at": TEN + 2 * HALF}, actor=SYSTEM, now=NOW)
    assert told(db) == []


def test_who_takes_a_call_over_is_asked_what_its_host_had_not_answered(db: DbSession) -> None:
    host, other, jo = a_host_who_approves(db), a_host_who_approves(db, "Other"), a_person(db, "Jo")
    call_id = a_call(db, host)
    take(db, call_id, jo)
    told(db)

    patch_call(db, call_id=call_id, changes={"host_id": other.id}, actor=SYSTEM, now=NOW)

    assert told(db) == [(MessageKind.SEAT_REQUESTED, other.id)]


def test_an_observer_reads_that_the_host_said_no_or_nothing(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    call_id = a_call(db, host)
    turned_down, _ = take(db, call_id, jo), take(db, call_id, tom)
    told(db)

    seats.decline_seat(db, seat_id=turned_down.id, actor=by(host), now=NOW)
    settle(db, call_id, now=LAST)

    assert told(db) == [(MessageKind.SEAT_DECLINED, jo.id), (MessageKind.SEAT_EXPIRED, tom.id)]


def test_a_hold_that_expires_or_is_given_back_is_nobodys_news(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    call_id = a_call(db, host)
    hold(db, call_id, jo)
    given_back = hold(db, call_id, tom)
    holds.give_hold_back(db, hold_id=given_back.id, actor=SYSTEM, now=NOW)

    settle(db, call_id, now=NOW + HOLD)

    assert told(db) == []


def test_an_offer_that_nobody_takes_is_the_end_of_it_for_one_and_a_chance_for_the_next(db: DbSession) -> None:
    jo, tom = a_person(db, "Jo"), a_person(db, "Tom")
    call_id = a_call(db, seats=1)
    held = take(db, call_id, a_person(db, "Seated"))
    wait(db, call_id, jo)
    wait(db, call_id, tom, now=NOW + HALF)
    give_back(db, held)
    assert told(db) == [(MessageKind.SEAT_OFFERED, jo.id)]

    settle(db, call_id, now=NOW + OFFER)

    assert told(db) == sorted([(MessageKind.OFFER_LAPSED, jo.id), (MessageKind.SEAT_OFFERED, tom.id)])


def test_who_takes_what_is_offered_is_not_told_that_it_is_over_and_the_host_is_asked(db: DbSession) -> None:
    host, jo = a_host_who_approves(db), a_person(db, "Jo")
    call_id = a_call(db, host, seats=1)
    held = take(db, call_id, a_person(db, "Seated"))
    seats.approve_seat(db, seat_id=held.id, actor=by(host), now=NOW)
    entry_id = wait(db, call_id, jo)
    give_back(db, held)
    told(db)

    accept(db, entry_id)

    assert told(db) == [(MessageKind.SEAT_REQUESTED, host.id)]


def test_a_call_that_is_off_is_news_for_those_who_asked_and_those_who_wait_but_have_no_invite(db: DbSession) -> None:
    host, jo, tom = a_host_who_approves(db), a_person(db, "Jo"), a_person(db, "Tom")
    seated = a_person(db, "Seated")
    call_id = a_call(db, host, seats=2)
    seats.approve_seat(db, seat_id=take(db, call_id, seated).id, actor=by(host), now=NOW)
    take(db, call_id, jo)
    wait(db, call_id, tom)
    told(db)

    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    assert told(db) == sorted([(MessageKind.REQUEST_OVER, jo.id), (MessageKind.REQUEST_OVER, tom.id)])


def test_the_others_read_who_does_not_come_once_for_each_who_does_not(db: DbSession) -> None:
    mia, max_, ann = a_person(db, "Mia"), a_person(db, "Max"), a_person(db, "Ann")
    session_id = a_session(db, mia, max_, ann)

    def answers(who: Person, response: Response, **given: Any) -> list[tuple[MessageKind, str]]:
        how: dict[str, Any] = {"session_id": session_id, "person_id": who.id, "actor": by(who), "now": NOW}
        responses.respond(db, response=response, **how, **given)
        return told(db)

    declined = MessageKind.SESSION_DECLINED
    assert answers(mia, Response.ACCEPTED) == []
    assert answers(max_, Response.DECLINED) == sorted([(declined, mia.id), (declined, ann.id)])
    assert answers(max_, Response.ACCEPTED) == []
    assert answers(max_, Response.DECLINED) == []
    suggested = {"proposed_starts_at": TEN + 2 * HALF}
    assert answers(max_, Response.DECLINED, **suggested) == sorted(
        [(MessageKind.TIME_SUGGESTED, mia.id), (MessageKind.TIME_SUGGESTED, ann.id)]
    )


def test_a_session_that_a_declined_answer_ends_is_for_the_calendar_to_tell(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    session_id = a_session(db, mia, max_)

    responses.respond(db, session_id=session_id, person_id=mia.id, response=Response.DECLINED, actor=by(mia), now=NOW)

    assert told(db) == []


def test_mentee_and_mentor_read_that_they_are_a_match(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")

    a_match(db, mia, max_)

    assert told(db) == sorted([(MessageKind.MATCH_STARTED, mia.id), (MessageKind.MATCH_STARTED, max_.id)])


def test_admins_read_of_an_endpoint_that_nobody_switched_off(db: DbSession) -> None:
    admin = a_person(db, "Admin", role=Role.ADMIN)
    a_person(db, "Away", role=Role.ADMIN, status=PersonStatus.ON_LEAVE)
    a_person(db, "Rep")

    for because in DisabledBecause:
        an_endpoint_off(db, because)

    assert told(db) == [(MessageKind.WEBHOOK_DISABLED, admin.id)] * 2


def test_the_same_reason_is_written_down_once_and_sent_when_it_is_due(db: DbSession) -> None:
    jo = a_person(db, "Jo")
    later = a_notice(jo, once="digest:2", due_at=NOW + HALF)

    written = [write_notices(db, several, now=NOW) for several in ([], [a_notice(jo)] * 2, [a_notice(jo), later])]

    assert written == [0, 1, 1]
    assert {row.once: row.due_at for row in db.execute(select(notice))} == {"digest:1": NOW, "digest:2": NOW + HALF}
    mail = select(job).where(job.c.kind == "notice_mail", job.c.status == JobStatus.QUEUED)
    jobs = {row.payload["notice_id"]: row.due_at for row in db.execute(mail)}
    assert jobs == {row.id: row.due_at for row in db.execute(select(notice))}


def test_what_became_of_a_notice_is_not_written_over(db: DbSession) -> None:
    write_notices(db, [a_notice(a_person(db, "Jo"))], now=NOW)
    notice_id = db.execute(select(notice.c.id)).scalar_one()

    end_notice(db, notice_id, NoticeStatus.SENT, None, now=NOW)
    end_notice(db, notice_id, NoticeStatus.DROPPED, "late", now=NOW + HALF)

    row = db.execute(select(notice)).one()
    assert (row.status, row.why, row.sent_at) == (NoticeStatus.SENT, None, NOW)


@pytest.mark.parametrize("several", [1, 3])
def test_many_acts_of_a_kind_cost_as_many_statements_as_one(engine: Engine, db: DbSession, several: int) -> None:
    for number in range(several):
        take(db, a_call(db, a_host_who_approves(db, f"Host{number}")), a_person(db))
    events = events_of(db)

    with counted(engine) as statements:
        notify(db, events, now=NOW)

    assert len(statements) == 4
