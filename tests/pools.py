"""People on both sides of the default program, and runs over them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from app.adapters.outside import Outside
from app.config import Settings
from app.db import DbSession
from app.jobs.context import JobContext
from app.models import Enrollment, PersonSkill
from app.operations import match_runs, plan_runs
from app.operations.match_settings import Wanted
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import Side
from tests.factories import MONDAY, a_person
from tests.harness import NOW, FakeClock


def enrolled(db: DbSession, who: Any, side: Side, capacity: int = 1) -> Any:
    program = runs.program_for_run(db, None)
    row = Enrollment(
        id=f"enr_{who.id}",
        program_id=program.id,
        person_id=who.id,
        side=side,
        capacity=capacity,
        created_at=NOW,
        updated_at=NOW,
    )
    db.add(row)
    db.flush()
    return who


def a_mentee(db: DbSession, name: str, **fields: Any) -> Any:
    who = enrolled(db, a_person(db, name, **fields), Side.MENTEE)
    db.add(PersonSkill(person_id=who.id, skill="discovery.questioning", level=1, wants=5))
    db.flush()
    return who


def a_mentor(db: DbSession, name: str, capacity: int = 2, **fields: Any) -> Any:
    who = enrolled(db, a_person(db, name, **fields), Side.MENTOR, capacity)
    db.add(PersonSkill(person_id=who.id, skill="discovery.questioning", level=4, teaches=True))
    db.flush()
    return who


def start_match(db: DbSession, **given: Any) -> Any:
    by = {"actor": SYSTEM, "now": NOW, **{name: given.pop(name) for name in ("actor", "now", "cause") if name in given}}
    return match_runs.start_match_run(db, Wanted(**given), **by)


def start_plan(db: DbSession, **given: Any) -> Any:
    """Queue a plan of the next week."""
    usual = {"from_at": MONDAY, "to_at": MONDAY + timedelta(days=7), "team_id": None, "program_id": None}
    return plan_runs.start_plan_run(db, **{**usual, "actor": SYSTEM, "now": NOW, **given})


def run_job(engine: Engine, handler: Callable[[JobContext], None], run_id: str, **limits: int) -> None:
    """Do what a worker does with the job of a run."""
    settings = Settings(_env_file=None, **limits)  # type: ignore[arg-type]
    payload = {"run_id": run_id, "credential_id": "system", "role": "admin", "person_id": None, "behind": None}
    handler(JobContext(engine, settings, FakeClock(), Outside(settings), payload, lambda _percent: None))
