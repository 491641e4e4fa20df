"""Plan runs from the queue to booked seats, on both engines."""

from datetime import timedelta

from sqlalchemy import Engine, func, select

from app.db import DbSession, transaction
from app.jobs import plan_runs as jobs
from app.models.tables import seat
from app.operations import plan_publishing
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call
from app.queries import planning, runs
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, RunStatus
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_plan


def test_a_plan_books_every_seat_it_proposes_and_says_what_is_left(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        juniors = [a_mentee(db, name) for name in ("Aisha", "Tom")]
        blocked = a_mentee(db, "Nora")
        replace_busy(
            db,
            person_id=blocked.id,
            source="outlook",
            intervals=[(MONDAY, MONDAY + timedelta(days=7), BusyStatus.BUSY)],
            actor=SYSTEM,
            now=NOW,
        )
        mentor = a_mentor(db, "Mara")
        for hour in range(9, 17):
            a_call(db, mentor, starts_at=MONDAY + timedelta(days=hour % 3, hours=hour))
        run_id = start_plan(db).id

    run_job(engine, jobs.plan_run, run_id)
    with transaction(engine, writes=True) as db:
        run = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        planned = runs.plan_seats(db, run_id)
        assert run.status is RunStatus.DRAFT
        assert run.gap_percent <= 0.1
        assert {one.observer_id for one in planned} == {junior.id for junior in juniors}
        assert all(sum(one.terms.values()) == one.value for one in planned)
        assert {(u["person_id"], u["reason"]) for u in run.unmet if u["person_id"] == blocked.id} == {
            (blocked.id, "no_call_in_free_time")
        }
        plan_publishing.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)
    run_job(engine, jobs.plan_publish, run_id)
    run_job(engine, jobs.plan_publish, run_id)

    with transaction(engine, writes=False) as db:
        booked = runs.plan_seats(db, run_id)
        assert [one.refusal for one in booked] == [None] * len(planned)
        assert db.execute(select(func.count()).select_from(seat)).scalar() == len(planned)
        assert runs.plan_run_by_id(db, run_id, actor=SYSTEM).status is RunStatus.PUBLISHED


def test_a_seat_that_was_taken_meanwhile_is_reported_and_the_others_are_booked(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        calls = [a_call(db, mentor, starts_at=MONDAY + timedelta(days=day, hours=10)) for day in (0, 1)]
        run_id = start_plan(db).id
    run_job(engine, jobs.plan_run, run_id)
    with transaction(engine, writes=True) as db:
        cancel_call(db, call_id=calls[0], actor=SYSTEM, now=NOW)
        plan_publishing.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)

    run_job(engine, jobs.plan_publish, run_id)

    with transaction(engine, writes=False) as db:
        said = {one.call_id: (one.seat_id is not None, one.refusal) for one in runs.plan_seats(db, run_id)}
        assert said == {calls[0]: (False, "call_cancelled"), calls[1]: (True, None)}
        assert junior.id


def test_the_same_pool_in_another_database_gives_the_same_problem(db: DbSession) -> None:
    a_mentee(db, "Aisha")
    a_call(db, a_mentor(db, "Mara"))
    run = start_plan(db)

    first, second = (planning.plan_problem(db, run, now=NOW) for _ in range(2))

    assert first == second
    assert len(first.pairs) == 1
