"""Publishing when things have changed since the run, or change meanwhile, or break."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import DbSession, make_engine, retrying, transaction
from app.errors import Problem
from app.jobs.match_runs import match_run
from app.jobs.plan_runs import plan_publish, plan_run
from app.models.tables import event, match, operation, seat
from app.operations import enrollments, match_runs, operations, plan_publishing
from app.operations.availability import set_availability
from app.operations.match_feasibility import InfeasiblePair
from app.operations.people import patch_person
from app.operations.teams import create_team
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import MatchStatus, RunStatus, WorkStatus
from tests.databases import patient
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS
from tests.pools import a_mentee, a_mentor, run_job, start_match, start_plan


def a_match_draft(engine: Engine, **given: Any) -> str:
    with transaction(engine, writes=True) as db:
        run_id: str = start_match(db, **given).id
    run_job(engine, match_run, run_id)
    return run_id


def a_plan_draft(engine: Engine) -> str:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        mentor = a_mentor(db, "Mara")
        for day in (0, 1):
            a_call(db, mentor, starts_at=MONDAY + timedelta(days=day, hours=10))
        run_id: str = start_plan(db).id
    run_job(engine, plan_run, run_id)
    return run_id


def publish(engine: Engine, run_id: str) -> Any:
    def once() -> Any:
        with transaction(engine, writes=True) as db:
            return match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)

    return retrying(once)


def acts(db: DbSession, run_id: str) -> list[tuple[str, int]]:
    rows = db.execute(select(event.c.act, event.c.version).where(event.c.object_id == run_id).order_by(event.c.version))
    return [(row.act, row.version) for row in rows]


def test_a_plan_whose_publishing_broke_is_a_draft_again_and_publishes_the_rest(engine: Engine) -> None:
    run_id = a_plan_draft(engine)
    with transaction(engine, writes=True) as db:
        run = plan_publishing.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)
        first = runs.plan_seats(db, run_id)[0].call_id
        plan_publishing.book_planned(db, run_id=run_id, call_id=first, actor=SYSTEM, now=NOW)
        operations.fail(db, run.operation_id, code="job_failed", detail="Lost: canary", now=NOW)

    with transaction(engine, writes=True) as db:
        broken = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        assert (broken.status, broken.version) == (RunStatus.DRAFT, run.version + 1)
        assert acts(db, run_id)[-1] == ("plan_run.publishing_failed", broken.version)
        again = plan_publishing.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)
        assert again.operation_id != run.operation_id
    run_job(engine, plan_publish, run_id)

    with transaction(engine, writes=False) as db:
        assert runs.plan_run_by_id(db, run_id, actor=SYSTEM).status is RunStatus.PUBLISHED
        assert all(one.seat_id and one.refusal is None for one in runs.plan_seats(db, run_id))
        assert db.execute(select(func.count()).select_from(seat)).scalar() == 2
        done = db.execute(select(operation).where(operation.c.id == again.operation_id)).one()
        assert (done.status, done.result["booked"]) == (WorkStatus.SUCCEEDED, 2)


@pytest.mark.parametrize("kind", ["match_run", "plan_run"])
def test_a_run_whose_work_broke_has_failed_and_says_so_once_without_the_reason(db: DbSession, kind: str) -> None:
    run = start_match(db) if kind == "match_run" else start_plan(db)

    for _ in range(2):
        operations.fail(db, run.operation_id, code="job_failed", detail="ValueError: canary", now=NOW)

    assert acts(db, run.id) == [(f"{kind}.started", 1), (f"{kind}.failed", 2)]
    said = db.execute(select(operation).where(operation.c.id == run.operation_id)).one()
    assert said.status is WorkStatus.FAILED
    assert said.error == {
        "code": "job_failed",
        "detail": "The work failed on our side: tell us the operation id.",
    }


def test_work_that_is_done_never_fails_afterwards(engine: Engine) -> None:
    run_id = a_plan_draft(engine)

    with transaction(engine, writes=True) as db:
        run = runs.plan_run_by_id(db, run_id, actor=SYSTEM)
        operations.fail(db, run.operation_id, code="job_failed", now=NOW)

        done = db.execute(select(operation).where(operation.c.id == run.operation_id)).one()
        assert (done.status, done.error) == (WorkStatus.SUCCEEDED, None)
        assert runs.plan_run_by_id(db, run_id, actor=SYSTEM).version == run.version


def reports_to(db: DbSession, junior: Any, mentor: Any) -> None:
    boss = a_person(db, "Boss", manager_id=mentor.id)
    patch_person(db, person_id=junior.id, changes={"manager_id": boss.id}, actor=SYSTEM, now=NOW)


def speaks_japanese(db: DbSession, junior: Any, _mentor: Any) -> None:
    patch_person(db, person_id=junior.id, changes={"languages": ["ja"]}, actor=SYSTEM, now=NOW)


def moves_to_sydney(db: DbSession, junior: Any, _mentor: Any) -> None:
    patch_person(db, person_id=junior.id, changes={"time_zone": "Australia/Sydney"}, actor=SYSTEM, now=NOW)


def works_an_hour(db: DbSession, junior: Any, _mentor: Any) -> None:
    hours: dict[str, Any] = {"time_zone": "Europe/London", "weekly": [(1, 9 * 60, 10 * 60)], "exceptions": {}}
    set_availability(db, person_id=junior.id, **hours, actor=SYSTEM, now=NOW)


def joins_the_team(db: DbSession, junior: Any, mentor: Any) -> None:
    team = create_team(db, name="North", actor=SYSTEM, now=NOW)
    for who in (junior, mentor):
        patch_person(db, person_id=who.id, changes={"team_id": team.id}, actor=SYSTEM, now=NOW)


def nothing(_db: DbSession, _junior: Any, _mentor: Any) -> None:
    return


@pytest.mark.parametrize(
    ("change", "constraints", "broken"),
    [
        (reports_to, {}, "reporting_line"),
        (speaks_japanese, {}, "no_shared_language"),
        (moves_to_sydney, {"max_zone_gap_hours": 3}, "zone_gap"),
        (works_an_hour, {}, "no_shared_hours"),
        (works_an_hour, {"min_shared_minutes_per_week": 60}, None),
        (joins_the_team, {"same_team": "different"}, "team_rule"),
        (nothing, {}, None),
    ],
)
def test_a_pair_that_a_constraint_has_come_to_forbid_is_refused_by_its_name(
    engine: Engine,
    change: Callable[[DbSession, Any, Any], None],
    constraints: dict[str, Any],
    broken: str | None,
) -> None:
    with transaction(engine, writes=True) as db:
        junior, mentor = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    run_id = a_match_draft(engine, constraints=constraints)
    with transaction(engine, writes=True) as db:
        change(db, junior, mentor)

    if broken is None:
        assert publish(engine, run_id).status is RunStatus.PUBLISHED
        return
    with pytest.raises(InfeasiblePair) as why:
        publish(engine, run_id)
    assert why.value.extra == {"mentee_id": junior.id, "mentor_id": mentor.id, "constraint": broken}


def test_a_mentor_who_is_out_since_the_run_gets_nobody(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        mentor = a_mentor(db, "Mara", capacity=1)
        program_id = runs.program_for_run(db, None).id
    run_id = a_match_draft(engine)
    with transaction(engine, writes=True) as db:
        enrollments.set_capacity(
            db, program_id=program_id, enrollment_id=f"enr_{mentor.id}", capacity=0, actor=SYSTEM, now=NOW
        )

    with pytest.raises(InfeasiblePair) as why:
        publish(engine, run_id)

    assert why.value.extra["constraint"] == "no_capacity"


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """An engine on which writers really run side by side."""
    made = patient(make_engine(postgres_url))
    yield made
    made.dispose()


def two_drafts_for_one_place(engine: Engine) -> list[str]:
    """Two drafts that give the only place of the only mentor to different mentees."""
    with transaction(engine, writes=True) as db:
        juniors = [a_mentee(db, name) for name in ("Aisha", "Tom")]
        mentor = a_mentor(db, "Mara", capacity=1)
    return [a_match_draft(engine, pins=[(junior.id, mentor.id)]) for junior in juniors]


def test_two_drafts_published_at_once_give_a_place_away_once(postgres: Engine) -> None:
    first, second = two_drafts_for_one_place(postgres)

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres, writes=True) as db:
            match_runs.publish_match_run(db, run_id=first, actor=SYSTEM, now=NOW)
            rival = pool.submit(publish, postgres, second)
            with pytest.raises(TimeoutError):
                rival.result(0.5)  # it waits for us: nothing of ours is committed
        why = rival.exception(PATIENCE_SECONDS)

    assert isinstance(why, InfeasiblePair)
    with transaction(postgres, writes=False) as db:
        active = select(func.count()).select_from(match).where(match.c.status == MatchStatus.ACTIVE)
        assert db.execute(active).scalar() == 1


def test_one_draft_published_twice_at_once_has_one_effect(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    run_id = a_match_draft(postgres)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: publish(postgres, run_id), range(2))

    assert (first.status, first.version) == (second.status, second.version) == (RunStatus.PUBLISHED, 3)
    with transaction(postgres, writes=False) as db:
        assert len(db.execute(select(match.c.id)).all()) == 1
        assert [act for act, _ in acts(db, run_id)].count("match_run.published") == 1


@pytest.mark.parametrize("act", ["set_capacity", "withdraw"])
def test_capacity_and_enrolment_wait_for_the_run_that_is_being_published(postgres: Engine, act: str) -> None:
    with transaction(postgres, writes=True) as db:
        a_mentee(db, "Aisha")
        mentor = a_mentor(db, "Mara", capacity=1)
        which = {"program_id": runs.program_for_run(db, None).id, "enrollment_id": f"enr_{mentor.id}"}
    run_id = a_match_draft(postgres)

    def change() -> None:
        with transaction(postgres, writes=True) as db:
            if act == "withdraw":
                enrollments.withdraw(db, **which, actor=SYSTEM, now=NOW)
            else:
                enrollments.set_capacity(db, **which, capacity=0, actor=SYSTEM, now=NOW)

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres, writes=True) as db:
            match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
            rival = pool.submit(change)
            with pytest.raises(TimeoutError):
                rival.result(0.5)
        why = rival.exception(PATIENCE_SECONDS)

    assert why is None
    with transaction(postgres, writes=False) as db:  # less capacity is fine, but who withdraws leaves the new match
        assert db.execute(select(match.c.status)).scalar() == ("ended" if act == "withdraw" else "active")


def test_a_range_that_cannot_be_planned_is_refused_by_its_own_code(db: DbSession) -> None:
    for from_at, to_at, code in (
        (MONDAY, MONDAY, "bad_range"),
        (MONDAY, MONDAY - timedelta(days=1), "bad_range"),
        (MONDAY, MONDAY + timedelta(days=28, seconds=1), "bad_range"),
        (NOW - timedelta(days=7), NOW, "past"),
    ):
        with pytest.raises(Problem) as why:
            start_plan(db, from_at=from_at, to_at=to_at)
        assert (why.value.code, why.value.faults[0].pointer) == (code, "/to")
    assert start_plan(db, to_at=MONDAY + timedelta(days=28)).status is RunStatus.QUEUED
