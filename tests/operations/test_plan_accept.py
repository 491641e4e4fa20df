"""One seat of a draft booked now: what stands against it, what the draft may still do with it, and who comes first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import DbSession, make_engine, transaction, written
from app.errors import Problem
from app.jobs import plan_runs as jobs
from app.models.tables import calendar_entry, call, event, person, plan_seat, seat
from app.operations import operations, plan_edits, plan_publishing, plan_runs
from app.operations.calls import cancel_call
from app.operations.people import patch_person
from app.operations.plan_publishing import accept_seat
from app.operations.program_managers import add_manager
from app.operations.refused import AlreadyBooked
from app.operations.runs import NotADraft
from app.operations.seats import book_seat, release_seat
from app.queries import planning, runs
from app.rules.access import SYSTEM, Actor
from app.rules.planning.problem import PlanAnswer, PlannedSeat
from app.rules.planning.solve import solve
from app.vocabulary import PersonStatus, Role, RunStatus, SeatApproval, SeatStatus
from tests.databases import patient
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.operations.test_lock_order import side_by_side, wait_until_blocked
from tests.patience import PATIENCE_SECONDS
from tests.pools import a_mentee, a_mentor, run_job, start_plan

HAND: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
TEN = MONDAY + timedelta(hours=10)


def a_draft(db: DbSession, *places: tuple[Any, str]) -> str:
    """A draft that puts these people on these calls, without a solver."""
    run_id: str = start_plan(db).id
    seats = tuple(
        PlannedSeat(who.id, call_id, 100, {"skill": 100}, teaches=(), meets=("discovery",), pinned=False)
        for who, call_id in places
    )
    answer = PlanAnswer(seats, (), fairness=0, learning=0, bound=0, timed_out=False)
    plan_runs.keep_draft(db, run_id=run_id, answer=answer, inputs_hash="given", now=NOW)
    return run_id


def two_seats(engine: Engine) -> tuple[str, str, str]:
    """A draft of one junior on two calls; its id and those of its seats."""
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        calls = [a_call(db, mentor, starts_at=TEN + timedelta(days=day)) for day in (0, 1)]
        run_id = a_draft(db, *((junior, one) for one in calls))
        first, second = runs.plan_seats(db, run_id)
    return run_id, first.id, second.id


def accept(db: DbSession, run_id: str, seat_id: str, **given: Any) -> Any:
    return accept_seat(db, run_id=run_id, seat_id=seat_id, **{**HAND, **given})


def refused(db: DbSession, run_id: str, seat_id: str, **given: Any) -> Problem:
    with pytest.raises(Problem) as why, db.begin_nested():
        accept(db, run_id, seat_id, **given)
    return why.value


def booked(db: DbSession) -> int:
    return int(db.execute(select(func.count()).select_from(seat)).scalar_one())


def test_a_seat_that_booking_refuses_by_now_is_refused_by_the_same_code_and_stays_planned(engine: Engine) -> None:
    run_id, first, second = two_seats(engine)
    with transaction(engine, writes=True) as db:
        before = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        one, other = runs.plan_seats(db, run_id)
        cancel_call(db, call_id=one.call_id, **HAND)
        db.execute(update(call).where(call.c.id == other.call_id).values(sensitive=True))
        stale = planning.stale(db, [one, other], now=NOW)

        said = {seat_id: refused(db, run_id, seat_id).code for seat_id in (first, second)}

        assert said == stale == {first: "call_cancelled", second: "not_joinable"}
        after = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        assert (booked(db), after.version, after.status) == (0, before.version, RunStatus.DRAFT)
        assert all(row.seat_id is row.refusal is None for row in runs.plan_seats(db, run_id))


def test_nobody_accepts_what_is_not_there_not_theirs_not_a_draft_or_not_as_they_saw_it(engine: Engine) -> None:
    run_id, first, second = two_seats(engine)
    with transaction(engine, writes=True) as db:
        run = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        auditor, stranger = a_person(db, "Ina"), a_person(db, "Lea")
        by = {who.id: Actor("crd_x", role, who.id) for who, role in ((auditor, Role.AUDITOR), (stranger, Role.MANAGER))}

        said = [
            refused(db, run_id, first, actor=by[auditor.id]).status,
            refused(db, run_id, first, actor=by[stranger.id]).status,
            refused(db, run_id, "pls_none").status,
            refused(db, run_id, first, expected_version=run.version - 1).code,
        ]

        assert said == [403, 404, 404, "stale"]
        with db.begin_nested() as tried:
            plan_runs.replan(db, run_id=run_id, **HAND)
            assert refused(db, run_id, first).code == "being_replanned"
            tried.rollback()
        accept(db, run_id, first, expected_version=run.version)
        plan_publishing.start_publishing(db, run_id=run_id, **HAND)

        assert refused(db, run_id, second).code == "not_a_draft"
        assert booked(db) == 1


def test_one_seat_is_booked_as_publishing_books_it_and_the_rest_stays_a_draft(engine: Engine) -> None:
    run_id, first, second = two_seats(engine)
    with transaction(engine, writes=True) as db:
        before = runs.plan_run_by_id(db, run_id, actor=SYSTEM)

        made = accept(db, run_id, first)
        again = accept(db, run_id, first)

        run = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        taken = db.execute(select(seat).where(seat.c.id == made.seat_id)).one()
        assert (taken.observer_id, taken.call_id, taken.status) == (made.observer_id, made.call_id, "confirmed")
        assert again.seat_id == made.seat_id
        assert (run.status, run.version, run.objective) == (RunStatus.DRAFT, before.version + 1, before.objective)
        assert {row.id: row.seat_id for row in runs.plan_seats(db, run_id)} == {first: made.seat_id, second: None}
        entries = select(calendar_entry.c.person_id).join(call, call.c.id == taken.call_id)
        assert set(db.execute(entries).scalars()) == {taken.observer_id, *db.execute(select(call.c.host_id)).scalars()}
        told = select(event.c.act).where(event.c.object_id.in_([run_id, made.seat_id]))
        acts = set(db.execute(told).scalars())
        assert acts == {"plan_run.started", "plan_run.drafted", "plan_run.changed", "seat.booked"}
        assert planning.stale(db, runs.plan_seats(db, run_id), now=NOW) == {}
    publish(engine, run_id)

    with transaction(engine, writes=False) as db:
        assert {row.id: bool(row.seat_id) for row in runs.plan_seats(db, run_id)} == {first: True, second: True}
        assert booked(db) == 2
        assert runs.plan_run_by_id(db, run_id, actor=SYSTEM).status is RunStatus.PUBLISHED


def publish(engine: Engine, run_id: str) -> None:
    with transaction(engine, writes=True) as db:
        plan_publishing.start_publishing(db, run_id=run_id, **HAND)
    run_job(engine, jobs.plan_publish, run_id)


def test_who_runs_the_program_books_for_people_who_do_not_report_to_them(engine: Engine) -> None:
    run_id, first, _ = two_seats(engine)
    with transaction(engine, writes=True) as db:
        pia = a_person(db, "Pia", role=Role.PROGRAM_MANAGER)
        program_id = runs.program_for_run(db, None).id
        add_manager(db, program_id=program_id, person_id=pia.id, **HAND)

        made = accept(
            db, run_id, first, actor=Actor("crd_x", Role.PROGRAM_MANAGER, pia.id, programs=frozenset({program_id}))
        )

        by = select(event.c.actor).where(event.c.object_id.in_([made.seat_id, run_id]), event.c.actor != "system")
        assert list(db.execute(by).scalars()) == [pia.id, pia.id]


def test_where_the_host_lets_people_in_it_is_asked_for(engine: Engine) -> None:
    run_id, first, _ = two_seats(engine)
    with transaction(engine, writes=True) as db:
        db.execute(update(person).values(seat_approval=SeatApproval.HOST))

        made = accept(db, run_id, first)

        assert db.execute(select(seat.c.status).where(seat.c.id == made.seat_id)).scalar() is SeatStatus.REQUESTED


def test_a_seat_that_its_observer_took_themselves_is_noted_and_not_booked_twice(engine: Engine) -> None:
    run_id, first, _ = two_seats(engine)
    with transaction(engine, writes=True) as db:
        one = runs.plan_seats(db, run_id)[0]
        own = book_seat(db, call_id=one.call_id, observer_id=one.observer_id, **HAND)

        assert accept(db, run_id, first).seat_id == own.id
        assert booked(db) == 1


def test_what_is_booked_is_changed_on_the_seat_and_no_more_in_the_draft(engine: Engine) -> None:
    run_id, first, second = two_seats(engine)
    with transaction(engine, writes=True) as db:
        other = a_mentee(db, "Tom")
        made = accept(db, run_id, first)
        one = {"run_id": run_id, "seat_id": first, **HAND}
        edits = (
            partial(plan_edits.drop_seat, db, **one),
            partial(plan_edits.swap_seat, db, observer_id=other.id, **one),
            partial(plan_edits.pin_seat, db, pinned=True, **one),
        )

        for edit in edits:
            with pytest.raises(Problem) as why, db.begin_nested():
                edit()
            assert (why.value.code, why.value.extra) == ("already_booked", {"seat_id": made.seat_id})
            assert "release" in why.value.detail
        plan_edits.drop_seat(db, run_id=run_id, seat_id=second, **HAND)

        assert [row.id for row in runs.plan_seats(db, run_id)] == [first]
        assert plan_edits.pin_seat(db, pinned=False, **one).seat_id == made.seat_id  # it is so already


def test_a_seat_given_back_after_it_was_accepted_is_not_booked_again(engine: Engine) -> None:
    run_id, first, _ = two_seats(engine)
    with transaction(engine, writes=True) as db:
        made = accept(db, run_id, first)
        release_seat(db, seat_id=made.seat_id, **HAND)

        assert accept(db, run_id, first).seat_id == made.seat_id
    publish(engine, run_id)

    with transaction(engine, writes=False) as db:
        status = {row.id: row.status for row in db.execute(select(seat.c.id, seat.c.status))}
    assert status.pop(made.seat_id) is SeatStatus.RELEASED
    assert list(status.values()) == [SeatStatus.CONFIRMED]


def test_planning_anew_leaves_what_was_accepted_where_it_is_and_plans_around_it(engine: Engine) -> None:
    run_id, first, second = two_seats(engine)
    with transaction(engine, writes=True) as db:
        for seat_id in (first, second):
            plan_edits.pin_seat(db, run_id=run_id, seat_id=seat_id, pinned=True, **HAND)
        made = accept(db, run_id, first)
        pinned = runs.plan_seats(db, run_id)[1]

        anew = plan_runs.replan(db, run_id=run_id, **HAND)
        answer = solve(planning.plan_problem(db, anew, now=NOW))
        plan_runs.keep_draft(db, run_id=anew.id, answer=answer, inputs_hash="anew", now=NOW)

        assert anew.pins == [[pinned.observer_id, pinned.call_id]]
        assert [(row.observer_id, row.call_id) for row in runs.plan_seats(db, anew.id)] == [tuple(anew.pins[0])]
        assert db.execute(select(seat.c.id, seat.c.status)).all() == [(made.seat_id, SeatStatus.CONFIRMED)]
        assert refused(db, run_id, second).code == "not_a_draft"
        assert accept(db, run_id, first).seat_id == made.seat_id


def test_what_publishing_was_refused_can_be_accepted_once_nothing_is_in_the_way(engine: Engine) -> None:
    run_id, first, _ = two_seats(engine)
    with transaction(engine, writes=True) as db:
        one = runs.plan_seats(db, run_id)[0]
        patch_person(db, person_id=one.observer_id, changes={"status": PersonStatus.ON_LEAVE}, **HAND)
        run = plan_publishing.start_publishing(db, run_id=run_id, **HAND)
        plan_publishing.book_planned(db, run_id=run_id, call_id=one.call_id, **HAND)
        assert runs.plan_seats(db, run_id)[0].refusal == "not_active"
        operations.fail(db, run.operation_id, code="job_failed", now=NOW)
        patch_person(db, person_id=one.observer_id, changes={"status": PersonStatus.ACTIVE}, **HAND)

        made = accept(db, run_id, first)

        assert (bool(made.seat_id), made.refusal) == (True, None)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """An engine on which writers really run side by side."""
    made = patient(make_engine(postgres_url))
    yield made
    made.dispose()


def outcome(future: Any) -> str:
    """What became of a rival: the code of the refusal, or nothing."""
    why = future.exception(PATIENCE_SECONDS)
    if why is not None and not isinstance(why, Problem):
        raise why
    return why.code if why else ""


def test_two_who_accept_a_seat_at_once_book_it_once(engine: Engine) -> None:
    run_id, first, _ = two_seats(engine)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: written(engine, lambda db: accept(db, run_id, first)).seat_id, range(4)))

    with transaction(engine, writes=False) as db:
        assert (len(set(made)), booked(db)) == (1, 1)
        changed = select(func.count()).select_from(event).where(event.c.act == "plan_run.changed")
        assert db.execute(changed).scalar() == 1


@pytest.mark.parametrize("first_comes", ["accept", "publish", "drop", "swap"])
def test_who_accepts_a_seat_that_somebody_publishes_drops_or_swaps_waits_and_finds_what_became_of_it(
    postgres: Engine, first_comes: str
) -> None:
    run_id, first, _ = two_seats(postgres)
    with transaction(postgres, writes=True) as db:
        other = a_mentee(db, "Tom")
    acts = {
        "accept": partial(accept, run_id=run_id, seat_id=first),
        "publish": partial(plan_publishing.start_publishing, run_id=run_id, **HAND),
        "drop": partial(plan_edits.drop_seat, run_id=run_id, seat_id=first, **HAND),
        "swap": partial(plan_edits.swap_seat, run_id=run_id, seat_id=first, observer_id=other.id, **HAND),
    }
    second_comes = "drop" if first_comes == "accept" else "accept"

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres, writes=True) as db:
            acts[first_comes](db)
            rival = pool.submit(written, postgres, acts[second_comes])
            wait_until_blocked(postgres, rival)
            assert not rival.done()
        said = outcome(rival)

    codes = {"accept": "already_booked", "publish": "not_a_draft", "drop": "not_found", "swap": "not_found"}
    assert said == codes[first_comes]
    with transaction(postgres, writes=False) as db:
        assert booked(db) == (first_comes == "accept")


def test_accepting_publishing_and_booking_by_hand_at_once_books_every_seat_once(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        juniors, mentor = [a_mentee(db, name) for name in ("Aisha", "Tom")], a_mentor(db, "Mara")
        calls = [a_call(db, mentor, starts_at=TEN + timedelta(days=day), seats=3) for day in range(4)]
        run_id = a_draft(db, *((who, one) for one in calls for who in juniors))
        planned = runs.plan_seats(db, run_id)

    def tried(db: DbSession, act: Any) -> None:
        with suppress(NotADraft, AlreadyBooked), db.begin_nested():
            act(db)

    def accepting(db: DbSession, number: int) -> None:
        tried(db, partial(accept, run_id=run_id, seat_id=planned[number % len(planned)].id))

    def by_hand(db: DbSession, number: int) -> None:
        one = planned[-1 - number % len(planned)]
        tried(db, partial(book_seat, call_id=one.call_id, observer_id=one.observer_id, **HAND))

    def publishing(db: DbSession, number: int) -> None:
        if number == 5:
            plan_publishing.start_publishing(db, run_id=run_id, **HAND)
        plan_publishing.book_planned(db, run_id=run_id, call_id=calls[number % len(calls)], **HAND)

    side_by_side(engine, accepting, accepting, by_hand, publishing)

    with transaction(engine, writes=False) as db:
        seats = {row.id for row in db.execute(select(seat.c.id))}
        assert len(seats) == len(planned)
        assert {row.seat_id for row in db.execute(select(plan_seat.c.seat_id))} == seats
        assert set(db.execute(select(call.c.seats_taken)).scalars()) == {2}
