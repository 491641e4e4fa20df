"""Whose runs somebody sees: what the queries say against the rule written out, over random houses."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import match_run, person, plan_run, team
from app.operations.programs import create_program
from app.queries import runs
from app.queries.access import actor_of
from app.queries.pages import PageRequest
from app.rules.access import SYSTEM, Actor, sees_program
from app.vocabulary import PersonStatus, Role
from tests.harness import NOW
from tests.pools import start_match, start_plan

HOUSES = 25
PAGE = PageRequest(limit=200, cursor=None, filters="", secret_key="test")


@dataclass
class Somebody:
    id: str
    role: Role
    status: PersonStatus
    team_id: str | None
    manager_id: str | None


def a_house(db: DbSession, rng: random.Random, programs: list[str]) -> list[Somebody]:
    """A dozen people in three teams, each below somebody who came before them, or nobody."""
    stamps: dict[str, Any] = {"version": 1, "created_at": NOW, "updated_at": NOW}
    teams = [f"team_{rng.getrandbits(64):x}" for _ in range(3)]
    db.execute(insert(team), [{"id": key, "name": key, **stamps} for key in teams])
    house: list[Somebody] = []
    for _ in range(12):
        key = f"per_{rng.getrandbits(64):x}"
        above = rng.choice([None, *(one.id for one in house[-4:])])
        role = rng.choice([Role.REP, Role.MANAGER, Role.MANAGER, Role.PROGRAM_MANAGER, Role.AUDITOR])
        status = rng.choice([PersonStatus.ACTIVE] * 4 + [PersonStatus.LEFT])
        one = Somebody(key, role, status, rng.choice([None, *teams]), above)
        house.append(one)
        row = {"id": key, "name": key, "email": f"{key}@earshot.example", "time_zone": "UTC", "role": role}
        db.execute(insert(person).values(**row, status=status, team_id=one.team_id, manager_id=above, **stamps))
    for team_id in (None, *teams):
        start_plan(db, team_id=team_id, program_id=rng.choice(programs), to_at=NOW + timedelta(days=9))
    for program_id in programs:
        start_match(db, program_id=program_id)
    return house


def sees(actor: Actor, run: Any, house: list[Somebody]) -> bool:
    """The rule: who sees the program; of a plan for a team, who acts for everybody who works in it."""
    if sees_program(actor, run.program_id):
        return True
    if not actor.reports or getattr(run, "team_id", None) is None:
        return False
    members = {one.id for one in house if one.team_id == run.team_id and one.status is PersonStatus.ACTIVE}
    return bool(members) and members <= actor.people


@pytest.mark.parametrize("table", [match_run, plan_run], ids=lambda table: table.name)
def test_who_sees_a_run_finds_it_in_the_list_by_its_id_and_by_its_operation_and_nobody_else_does(
    db: DbSession, table: Any
) -> None:
    programs = [runs.program_for_run(db, None).id, create_program(db, name="B", weights={}, actor=SYSTEM, now=NOW).id]
    by_id = runs.match_run_by_id if table is match_run else runs.plan_run_by_id
    seen_by_leading = 0
    for seed in range(HOUSES):
        rng = random.Random(seed)
        house = a_house(db, rng, programs)
        every = runs.runs(db, table, PAGE, actor=SYSTEM).rows
        for one in rng.sample(house, 4):
            actor = actor_of(db, credential_id="key_x", role=one.role, person_id=one.id)
            expected = [run.id for run in every if sees(actor, run, house)]

            assert listed(db, table, actor) == expected, seed
            for run in rng.sample(list(every), min(3, len(every))):
                for look in (lambda r, a: by_id(db, r.id, actor=a), lambda r, a: _operation(db, r, a)):
                    assert found(look, run, actor) is (run.id in expected), seed
            seen_by_leading += bool(expected) and one.role in (Role.MANAGER, Role.PROGRAM_MANAGER)
    assert seen_by_leading or table is match_run, "none of these houses has anybody who leads a whole team"


def listed(db: DbSession, table: Any, actor: Actor) -> list[str]:
    try:
        return [run.id for run in runs.runs(db, table, PAGE, actor=actor).rows]
    except NotFound:
        return []


def found(look: Any, run: Any, actor: Actor) -> bool:
    try:
        look(run, actor)
    except NotFound:
        return False
    return True


def _operation(db: DbSession, run: Any, actor: Actor) -> Any:
    return runs.operation_by_id(db, run.operation_id, actor=actor)
