"""Planning sessions without a call: every refusal first, then what a booking leaves behind, and whose turn it is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.db import DbSession
from app.errors import Forbidden, Invalid, Problem
from app.models.tables import availability, claim, job, session
from app.operations.availability import replace_busy
from app.operations.changes import UnknownReference
from app.operations.past_sessions import TooLongAgo
from app.operations.people import patch_person
from app.operations.refused import MEETING_REFUSALS
from app.operations.seats import book_seat
from app.operations.sessions import OneOf, Plan, book_session, cancel_session
from app.rules.access import SYSTEM, Actor
from app.vocabulary import BusyStatus, Part, Role, SessionKind, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, a_plan, a_session, acts, claimed, entries_of, responses, row_of


def refused(db: DbSession, *people: Any, **fields: Any) -> Problem:
    with pytest.raises(MEETING_REFUSALS) as why:
        a_session(db, *people, **fields)
    return why.value


def test_whoever_is_elsewhere_is_named_with_what_is_in_the_way_and_when_all_can(db: DbSession) -> None:
    mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
    a_session(db, max_, tom, minutes=60)

    why = refused(db, mia, max_, starts_at=TEN + HALF)

    assert why.code == "slot_taken"
    assert {name: why.extra[name] for name in ("person_id", "blocking_starts_at", "blocking_ends_at")} == {
        "person_id": max_.id,
        "blocking_starts_at": TEN,
        "blocking_ends_at": TEN + 2 * HALF,
    }
    first = TEN + 2 * HALF
    quarters = [first + n * HALF / 2 for n in range(3)]
    assert why.extra["alternatives"] == [{"starts_at": at, "ends_at": at + HALF} for at in quarters]


def test_what_a_refusal_offers_can_be_booked(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max", time_zone="America/Phoenix")

    why = refused(db, mia, max_)
    offered: Any = why.extra["alternatives"]

    assert (why.code, len(offered)) == ("outside_availability", 3)
    first = offered[0]["starts_at"]
    assert first == MONDAY + timedelta(hours=16)
    assert a_session(db, mia, max_, starts_at=MONDAY + timedelta(hours=16))


@pytest.mark.parametrize("minutes", [-59, -30, -1, 0, 1, 29, 59])
def test_bug_2_ranges_that_overlap_without_being_equal_are_refused(db: DbSession, minutes: int) -> None:
    mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
    a_session(db, mia, max_, minutes=60)

    for length in (60, 60 + abs(minutes)):
        assert refused(db, mia, tom, starts_at=TEN + timedelta(minutes=minutes), minutes=length).code == "slot_taken"


def test_sessions_that_touch_do_not_clash(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")

    for number in (0, 1, -1):
        a_session(db, mia, max_, starts_at=TEN + number * HALF)

    assert len(claimed(db, mia)) == 3


def test_seats_own_calls_and_imported_time_are_in_the_way(db: DbSession) -> None:
    mia, max_, tom, free = (a_person(db, name) for name in ("Mia", "Max", "Tom", "Free"))
    book_seat(db, call_id=a_call(db), observer_id=mia.id, actor=SYSTEM, now=NOW)
    a_call(db, max_)
    taken = [(TEN + timedelta(minutes=29), TEN + timedelta(minutes=40), BusyStatus.BUSY)]
    replace_busy(db, person_id=tom.id, source="outlook", intervals=taken, actor=SYSTEM, now=NOW)

    assert {refused(db, free, who).extra["person_id"] for who in (mia, max_, tom)} == {mia.id, max_.id, tom.id}


def test_buffers_are_kept_on_both_sides_by_those_who_want_them(db: DbSession) -> None:
    mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
    careful = availability.c.person_id == max_.id
    db.execute(update(availability).where(careful).values(buffer_before_minutes=10, buffer_after_minutes=20))
    a_session(db, mia, max_)

    assert claimed(db, max_) == [(TEN - timedelta(minutes=10), TEN + timedelta(minutes=50))]
    assert claimed(db, mia) == [(TEN, TEN + HALF)]
    assert refused(db, tom, max_, starts_at=TEN + timedelta(minutes=59)).code == "slot_taken"
    assert a_session(db, tom, max_, starts_at=TEN + timedelta(minutes=60))
    assert a_session(db, tom, mia, starts_at=TEN + HALF)


@pytest.mark.parametrize(
    ("starts_at", "code"),
    [
        (NOW - timedelta(minutes=1), "past"),
        (NOW, "past"),
        (NOW + timedelta(minutes=14), "min_notice"),
        (NOW + timedelta(days=181), "beyond_horizon"),
        (MONDAY + timedelta(hours=8, minutes=45), "outside_availability"),
        (MONDAY + timedelta(hours=16, minutes=45), "outside_availability"),
    ],
)
def test_a_time_when_nobody_can_says_why(db: DbSession, starts_at: Any, code: str) -> None:
    why = refused(db, a_person(db, "Mia"), a_person(db, "Max"), starts_at=starts_at)

    assert why.code == code


def test_limits_and_leave_name_whose_they_are(db: DbSession) -> None:
    mia, one_a_day, away = a_person(db, "Mia"), a_person(db, "One", sessions_per_day=1), a_person(db, "Away")
    patch_person(db, person_id=away.id, changes={"status": "on_leave"}, actor=SYSTEM, now=NOW)
    a_session(db, mia, one_a_day)

    limit, leave = refused(db, mia, one_a_day, starts_at=TEN + HALF), refused(db, mia, away, starts_at=TEN + HALF)

    assert (limit.code, limit.extra["person_id"]) == ("limit", one_a_day.id)
    assert (leave.code, leave.extra["person_id"]) == ("not_active", away.id)
    assert limit.extra["alternatives"] == [
        {"starts_at": at, "ends_at": at + HALF}
        for at in (MONDAY + timedelta(days=1, hours=9, minutes=15 * n) for n in range(3))
    ]


def test_only_an_admin_plans_for_others_and_unknown_people_are_pointed_at(db: DbSession) -> None:
    mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
    as_tom = Actor(credential_id="key_t", role=Role.MANAGER, person_id=tom.id)

    with pytest.raises(Forbidden):
        book_session(db, plan=a_plan(mia, max_), actor=as_tom, now=NOW)
    with pytest.raises(UnknownReference) as unknown:
        book_session(
            db, plan=a_plan(mia, max_, people={mia.id: Part.MENTEE, "per_none": Part.MENTOR}), actor=SYSTEM, now=NOW
        )

    assert [fault.pointer for fault in unknown.value.faults] == ["/participants/1"]
    assert book_session(db, plan=a_plan(tom, max_), actor=as_tom, now=NOW)


def test_a_refused_booking_leaves_nothing_behind(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    a_session(db, mia, max_)

    refused(db, mia, a_person(db, "Tom"))

    counts = [db.execute(select(func.count()).select_from(table)).scalar() for table in (session, claim, job)]
    assert counts == [1, 2, 2]


def test_a_booking_takes_everybodys_time_and_invites_each_once(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")

    session_id = a_session(db, mia, max_)

    found = row_of(db, session_id)
    assert (found.kind, found.status, found.call_id) == (SessionKind.ONE_ON_ONE, SessionStatus.CONFIRMED, None)
    assert (found.starts_at, found.ends_at, found.sequence, found.version) == (TEN, TEN + HALF, 0, 1)
    assert claimed(db, mia) == claimed(db, max_) == [(TEN, TEN + HALF)]
    assert responses(db, session_id) == {mia.id: "needs_action", max_.id: "needs_action"}
    entries = entries_of(db, session_id)
    assert {entry.person_id for entry in entries} == {mia.id, max_.id}
    assert acts(db, session_id) == [("session.booked", 1)]
    assert db.execute(select(func.count()).select_from(job)).scalar() == 2


def test_bug_29_everybody_is_invited_under_the_one_uid_of_the_session(db: DbSession) -> None:
    session_id = a_session(db, *(a_person(db, name) for name in ("Mia", "Max", "Tom")))

    assert [entry.uid for entry in entries_of(db, session_id)] == [row_of(db, session_id).uid] * 3


def test_bug_20_the_zone_is_the_one_asked_for_else_that_of_who_plans(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max", time_zone="Europe/Berlin")
    as_max = Actor(credential_id="key_m", role=Role.REP, person_id=max_.id)

    def zone(plan: Plan, actor: Actor) -> tuple[str, Any]:
        found = row_of(db, book_session(db, plan=plan, actor=actor, now=NOW))
        return found.time_zone, found.starts_at

    assert zone(a_plan(mia, max_, time_zone="Asia/Kolkata"), as_max) == ("Asia/Kolkata", TEN)
    assert zone(a_plan(mia, max_, starts_at=TEN + HALF), as_max) == ("Europe/Berlin", TEN + HALF)
    assert zone(a_plan(mia, max_, starts_at=TEN - HALF), SYSTEM) == ("Europe/London", TEN - HALF)


def test_bug_23_notice_is_enforced_where_booking_happens(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    just_before, in_time = TEN - timedelta(minutes=15) + timedelta(microseconds=1), TEN - timedelta(minutes=15)

    assert refused(db, mia, max_, now=just_before).code == "min_notice"
    assert a_session(db, mia, max_, now=in_time)


def test_what_is_over_is_logged_takes_no_time_and_invites_nobody(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    saturday = NOW - timedelta(hours=3)

    logged = a_session(db, mia, max_, starts_at=saturday)

    assert row_of(db, logged).status is SessionStatus.COMPLETED
    assert (claimed(db, mia), entries_of(db, logged)) == ([], [])
    assert db.execute(select(func.count()).select_from(job)).scalar() == 0
    assert acts(db, logged) == [("session.completed", 1)]


def test_what_is_logged_is_over_and_not_forgotten(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")

    assert refused(db, mia, max_, starts_at=NOW - timedelta(minutes=10)).code == "past"  # it lasts half an hour
    assert a_session(db, mia, max_, starts_at=NOW - HALF)
    assert a_session(db, mia, max_, starts_at=NOW - timedelta(days=90))
    with pytest.raises(TooLongAgo):
        a_session(db, mia, max_, starts_at=NOW - timedelta(days=90, minutes=1))
    with pytest.raises(Invalid, match="known"):
        a_session(db, mia, starts_at=NOW - timedelta(days=1), one_of=OneOf(Part.MENTOR, [max_.id]))


def mentored_by(db: DbSession, session_id: str) -> str:
    return next(str(entry.person_id) for entry in entries_of(db, session_id) if entry.part is Part.MENTOR)


def by_id(*people: Any) -> list[Any]:
    """In the order in which those who were given equally much have their turns."""
    return sorted(people, key=lambda one: str(one.id))


def test_bug_36_sessions_go_round_among_those_who_are_free(db: DbSession) -> None:
    mia, mentors = a_person(db, "Mia"), by_id(*(a_person(db, f"Mentor {name}") for name in "ABC"))
    one_of = OneOf(Part.MENTOR, [one.id for one in mentors])

    def turn(number: int) -> str:
        starts_at = TEN + number * HALF
        return mentored_by(db, a_session(db, mia, starts_at=starts_at, one_of=one_of, now=NOW + number * HALF))

    assert [turn(number) for number in range(6)] == [one.id for one in mentors] * 2


def test_whose_turn_it_is_falls_to_the_next_when_they_are_elsewhere(db: DbSession) -> None:
    mia, tom = a_person(db, "Mia"), a_person(db, "Tom")
    first, second = by_id(a_person(db, "First"), a_person(db, "Second"))
    one_of = OneOf(Part.MENTOR, [first.id, second.id])
    busy = [(TEN, TEN + HALF, BusyStatus.BUSY)]
    replace_busy(db, person_id=first.id, source="outlook", intervals=busy, actor=SYSTEM, now=NOW)

    assert mentored_by(db, a_session(db, mia, one_of=one_of)) == second.id
    why = refused(db, tom, one_of=one_of)

    offered: Any = why.extra["alternatives"]
    assert (why.code, why.extra["person_id"]) == ("slot_taken", first.id)
    assert offered[0]["starts_at"] == TEN + HALF


def test_a_cancelled_session_is_no_turn(db: DbSession) -> None:
    mia, (first, second) = a_person(db, "Mia"), by_id(a_person(db, "First"), a_person(db, "Second"))
    one_of = OneOf(Part.MENTOR, [first.id, second.id])
    cancelled = a_session(db, mia, one_of=one_of)
    cancel_session(db, session_id=cancelled, actor=SYSTEM, now=NOW)

    assert mentored_by(db, a_session(db, mia, one_of=one_of)) == mentored_by(db, cancelled) == first.id
