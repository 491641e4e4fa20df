"""What a run would say without one: nothing is written, and two settings can be compared."""

from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.config import Settings
from app.db import DbSession, transaction
from app.errors import Problem
from app.jobs.match_runs import match_run
from app.models import tables
from app.operations import match_runs, match_simulations
from app.operations.match_settings import Wanted
from app.operations.people import patch_person
from app.queries import match_changes, matching
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Role
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_match

LIMITS = Settings(_env_file=None)
REP = Actor("key_rep", Role.REP, None)


def row_counts(engine: Engine) -> dict[str, int]:
    with transaction(engine, writes=False) as db:
        every = tables.match.metadata.sorted_tables
        return {table.name: db.execute(select(func.count()).select_from(table)).scalar_one() for table in every}


def asked(db: DbSession, **given: Any) -> match_simulations.Simulation:
    who = {"actor": SYSTEM, "now": NOW, **{name: given.pop(name) for name in ("actor", "now") if name in given}}
    return match_simulations.simulation(db, Wanted(**given), **who)


def a_published_pair(engine: Engine) -> tuple[Any, Any]:
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara", capacity=1)
        run_id = start_match(db).id
    run_job(engine, match_run, run_id)
    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
    return junior, mentor


def test_a_simulation_answers_in_full_and_writes_nothing_at_all(engine: Engine) -> None:
    aisha, mara = a_published_pair(engine)
    with transaction(engine, writes=True) as db:
        tom, jonas = a_mentee(db, "Tom"), a_mentor(db, "Jonas", capacity=1)
    before = row_counts(engine)

    with transaction(engine, writes=False) as db:
        given = asked(db, pins=[(aisha.id, jonas.id)])
    answer, found = match_simulations.simulated(given, LIMITS)

    person_of = given.gathered.person_of
    pairs = {person_of[pair.mentee]: person_of[pair.mentor] for pair in answer.pairs}
    assert pairs == {aisha.id: jonas.id, tom.id: mara.id}
    assert all(sum(pair.terms.values()) == pair.score for pair in answer.pairs)
    assert {one.mentee: str(one.change) for one in found} == {aisha.id: "moved", tom.id: "added"}
    assert row_counts(engine) == before


def test_it_is_refused_like_a_run_and_when_the_pool_is_too_large_to_wait_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha"), a_mentor(db, "Mara")

        for given, code in (
            ({"actor": REP}, "forbidden"),
            ({"program_id": "prg_none"}, "not_found"),
            ({"pins": [("per_a", "per_b")]}, "not_enrolled"),
        ):
            with pytest.raises(Problem) as why:
                asked(db, **given)
            assert why.value.code == code
        monkeypatch.setattr(match_simulations, "MOST_PAIRS", 0)
        with pytest.raises(match_simulations.TooManyPairs) as large:
            asked(db)
        assert large.value.extra == {"mentees": 1, "mentors": 1, "most_pairs": 0}


def test_a_solver_that_needs_too_much_says_to_start_a_run(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        given = asked(db)

    with pytest.raises(match_simulations.SolverStopped):
        match_simulations.simulated(given, LIMITS.model_copy(update={"solver_mebibytes": -1000}))


def test_a_draft_is_compared_with_what_stands_and_with_another_run(engine: Engine) -> None:
    aisha, mara = a_published_pair(engine)
    with transaction(engine, writes=True) as db:
        tom, jonas = a_mentee(db, "Tom"), a_mentor(db, "Jonas", capacity=1)
        patch_person(db, person_id=jonas.id, changes={"languages": ["en"]}, actor=SYSTEM, now=NOW)
        plain, swapped, bare = (
            start_match(db, **given).id
            for given in ({}, {"pins": [(tom.id, mara.id)]}, {"forbidden": [(aisha.id, m.id) for m in (mara, jonas)]})
        )
        waiting = start_match(db).id
    for run_id in (plain, swapped, bare):
        run_job(engine, match_run, run_id)

    with transaction(engine, writes=False) as db:

        def said(run_id: str, against: str = "standing") -> dict[str, str]:
            return {one.mentee: str(one.change) for one in match_changes.changes(db, run_id, against, actor=SYSTEM)}

        assert said(plain) == {aisha.id: "kept", tom.id: "added"}
        assert said(swapped) == {aisha.id: "moved", tom.id: "added"}
        assert said(bare)[tom.id] == "added"
        assert said(swapped, against=plain) == {aisha.id: "moved", tom.id: "moved"}
        assert said(bare, against=plain)[aisha.id] == "unmatched"
        differences = match_changes.changes(db, swapped, plain, actor=SYSTEM)
        assert all(one.before and one.after and one.after.score is not None for one in differences)
        with pytest.raises(match_changes.NoAnswerYet):
            said(waiting)
        with pytest.raises(match_changes.NoAnswerYet):
            said(plain, against=waiting)
        with pytest.raises(Problem):
            match_changes.changes(db, plain, "standing", actor=REP)


def test_a_match_that_goes_on_whatever_a_run_says_is_kept_in_its_comparison(engine: Engine) -> None:
    aisha, _ = a_published_pair(engine)
    with transaction(engine, writes=True) as db:
        tom = a_mentee(db, "Tom")
        a_mentor(db, "Jonas")
        db.execute(tables.match.update().values(status="paused"))
        given = asked(db)

    _, found = match_simulations.simulated(given, LIMITS)

    assert {one.mentee: str(one.change) for one in found} == {aisha.id: "kept", tom.id: "added"}


def test_a_question_about_who_is_not_in_the_run_is_refused(engine: Engine) -> None:
    aisha, mara = a_published_pair(engine)
    with transaction(engine, writes=True) as db:
        run_id = start_match(db).id
        with pytest.raises(match_changes.NoAnswerYet):
            match_simulations.explanation(db, run_id, mentee_id=aisha.id, mentor_id=mara.id, actor=SYSTEM, now=NOW)
    run_job(engine, match_run, run_id)

    with transaction(engine, writes=False) as db:
        for mentee_id, mentor_id in ((mara.id, mara.id), (aisha.id, aisha.id), (aisha.id, "per_none")):
            with pytest.raises(match_simulations.NotInRun):
                match_simulations.explanation(
                    db, run_id, mentee_id=mentee_id, mentor_id=mentor_id, actor=SYSTEM, now=NOW
                )
        given = match_simulations.explanation(db, run_id, mentee_id=aisha.id, mentor_id=mara.id, actor=SYSTEM, now=NOW)
        assert not given.inputs_changed
        key_of = matching.match_problem(db, given_run(db, run_id), now=NOW).key_of
        assert (given.question.mentee, given.question.mentor) == (key_of[aisha.id], key_of[mara.id])


def given_run(db: DbSession, run_id: str) -> Any:
    return match_changes.answered_run(db, run_id, actor=SYSTEM)
