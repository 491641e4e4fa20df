"""Sessions without a call that move, are cancelled, put on again and answered: refusals first."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.db import DbSession
from app.errors import Forbidden, Invalid, NotFound, Stale
from app.models.tables import job, seat, session
from app.operations.holds import give_hold_back, hold_time
from app.operations.people import patch_person
from app.operations.refused import NotActive, Past, SeatOver, SlotTaken
from app.operations.responses import respond
from app.operations.seats import book_seat, release_seat, wait_if_full
from app.operations.session_locks import IllegalMove
from app.operations.sessions import MovesWithCall, UndoOver, cancel_session, reschedule_session, undo_cancel
from app.rules.access import SYSTEM, Actor
from app.vocabulary import EntryStatus, Response, Role, SeatStatus, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, a_plan, a_session, acts, claimed, entries_of, responses, row_of
from tests.worlds import worlds

MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(seconds=20)


def move(db: DbSession, session_id: str, starts_at: datetime, **given: Any) -> None:
    reschedule_session(db, **{"session_id": session_id, "starts_at": starts_at, "actor": SYSTEM, "now": NOW, **given})


def cancel(db: DbSession, session_id: str, **given: Any) -> None:
    cancel_session(db, **{"session_id": session_id, "actor": SYSTEM, "now": NOW, **given})


def undo(db: DbSession, session_id: str, **given: Any) -> None:
    undo_cancel(db, **{"session_id": session_id, "actor": SYSTEM, "now": NOW, **given})


def answer(db: DbSession, session_id: str, who: Any, response: Response, **given: Any) -> None:
    given = {"actor": as_(who), "now": NOW, **given}
    respond(db, session_id=session_id, person_id=who.id, response=response, **given)


def as_(who: Any) -> Actor:
    return Actor(credential_id="key_x", role=Role.REP, person_id=who.id)


def two(db: DbSession) -> tuple[Any, Any]:
    return a_person(db, "Mia"), a_person(db, "Max")


def a_seat_of(db: DbSession, observer: Any, **fields: Any) -> Any:
    return book_seat(db, call_id=a_call(db, **fields), observer_id=observer.id, actor=SYSTEM, now=NOW)


def test_who_takes_no_part_finds_nothing_to_change(db: DbSession) -> None:
    session_id, tom = a_session(db, *two(db)), as_(a_person(db, "Tom"))

    for act in (cancel, undo):
        with pytest.raises(NotFound):
            act(db, session_id, actor=tom)
    with pytest.raises(NotFound):
        move(db, session_id, TEN + HALF, actor=tom)


def test_a_client_that_read_another_version_changes_nothing(db: DbSession) -> None:
    session_id = a_session(db, *two(db))

    for act in (cancel, undo):
        with pytest.raises(Stale):
            act(db, session_id, expected_version=7)
    with pytest.raises(Stale):
        move(db, session_id, TEN + HALF, expected_version=7)


def test_what_is_cancelled_or_over_does_not_move(db: DbSession) -> None:
    mia, max_ = two(db)
    cancelled, over = a_session(db, mia, max_), a_session(db, mia, max_, starts_at=TEN + HALF)
    cancel(db, cancelled)

    with pytest.raises(IllegalMove) as why:
        move(db, cancelled, TEN)
    assert why.value.extra == {"session_status": "cancelled", "possible": ["undo-cancel"]}
    with pytest.raises(Past):
        cancel(db, over, now=TEN + 2 * HALF)
    with pytest.raises(Past):
        move(db, over, TEN + 4 * HALF, now=TEN + 2 * HALF)


def test_a_session_on_a_call_moves_with_it(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    seat_row = a_seat_of(db, mia)

    with pytest.raises(MovesWithCall) as why:
        move(db, seat_row.session_id, TEN + HALF)

    assert why.value.extra == {"call_id": seat_row.call_id}


def test_who_is_elsewhere_keeps_a_session_where_it_is(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)
    a_session(db, max_, a_person(db, "Tom"), starts_at=TEN + 2 * HALF)

    with pytest.raises(SlotTaken) as why:
        move(db, session_id, TEN + HALF + MINUTE)

    assert why.value.extra["person_id"] == max_.id
    assert claimed(db, mia) == [(TEN, TEN + HALF)]


def test_bug_25_a_session_moves_over_itself(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    move(db, session_id, TEN + 10 * MINUTE)
    move(db, session_id, TEN + 5 * MINUTE, duration_minutes=60)

    assert claimed(db, mia) == claimed(db, max_) == [(TEN + 5 * MINUTE, TEN + 65 * MINUTE)]


def test_bug_26_the_old_time_is_free_at_once(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    move(db, session_id, TEN + 2 * HALF)

    assert a_session(db, mia, max_)


def test_bug_28_every_move_is_a_new_revision_of_the_same_event_for_everybody(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)
    uid = row_of(db, session_id).uid

    for number in (1, 2):
        move(db, session_id, TEN + number * HALF)

    found = row_of(db, session_id)
    assert (found.uid, found.sequence, found.version, found.starts_at) == (uid, 2, 3, TEN + 2 * HALF)
    shown = [(one.uid, one.sequence, one.starts_at, one.status) for one in entries_of(db, session_id)]
    assert shown == [(uid, 2, TEN + 2 * HALF, EntryStatus.CONFIRMED)] * 2
    assert acts(db, session_id) == [("session.booked", 1), ("session.moved", 2), ("session.moved", 3)]


def test_a_new_time_is_a_new_question_and_the_same_time_is_none(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)
    answer(db, session_id, mia, Response.ACCEPTED)
    answer(db, session_id, max_, Response.TENTATIVE, proposed_starts_at=TEN + HALF)

    move(db, session_id, TEN, duration_minutes=30)
    assert responses(db, session_id) == {mia.id: "accepted", max_.id: "tentative"}
    move(db, session_id, TEN + HALF)

    assert responses(db, session_id) == {mia.id: "needs_action", max_.id: "needs_action"}
    assert row_of(db, session_id).version == 4


def test_bug_30_a_cancel_frees_everybody_and_tells_each_of_them_once(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    for _ in "ab":
        cancel(db, session_id, actor=as_(mia))

    found = row_of(db, session_id)
    assert (found.status, found.sequence, found.version) == (SessionStatus.CANCELLED, 1, 2)
    assert (claimed(db, mia), claimed(db, max_)) == ([], [])
    assert [(one.status, one.sequence) for one in entries_of(db, session_id)] == [(EntryStatus.CANCELLED, 1)] * 2
    assert len(db.execute(select(job)).all()) == 2
    assert acts(db, session_id)[1:] == [("session.cancelled", 2)]
    assert a_session(db, mia, max_)


def test_cancelling_the_session_of_a_seat_releases_it(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    taken = a_seat_of(db, mia)

    cancel(db, taken.session_id, actor=as_(mia))

    assert db.execute(select(seat.c.status)).scalar() is SeatStatus.RELEASED
    assert row_of(db, taken.session_id).status is SessionStatus.CANCELLED
    with pytest.raises(IllegalMove):
        undo(db, taken.session_id)


def test_a_cancel_is_undone_within_a_moment_if_everybody_is_still_free(db: DbSession) -> None:
    mia, max_ = two(db)
    back, late, clash = (a_session(db, mia, max_, starts_at=TEN + n * HALF) for n in range(3))
    for session_id in (back, late, clash):
        cancel(db, session_id)
    a_session(db, mia, a_person(db, "Tom"), starts_at=TEN + 2 * HALF)

    undo(db, back, now=LATER - timedelta(seconds=6))
    with pytest.raises(UndoOver):
        undo(db, late, now=LATER)
    with pytest.raises(SlotTaken) as why:
        undo(db, clash)
    with pytest.raises(IllegalMove):
        undo(db, back)

    assert why.value.extra["person_id"] == mia.id
    found = row_of(db, back)
    assert (found.status, found.sequence, found.version) == (SessionStatus.CONFIRMED, 2, 3)
    assert claimed(db, max_) == [(TEN, TEN + HALF)]
    assert {one.status for one in entries_of(db, back)} == {EntryStatus.CONFIRMED}


def test_an_undo_takes_no_time_of_who_had_declined(db: DbSession) -> None:
    mia, max_ = two(db)
    tom = a_person(db, "Tom")
    session_id = a_session(db, mia, max_, tom)
    answer(db, session_id, tom, Response.DECLINED)
    a_session(db, tom, a_person(db, "Ida"))
    cancel(db, session_id)

    undo(db, session_id)

    assert claimed(db, mia) == claimed(db, max_) == [(TEN, TEN + HALF)]
    assert responses(db, session_id)[tom.id] == "declined"


def test_what_nobody_cancelled_by_hand_is_not_put_on_again(db: DbSession) -> None:
    mia, max_ = two(db)
    declined = a_session(db, mia, max_)
    plans = [a_plan(mia, max_, starts_at=TEN + n * HALF) for n in (1, 2)]
    held, held_too = (hold_time(db, plan=one, actor=SYSTEM, now=NOW) for one in plans)
    answer(db, declined, max_, Response.DECLINED)
    give_hold_back(db, hold_id=held.id, actor=SYSTEM, now=NOW)
    cancel(db, held_too.session_id)

    for session_id in (declined, held.session_id, held_too.session_id):
        with pytest.raises(UndoOver):
            undo(db, session_id)

    assert claimed(db, mia) == claimed(db, max_) == []


def test_nothing_is_put_on_again_that_is_over_or_with_who_has_left(db: DbSession) -> None:
    mia, max_ = two(db)
    over, left = a_session(db, mia, max_), a_session(db, mia, max_, starts_at=TEN + HALF)
    cancel(db, over, now=TEN + HALF - timedelta(seconds=1))
    with pytest.raises(Past):
        undo(db, over, now=TEN + HALF)
    cancel(db, left)
    patch_person(db, person_id=max_.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    with pytest.raises(NotActive) as why:
        undo(db, left)

    assert why.value.extra == {"person_id": max_.id}
    assert claimed(db, mia) == []


def test_a_debrief_is_put_on_again_only_while_its_seat_is_held(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    taken = book_seat(db, call_id=a_call(db), observer_id=mia.id, debrief_minutes=15, actor=SYSTEM, now=NOW)
    debrief = db.execute(select(session.c.id).where(session.c.follows_id == taken.session_id)).scalar_one()

    cancel(db, debrief)
    undo(db, debrief)
    assert row_of(db, debrief).status is SessionStatus.CONFIRMED
    cancel(db, debrief)
    release_seat(db, seat_id=taken.id, actor=SYSTEM, now=NOW)

    with pytest.raises(SeatOver):
        undo(db, debrief)
    assert claimed(db, mia) == []


def test_a_debrief_that_was_cancelled_with_its_seat_is_not_put_on_again(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    taken = book_seat(db, call_id=a_call(db), observer_id=mia.id, debrief_minutes=15, actor=SYSTEM, now=NOW)
    debrief = db.execute(select(session.c.id).where(session.c.follows_id == taken.session_id)).scalar_one()

    release_seat(db, seat_id=taken.id, actor=SYSTEM, now=NOW)

    with pytest.raises(UndoOver):
        undo(db, debrief)


def test_people_answer_for_themselves_and_only_for_what_is_to_come(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    with pytest.raises(Forbidden):
        answer(db, session_id, mia, Response.ACCEPTED, actor=as_(max_))
    with pytest.raises(Forbidden):
        answer(db, session_id, a_person(db, "Tom"), Response.ACCEPTED, actor=SYSTEM)
    with pytest.raises(Past):
        answer(db, session_id, mia, Response.ACCEPTED, now=TEN + HALF)
    cancel(db, session_id)
    with pytest.raises(IllegalMove):
        answer(db, session_id, mia, Response.ACCEPTED)


@pytest.mark.parametrize(
    ("response", "proposed"), [(Response.ACCEPTED, TEN + HALF), (Response.DECLINED, NOW), (Response.TENTATIVE, NOW)]
)
def test_another_time_is_suggested_by_who_does_not_accept_and_lies_ahead(
    db: DbSession, response: Response, proposed: datetime
) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    with pytest.raises(Invalid):
        answer(db, session_id, mia, response, proposed_starts_at=proposed)

    assert responses(db, session_id)[mia.id] == "needs_action"


def test_an_answer_is_noted_once_and_shown_to_everybody(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)
    before = {one.id: one.changed_at for one in entries_of(db, session_id)}

    for _ in "ab":
        answer(db, session_id, mia, Response.ACCEPTED)

    assert responses(db, session_id) == {mia.id: "accepted", max_.id: "needs_action"}
    assert acts(db, session_id)[1:] == [("session.answered", 2)]
    assert all(one.changed_at > before[one.id] and one.sequence == 0 for one in entries_of(db, session_id))


def test_when_one_of_two_declines_the_session_is_cancelled(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    answer(db, session_id, max_, Response.DECLINED)

    assert row_of(db, session_id).status is SessionStatus.CANCELLED
    assert (claimed(db, mia), claimed(db, max_)) == ([], [])
    assert responses(db, session_id)[max_.id] == "declined"
    assert [act for act, _ in acts(db, session_id)] == ["session.booked", "session.answered", "session.cancelled"]


def test_who_declines_and_suggests_another_time_asks_a_question(db: DbSession) -> None:
    mia, max_ = two(db)
    session_id = a_session(db, mia, max_)

    answer(db, session_id, max_, Response.DECLINED, proposed_starts_at=TEN + 4 * HALF)
    assert (row_of(db, session_id).status, claimed(db, max_)) == (SessionStatus.CONFIRMED, [])
    assert claimed(db, mia) == [(TEN, TEN + HALF)]
    move(db, session_id, TEN + 4 * HALF, actor=as_(mia))

    assert claimed(db, max_) == [(TEN + 4 * HALF, TEN + 5 * HALF)]
    assert responses(db, session_id) == {mia.id: "needs_action", max_.id: "needs_action"}


def test_of_three_one_may_decline_and_change_their_mind_while_they_are_free(db: DbSession) -> None:
    mia, max_ = two(db)
    tom = a_person(db, "Tom")
    session_id = a_session(db, mia, max_, tom)

    answer(db, session_id, tom, Response.DECLINED)
    elsewhere = a_session(db, tom, a_person(db, "Ida"), starts_at=TEN + 10 * MINUTE)
    with pytest.raises(SlotTaken), db.begin_nested():
        answer(db, session_id, tom, Response.ACCEPTED)
    cancel(db, elsewhere)
    answer(db, session_id, tom, Response.ACCEPTED)

    assert row_of(db, session_id).status is SessionStatus.CONFIRMED
    assert claimed(db, tom) == [(TEN, TEN + HALF)]
    for who, status in ((tom, SessionStatus.CONFIRMED), (max_, SessionStatus.CANCELLED)):
        answer(db, session_id, who, Response.DECLINED)
        assert row_of(db, session_id).status is status


def test_an_observer_who_declines_gives_the_seat_to_somebody_else(db: DbSession) -> None:
    mia, tom = a_person(db, "Mia"), a_person(db, "Tom")
    taken = a_seat_of(db, mia, seats=1)

    answer(db, taken.session_id, mia, Response.TENTATIVE)
    answer(db, taken.session_id, mia, Response.DECLINED)

    assert db.execute(select(seat.c.status)).scalar() is SeatStatus.RELEASED
    assert responses(db, taken.session_id)[mia.id] == "declined"
    assert [act for act, _ in acts(db, taken.session_id)][1:] == ["session.answered", "session.cancelled"]
    assert book_seat(db, call_id=taken.call_id, observer_id=tom.id, actor=SYSTEM, now=NOW)


def test_whoever_waits_is_offered_the_seat_of_an_observer_who_declines(db: DbSession) -> None:
    mia, tom = a_person(db, "Mia"), a_person(db, "Tom")
    taken = a_seat_of(db, mia, seats=1)
    wait_if_full(db, call_id=taken.call_id, observer_id=tom.id, actor=SYSTEM, now=NOW)

    answer(db, taken.session_id, mia, Response.DECLINED)

    offered = db.execute(select(seat).where(seat.c.observer_id == tom.id)).one()
    assert offered.status is SeatStatus.REQUESTED


steps = st.lists(
    st.tuples(st.sampled_from(["book", "move", "cancel", "decline", "accept"]), st.integers(0, 5), st.integers(0, 11)),
    max_size=14,
)


@settings(max_examples=worlds(20))
@given(steps)
def test_bug_1_whatever_is_done_everybody_is_in_one_place_and_only_where_a_session_stands(
    db: DbSession, steps: list[tuple[str, int, int]]
) -> None:
    people, made = [a_person(db, f"P{number}") for number in range(4)], list[str]()
    pairs = [(a, b) for a in range(4) for b in range(a)]

    def carry_out(what: str, which: int, when: int) -> None:
        starts_at = MONDAY + timedelta(hours=10, minutes=20 * when)
        if what == "book":
            made.append(a_session(db, *(people[one] for one in pairs[which]), starts_at=starts_at))
        elif made:
            session_id = made[which % len(made)]
            who = next(one for one in people if one.id in responses(db, session_id))
            if what == "move":
                move(db, session_id, starts_at)
            elif what == "cancel":
                cancel(db, session_id)
            else:
                other = starts_at if what == "decline" and when % 2 else None
                response = Response.DECLINED if what == "decline" else Response.ACCEPTED
                answer(db, session_id, who, response, proposed_starts_at=other)

    for step in steps:
        try:
            with db.begin_nested():
                carry_out(*step)
        except (SlotTaken, IllegalMove):
            pass

    for person in people:
        planned = [
            (row.starts_at, row.ends_at)
            for row in (row_of(db, one) for one in made)
            if row.status is SessionStatus.CONFIRMED
            and responses(db, row.id).get(person.id, "declined") != Response.DECLINED
        ]
        taken = claimed(db, person)
        assert taken == sorted(planned)
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(taken))
    for one in made:
        row = row_of(db, one)
        stands = row.status is SessionStatus.CONFIRMED
        assert {entry.status is EntryStatus.CONFIRMED for entry in entries_of(db, one)} == {stands}
        assert {(entry.starts_at, entry.sequence) for entry in entries_of(db, one)} == {(row.starts_at, row.sequence)}
