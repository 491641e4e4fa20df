"""Solvers that run out of time, and pins that no longer hold: what the watching client is told."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import transaction
from app.jobs.match_runs import match_run as match_run_job
from app.jobs.plan_runs import plan_run
from app.models.tables import match_run, operation
from app.operations.people import patch_person
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import RunStatus, WorkStatus
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS
from tests.pools import a_mentee, a_mentor, run_job, start_match, start_plan


def said_of(engine: Engine, operation_id: str) -> Any:
    with transaction(engine, writes=False) as db:
        return db.execute(select(operation).where(operation.c.id == operation_id)).one()


def test_a_plan_whose_time_is_up_is_the_best_so_far_with_its_gap(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.plan_runs._AROUND_THE_SEARCH_SECONDS", PATIENCE_SECONDS)
    with transaction(engine, writes=True) as db:
        for name in ("Aisha", "Tom", "Leo", "Nora"):
            a_mentee(db, name)
        for name in ("Mara", "Jonas"):
            mentor = a_mentor(db, name)
            for hour in range(9, 17):
                a_call(db, mentor, starts_at=MONDAY + timedelta(hours=hour), seats=1)
        run_id = start_plan(db).id

    run_job(engine, plan_run, run_id, solver_seconds=int(PATIENCE_SECONDS))

    with transaction(engine, writes=False) as db:
        run, planned = runs.plan_run_by_id(db, run_id, actor=SYSTEM), runs.plan_seats(db, run_id)
    assert (run.status, run.timed_out) == (RunStatus.DRAFT, True)
    assert {one.observer_id for one in planned} != set()
    assert run.bound >= run.objective > 0
    assert run.gap_percent > 0


def test_a_pin_that_no_longer_holds_fails_the_run_and_names_ids_and_the_constraint(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        run = start_match(db, pins=[(junior.id, mentor.id)])
        patch_person(db, person_id=junior.id, changes={"languages": ["ja"]}, actor=SYSTEM, now=NOW)

    run_job(engine, match_run_job, run.id)

    said = said_of(engine, run.operation_id)
    assert (said.status, said.error) == (
        WorkStatus.FAILED,
        {
            "code": "contradictory_pins",
            "detail": f"These pins can't hold: {junior.id} with {mentor.id}: no_shared_language.",
        },
    )
    with transaction(engine, writes=False) as db:
        assert db.execute(select(match_run.c.status)).scalar() is RunStatus.FAILED
