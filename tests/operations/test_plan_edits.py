"""Drafts of plans changed by hand: who may be put where, and what the draft says of itself afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import DbSession, transaction
from app.errors import NotFound, Problem, Stale
from app.jobs import plan_runs as jobs
from app.models.tables import event, plan_run
from app.operations import plan_edits, plan_publishing, plan_runs
from app.operations.accounts import create_account
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call
from app.operations.people import patch_person
from app.operations.seats import book_seat
from app.queries import planning, runs
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, RunStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_plan
from tests.statements import counted

HAND: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
TEN = MONDAY + timedelta(hours=10)


def drafted(engine: Engine, run_id: str) -> str:
    run_job(engine, jobs.plan_run, run_id)
    return run_id


def an_empty_draft(db: DbSession) -> Any:
    """A draft over no calls yet: whatever is put there is put there by hand."""
    run = start_plan(db)
    worth = {"objective": 0, "learning": 0, "bound": 0, "gap_percent": 0}
    db.execute(update(plan_run).where(plan_run.c.id == run.id).values(status=RunStatus.DRAFT, **worth))
    return runs.plan_run_by_id(db, run.id, actor=SYSTEM)


def put(db: DbSession, run_id: str, who: Any, call_id: str, **given: Any) -> Any:
    return plan_edits.add_seat(db, run_id=run_id, observer_id=who.id, call_id=call_id, **{**HAND, **given})


def refused(db: DbSession, run_id: str, who: Any, call_id: str) -> Problem:
    with pytest.raises(Problem) as why, db.begin_nested():
        put(db, run_id, who, call_id)
    return why.value


def test_nobody_is_put_where_booking_would_refuse_them_and_its_code_says_why(db: DbSession) -> None:
    junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    run_id = an_empty_draft(db).id
    open_, off = a_call(db, mentor, starts_at=TEN), a_call(db, mentor, starts_at=TEN + timedelta(hours=2))
    night, taken = (a_call(db, mentor, starts_at=MONDAY + timedelta(hours=hour)) for hour in (3, 15))
    cancel_call(db, call_id=off, **HAND)
    busy = [(MONDAY + timedelta(hours=15), MONDAY + timedelta(hours=16), BusyStatus.BUSY)]
    replace_busy(db, person_id=junior.id, source="outlook", intervals=busy, **HAND)

    codes = {call_id: refused(db, run_id, junior, call_id).code for call_id in (off, night, taken)}

    assert codes == {off: "call_cancelled", night: "outside_availability", taken: "slot_taken"}
    assert put(db, run_id, junior, open_).by_hand


def test_a_seat_stands_beside_the_others_of_the_draft_as_if_they_were_booked(db: DbSession) -> None:
    junior, rival, mentor = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara", host_per_day=2)
    other = a_mentor(db, "Jonas")
    run_id = an_empty_draft(db).id
    first = a_call(db, mentor, starts_at=TEN, seats=1)
    same_time = a_call(db, other, starts_at=TEN)
    later, latest = (a_call(db, mentor, starts_at=TEN + timedelta(hours=hours)) for hours in (2, 4))
    put(db, run_id, junior, first)

    assert refused(db, run_id, rival, first).code == "seats_full"
    assert refused(db, run_id, junior, same_time).code == "slot_taken"
    put(db, run_id, rival, later)
    assert refused(db, run_id, rival, latest).code == "limit"  # two observers a day are enough for Mara


def test_two_calls_that_their_host_wants_apart_are_not_both_planned(db: DbSession) -> None:
    junior, rival = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
    mentor = a_mentor(db, "Mara", host_gap_minutes=30)
    run_id = an_empty_draft(db).id
    first, near = a_call(db, mentor, starts_at=TEN), a_call(db, mentor, starts_at=TEN + timedelta(minutes=45))
    put(db, run_id, junior, first)

    assert refused(db, run_id, rival, near).code == "limit"


def test_one_account_is_heard_once_and_one_host_twice(db: DbSession) -> None:
    junior, mentor, other = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    account = create_account(db, fields={"name": "Northwind"}, refs=[], **HAND).id
    run_id = an_empty_draft(db).id
    put(db, run_id, junior, a_call(db, mentor, starts_at=TEN, account_id=account))
    put(db, run_id, junior, a_call(db, mentor, starts_at=TEN + timedelta(days=1)))

    of_account = refused(db, run_id, junior, a_call(db, other, starts_at=TEN + timedelta(days=2), account_id=account))
    of_host = refused(db, run_id, junior, a_call(db, mentor, starts_at=TEN + timedelta(days=3)))

    assert [(why.code, why.extra["limit"]) for why in (of_account, of_host)] == [
        ("plan_limit", "account"),
        ("plan_limit", "host_variety"),
    ]


def test_strangers_other_weeks_twins_and_what_is_booked_are_refused(db: DbSession) -> None:
    junior, mentor, guest = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_person(db, "Guest")
    run_id = an_empty_draft(db).id
    call, booked = a_call(db, mentor, starts_at=TEN), a_call(db, mentor, starts_at=TEN + timedelta(hours=3))
    next_week = a_call(db, mentor, starts_at=TEN + timedelta(days=7))
    seat = book_seat(db, call_id=booked, observer_id=junior.id, **HAND)
    planned = put(db, run_id, junior, call)

    twin, held = refused(db, run_id, junior, call), refused(db, run_id, junior, booked)

    assert (twin.code, twin.extra) == ("already_planned", {"plan_seat_id": planned.id})
    assert (held.code, held.extra) == ("already_booked", {"seat_id": seat.id})
    for who, where, code, pointer in (
        (guest, call, "not_in_plan", "/observer_id"),
        (junior, next_week, "not_in_plan", "/call_id"),
        (junior, "call_none", "unknown_reference", "/call_id"),
    ):
        why = refused(db, run_id, who, where)
        assert (why.code, why.faults[0].pointer) == (code, pointer)


def test_only_the_version_that_was_read_is_changed_and_only_while_it_is_a_draft(db: DbSession) -> None:
    junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    run = an_empty_draft(db)
    call = a_call(db, mentor, starts_at=TEN)

    with pytest.raises(Stale), db.begin_nested():
        put(db, run.id, junior, call, expected_version=run.version - 1)
    planned = put(db, run.id, junior, call, expected_version=run.version)
    with pytest.raises(NotFound), db.begin_nested():
        plan_edits.drop_seat(db, run_id=run.id, seat_id="pls_none", **HAND)
    plan_publishing.start_publishing(db, run_id=run.id, **HAND)

    with pytest.raises(Problem) as why:
        plan_edits.drop_seat(db, run_id=run.id, seat_id=planned.id, **HAND)
    assert why.value.code == "not_a_draft"


def a_solved_draft(engine: Engine, *, calls: int = 2) -> str:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        mentors = [a_mentor(db, "Mara"), a_mentor(db, "Jonas")]
        for day in range(calls):
            a_call(db, mentors[day % 2], starts_at=TEN + timedelta(days=day), type=("demo", "discovery")[day % 2])
        run_id: str = start_plan(db).id
    return drafted(engine, run_id)


def worth_of(run: Any) -> tuple[Any, ...]:
    return run.objective, run.learning, run.bound, run.gap_percent, sorted(map(repr, run.unmet))


def test_what_is_dropped_and_put_back_leaves_the_draft_worth_what_it_was(engine: Engine) -> None:
    run_id = a_solved_draft(engine)
    with transaction(engine, writes=True) as db:
        before = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        first = runs.plan_seats(db, run_id)[0]

        plan_edits.drop_seat(db, run_id=run_id, seat_id=first.id, **HAND)

        without = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        assert without.dropped == [[first.observer_id, first.call_id]]
        assert without.objective < before.objective
        assert without.gap_percent > before.gap_percent
        assert {one["need"] for one in without.unmet if one["reason"] == "dropped"} >= set(first.meets) - {
            need for one in runs.plan_seats(db, run_id) for need in one.meets
        }
        place = {"observer_id": first.observer_id, "call_id": first.call_id}
        again = plan_edits.add_seat(db, run_id=run_id, **place, **HAND)

        after = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        assert worth_of(after) == worth_of(before)
        assert after.dropped == []
        assert (again.value, again.terms, again.teaches, again.meets) == (
            first.value,
            first.terms,
            first.teaches,
            first.meets,
        )
        told = db.execute(select(event.c.act).where(event.c.object_id == run_id).order_by(event.c.version)).scalars()
        assert list(told)[-2:] == ["plan_run.changed"] * 2


def test_a_seat_given_to_somebody_else_is_theirs_and_the_first_is_not_proposed_again(engine: Engine) -> None:
    run_id = a_solved_draft(engine)
    with transaction(engine, writes=True) as db:
        other = a_mentee(db, "Tom")
        seat = runs.plan_seats(db, run_id)[0]

        made = plan_edits.swap_seat(db, run_id=run_id, seat_id=seat.id, observer_id=other.id, **HAND)

        run = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        assert (made.observer_id, made.call_id, made.pinned) == (other.id, seat.call_id, True)
        assert seat.id not in {one.id for one in runs.plan_seats(db, run_id)}
        assert run.dropped == [[seat.observer_id, seat.call_id]]
        with pytest.raises(Problem) as why, db.begin_nested():
            plan_edits.swap_seat(db, run_id=run_id, seat_id=made.id, observer_id=other.id, **HAND)
        assert why.value.code == "already_planned"


def test_planning_anew_keeps_what_is_pinned_leaves_out_what_was_dropped_and_takes_the_drafts_place(
    engine: Engine,
) -> None:
    run_id = a_solved_draft(engine, calls=4)
    with transaction(engine, writes=True) as db:
        kept, gone, *_ = runs.plan_seats(db, run_id)
        assert plan_edits.pin_seat(db, run_id=run_id, seat_id=kept.id, pinned=True, **HAND).pinned
        plan_edits.drop_seat(db, run_id=run_id, seat_id=gone.id, **HAND)
        again = plan_runs.replan(db, run_id=run_id, **HAND)
        for act in (plan_runs.replan, plan_publishing.start_publishing):
            with pytest.raises(Problem) as why, db.begin_nested():
                act(db, run_id=run_id, **HAND)
            assert (why.value.code, why.value.extra) == ("being_replanned", {"plan_run_id": again.id})

    drafted(engine, again.id)

    with transaction(engine, writes=False) as db:
        new, old = (runs.plan_run_by_id(db, which, actor=SYSTEM) for which in (again.id, run_id))
        planned = {(one.observer_id, one.call_id): one.pinned for one in runs.plan_seats(db, again.id)}
    assert (new.status, old.status, new.replans_id) == (RunStatus.DRAFT, RunStatus.CANCELLED, run_id)
    assert planned[kept.observer_id, kept.call_id] is True
    assert (gone.observer_id, gone.call_id) not in planned


def test_a_pin_that_booking_would_refuse_is_named_before_anything_is_planned_anew(engine: Engine) -> None:
    run_id = a_solved_draft(engine)
    with transaction(engine, writes=True) as db:
        seat = runs.plan_seats(db, run_id)[0]
        plan_edits.pin_seat(db, run_id=run_id, seat_id=seat.id, pinned=True, **HAND)
        cancel_call(db, call_id=seat.call_id, **HAND)

        with pytest.raises(Problem) as why:
            plan_runs.replan(db, run_id=run_id, **HAND)

        place = {"observer_id": seat.observer_id, "call_id": seat.call_id}
        assert (why.value.code, why.value.extra) == ("contradictory_pins", {**place, "constraint": "call_cancelled"})


def test_pins_given_at_the_start_hold_and_contradictions_are_named(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        junior, other, mentor = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara", languages=["de"])
        call = a_call(db, mentor, starts_at=TEN, seats=1, language="de")  # which neither of them speaks
        pin, rival = (junior.id, call), (other.id, call)
        for given, code in (
            ({"pins": [pin], "dropped": [pin]}, "contradictory_pins"),
            ({"pins": [pin, rival]}, "contradictory_pins"),
            ({"pins": [("per_none", call)]}, "unknown_reference"),
            ({"dropped": [(mentor.id, call)]}, "not_in_plan"),
        ):
            with pytest.raises(Problem) as why, db.begin_nested():
                start_plan(db, **given)
            assert why.value.code == code, given
        run_id = start_plan(db, pins=[pin]).id

    drafted(engine, run_id)

    with transaction(engine, writes=False) as db:
        planned = [(one.observer_id, one.call_id, one.pinned) for one in runs.plan_seats(db, run_id)]
    assert planned == [(*pin, True)]


def test_a_pin_that_broke_while_the_run_waited_fails_it_and_names_the_seat_and_the_code(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        call = a_call(db, mentor, starts_at=TEN)
        run = start_plan(db, pins=[(junior.id, call)])
        patch_person(db, person_id=junior.id, changes={"time_zone": "Australia/Sydney"}, **HAND)

    run_job(engine, jobs.plan_run, run.id)

    with transaction(engine, writes=False) as db:
        said = runs.operation_by_id(db, run.operation_id, actor=SYSTEM)
        assert said.error == {
            "code": "contradictory_pins",
            "detail": f"These pins can't hold: {junior.id} on {call}: outside_availability.",
        }
        assert runs.plan_run_by_id(db, run.id, actor=SYSTEM).status is RunStatus.FAILED


@pytest.mark.parametrize("solved", [False, True])
def test_a_run_that_is_called_off_stays_off(engine: Engine, solved: bool) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        run_id = start_plan(db).id
    if solved:
        drafted(engine, run_id)
    with transaction(engine, writes=True) as db:
        first = plan_runs.cancel_plan_run(db, run_id=run_id, **HAND)
        again = plan_runs.cancel_plan_run(db, run_id=run_id, **HAND)
        assert (first.status, again.version) == (RunStatus.CANCELLED, first.version)

    run_job(engine, jobs.plan_run, run_id)

    with transaction(engine, writes=True) as db:
        assert runs.plan_run_by_id(db, run_id, actor=SYSTEM).status is RunStatus.CANCELLED
        with pytest.raises(Problem) as why:
            plan_publishing.start_publishing(db, run_id=run_id, **HAND)
        assert why.value.code == "not_a_draft"


def test_a_draft_says_which_seats_booking_would_refuse_by_now(engine: Engine) -> None:
    run_id = a_solved_draft(engine, calls=3)
    with transaction(engine, writes=True) as db:
        first, second, third = runs.plan_seats(db, run_id)
        assert planning.stale(db, [first, second, third], now=NOW) == {}
        cancel_call(db, call_id=first.call_id, **HAND)
        book_seat(db, call_id=second.call_id, observer_id=second.observer_id, **HAND)  # it stands already

        assert planning.stale(db, [first, second, third], now=NOW) == {first.id: "call_cancelled"}
        patch_person(db, person_id=third.observer_id, changes={"observe_per_week": 1}, **HAND)
        assert planning.stale(db, [first, second, third], now=NOW) == {first.id: "call_cancelled", third.id: "limit"}


def test_as_many_statements_tell_what_is_stale_for_one_seat_and_for_many(engine: Engine) -> None:
    run_id = a_solved_draft(engine, calls=3)
    costs = []
    with transaction(engine, writes=False) as db:
        seats = runs.plan_seats(db, run_id)
        for some in (seats[:1], seats):
            with counted(engine) as statements:
                planning.stale(db, some, now=NOW)
            costs.append(len(statements))

    assert len(seats) == 3
    assert costs[0] == costs[1] <= 12
