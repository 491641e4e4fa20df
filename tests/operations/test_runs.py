"""Match runs and plan runs from the queue to booked seats, on both engines."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from app.db import DbSession, transaction
from app.errors import Problem
from app.jobs import runs as jobs
from app.models.tables import match, operation, seat
from app.operations import match_runs, plan_runs
from app.operations.availability import replace_busy
from app.operations.calls import cancel_call
from app.operations.people import patch_person
from app.queries import planning, runs
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, MatchStatus, RunStatus, WorkStatus
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_match, start_plan


def test_a_match_run_drafts_explains_and_publishes_once(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        juniors = [a_mentee(db, name) for name in ("Aisha", "Tom", "Leo")]
        lonely = a_mentee(db, "Yuki", languages=["ja"])
        mentors = [a_mentor(db, "Mara"), a_mentor(db, "Jonas")]
        run_id = start_match(db, pins=[(juniors[0].id, mentors[1].id)]).id

    run_job(engine, jobs.match_run, run_id)

    with transaction(engine, writes=True) as db:
        run = runs.match_run_by_id(db, run_id, actor=SYSTEM)
        pairs = runs.proposed_matches(db, run_id)
        error = db.execute(select(operation.c.error)).scalar()
        assert (run.status, len(pairs), error) == (RunStatus.DRAFT, 3, None)
        assert all(sum(pair.terms.values()) == pair.score for pair in pairs)
        assert {pair.mentor_id for pair in pairs if pair.mentee_id == juniors[0].id} == {mentors[1].id}
        assert [(left["mentee_id"], left["reason"]) for left in run.unmatched] == [(lonely.id, "no_shared_language")]
        assert (
            db.execute(select(operation.c.status).where(operation.c.id == run.operation_id)).scalar()
            is WorkStatus.SUCCEEDED
        )
        first = match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
        again = match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
        assert (first.status, again.version) == (RunStatus.PUBLISHED, first.version)
        assert (
            db.execute(select(func.count()).select_from(match).where(match.c.status == MatchStatus.ACTIVE)).scalar()
            == 3
        )


def test_a_second_run_keeps_the_pairs_that_stand(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        for name in ("Aisha", "Tom"):
            a_mentee(db, name)
        a_mentor(db, "Mara", capacity=5)
        run_id = start_match(db).id
    run_job(engine, jobs.match_run, run_id)
    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
        before = db.execute(select(match.c.id, match.c.version).order_by(match.c.id)).all()
        second = start_match(db).id
    run_job(engine, jobs.match_run, second)

    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=second, actor=SYSTEM, now=NOW)
        assert db.execute(select(match.c.id, match.c.version).order_by(match.c.id)).all() == before


def test_publishing_refuses_only_the_pair_that_became_impossible_and_names_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        run_id = start_match(db).id
    run_job(engine, jobs.match_run, run_id)
    with transaction(engine, writes=True) as db:
        patch_person(db, person_id=mentor.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

        with pytest.raises(match_runs.InfeasiblePair) as why:
            match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)

        assert why.value.extra == {"mentee_id": junior.id, "mentor_id": mentor.id}


def test_contradictions_and_strangers_are_refused_before_anything_runs(db: DbSession) -> None:
    junior, mentor, other = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    pair, rival = (junior.id, mentor.id), (junior.id, other.id)

    for given, code in (
        ({"pins": [pair, rival]}, "contradictory_pins"),
        ({"pins": [pair], "forbidden": [pair]}, "contradictory_pins"),
        ({"pins": [(mentor.id, junior.id)]}, "not_enrolled"),
        ({"forbidden": [(junior.id, "per_none")]}, "not_enrolled"),
        (
            {"weights": dict.fromkeys(("skill", "co_availability", "segment", "overlap", "language", "fresh"), 0)},
            "weights_all_zero",
        ),
    ):
        with pytest.raises(Problem) as why:
            start_match(db, **given)
        assert why.value.code == code, given


def test_nobody_can_be_matched_and_the_run_says_why(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        a_mentor(db, "Mara", capacity=0)
        run_id = start_match(db).id

    run_job(engine, jobs.match_run, run_id)

    with transaction(engine, writes=False) as db:
        run = runs.match_run_by_id(db, run_id, actor=SYSTEM)
        assert (run.status, [left["reason"] for left in run.unmatched]) == (RunStatus.DRAFT, ["no_capacity"])


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
        plan_runs.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)
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
        plan_runs.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)

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
