"""Match runs from the queue to matches, on both engines."""

import pytest
from sqlalchemy import Engine, func, select

from app.db import DbSession, transaction
from app.errors import Problem
from app.jobs import match_runs as jobs
from app.models.tables import match, operation
from app.operations import match_runs
from app.operations.match_feasibility import InfeasiblePair
from app.operations.people import patch_person
from app.queries import runs
from app.rules.access import SYSTEM
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.vocabulary import MatchStatus, RunStatus, WorkStatus
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_match


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

        with pytest.raises(InfeasiblePair) as why:
            match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)

        assert why.value.extra == {"mentee_id": junior.id, "mentor_id": mentor.id, "constraint": "away"}


def test_contradictions_and_strangers_are_refused_before_anything_runs(db: DbSession) -> None:
    junior, mentor, other = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    pair, rival = (junior.id, mentor.id), (junior.id, other.id)

    for given, code in (
        ({"pins": [pair, rival]}, "contradictory_pins"),
        ({"pins": [pair], "forbidden": [pair]}, "contradictory_pins"),
        ({"pins": [(mentor.id, junior.id)]}, "not_enrolled"),
        ({"forbidden": [(junior.id, "per_none")]}, "not_enrolled"),
        (
            {"weights": dict.fromkeys(DEFAULT_WEIGHTS, 0)},
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
