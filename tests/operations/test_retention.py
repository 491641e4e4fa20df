"""What was kept long enough goes, batch by batch, and a report says what went."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, func, select

from app import ids
from app.adapters.outside import Outside
from app.config import Settings
from app.db import DbSession, transaction
from app.errors import Forbidden, Stale
from app.jobs.context import JobContext
from app.jobs.housekeeping import clear
from app.models.tables import (
    audit_seal,
    call,
    event,
    event_detail,
    job,
    match,
    match_run,
    operation,
    person,
    plan_run,
    plan_seat,
    program,
    proposed_match,
    seat,
    session,
    waitlist_entry,
)
from app.operations import retention
from app.operations.jobs import enqueue
from app.operations.match_requests import ask_for_match
from app.operations.retention import OutOfBounds, patch_retention, purge, report
from app.operations.sealing import seal_some
from app.operations.seats import book_seat, wait_if_full
from app.rules.access import SYSTEM, Actor
from app.rules.retention import KINDS, faults, kept
from app.vocabulary import Disruption, JobStatus, Objective, Role, RunCause, RunStatus, WorkStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, FakeClock
from tests.pools import a_mentee, a_mentor
from tests.sessions_and_people import a_session

LATER = NOW + timedelta(days=4000)
BY_MACHINE: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


def count(db: DbSession, table: Table) -> int:
    return int(db.execute(select(func.count()).select_from(table)).scalar_one())


def purged(db: DbSession, kind: str, *, now: datetime = LATER) -> int:
    gone = 0
    while some := purge(db, kind=kind, before=now - kept({})[kind], now=now):
        gone += some
    return gone


def test_a_call_goes_with_its_seats_sessions_and_line(db: DbSession) -> None:
    ana, ben = a_person(db, "Ana"), a_person(db, "Ben")
    held = a_call(db, seats=1)
    book_seat(db, call_id=held, observer_id=ana.id, **BY_MACHINE)
    wait_if_full(db, call_id=held, observer_id=ben.id, **BY_MACHINE)

    assert purged(db, "calls", now=NOW + timedelta(days=1000)) == 0
    assert purged(db, "calls") == 1

    assert [count(db, table) for table in (call, seat, session, waitlist_entry)] == [0, 0, 0, 0]
    assert count(db, person) == 3


def test_a_session_without_a_call_goes_by_itself(db: DbSession) -> None:
    ana, mara = a_person(db, "Ana"), a_person(db, "Mara")
    a_session(db, ana, mara)

    assert purged(db, "calls") == 0
    assert purged(db, "sessions") == 1

    assert count(db, session) == 0


RUNS = ((match_run, proposed_match, "match_runs"), (plan_run, plan_seat, "plan_runs"))


def a_run(db: DbSession, table: Table, proposals: Table, status: RunStatus, **more: Any) -> str:
    """A run with one proposal in it, as it is stored."""
    mentee, mentor = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    run_id = ids.new("run", NOW)
    done: dict[str, Any] = {"status": WorkStatus.SUCCEEDED, "progress": 100, "created_at": NOW, "updated_at": NOW}
    db.execute(operation.insert().values(id=ids.new("op", NOW), kind="run", **done, result={}))
    of = db.execute(select(operation.c.id).order_by(operation.c.id.desc())).scalars().first()
    program_id = db.execute(select(program.c.id).where(program.c.is_default)).scalar_one()
    stored: dict[str, Any] = {"id": run_id, "program_id": program_id, "operation_id": of, "status": status}
    stored |= {"version": 1, "created_at": NOW, "updated_at": NOW, **more}
    part: dict[str, Any] = {"id": ids.new("prt", NOW), "run_id": run_id, "terms": {}, "pinned": False, "by_hand": False}
    if table is match_run:
        nothing: dict[str, Any] = {"weights": {}, "constraints": {}, "pins": [], "forbidden": [], "unmatched": []}
        how = {"objective": Objective.TOTAL, "disruption": Disruption.SOME, "cause": RunCause.BY_HAND}
        db.execute(table.insert().values(**stored, **nothing, **how))
        db.execute(proposals.insert().values(**part, mentee_id=mentee.id, mentor_id=mentor.id, score=1))
    else:
        nothing = {"pins": [], "dropped": [], "unmet": [], "timed_out": False}
        db.execute(table.insert().values(**stored, **nothing, from_at=NOW, to_at=LATER))
        call_id = a_call(db, mentor, starts_at=MONDAY + timedelta(days=next(_DAYS)))
        seat_of = {"teaches": [], "meets": [], "value": 1, "call_id": call_id, "observer_id": mentee.id}
        db.execute(proposals.insert().values(**part, **seat_of))
    return run_id


_DAYS = iter(range(20))


@pytest.mark.parametrize(("table", "proposals", "kind"), RUNS)
@pytest.mark.parametrize("status", RunStatus)
def test_a_run_of_which_nothing_stands_goes_with_what_it_proposed_unless_it_is_at_work(
    db: DbSession, table: Table, proposals: Table, kind: str, status: RunStatus
) -> None:
    a_run(db, table, proposals, status)
    at_work = status in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PUBLISHING)

    assert purged(db, kind, now=NOW + timedelta(days=180)) == 0
    assert purged(db, kind) == (0 if at_work else 1)

    assert [count(db, table), count(db, proposals)] == ([1, 1] if at_work else [0, 0])


def test_a_published_run_stays_while_a_match_or_a_seat_is_of_it(db: DbSession) -> None:
    of_matches = a_run(db, match_run, proposed_match, RunStatus.PUBLISHED)
    of_seats = a_run(db, plan_run, plan_seat, RunStatus.PUBLISHED)
    mentee, mentor = a_mentee(db, "Ana"), a_mentor(db, "Bo")
    pair: dict[str, Any] = {"mentor_id": mentor.id, "mentee_id": mentee.id, "program_id": None}
    made = ask_for_match(db, **pair, **BY_MACHINE)
    db.execute(match.update().where(match.c.id == made.id).values(run_id=of_matches))
    taken = book_seat(
        db, call_id=a_call(db, starts_at=MONDAY + timedelta(hours=14)), observer_id=mentee.id, **BY_MACHINE
    )
    db.execute(plan_seat.update().where(plan_seat.c.run_id == of_seats).values(seat_id=taken.id))

    assert (purged(db, "match_runs"), purged(db, "plan_runs")) == (0, 0)

    purged(db, "calls")
    db.execute(match.delete())
    assert (purged(db, "match_runs"), purged(db, "plan_runs")) == (1, 1)


def test_a_draft_goes_without_the_one_that_was_planned_anew_of_it(db: DbSession) -> None:
    first = a_run(db, plan_run, plan_seat, RunStatus.DRAFT)
    second = a_run(db, plan_run, plan_seat, RunStatus.DRAFT, replans_id=first, updated_at=LATER)

    assert purged(db, "plan_runs") == 1

    assert db.execute(select(plan_run.c.id, plan_run.c.replans_id)).all() == [(second, None)]


def test_events_go_with_their_seal_and_details_before_them(db: DbSession) -> None:
    a_person(db, "Ana")
    patch_retention(db, days={"jobs": 30}, expected_version=None, **BY_MACHINE)
    while seal_some(db, now=NOW):
        pass
    told = count(db, event)

    assert purged(db, "event_details", now=NOW + timedelta(days=400)) == 1
    assert purged(db, "events") == told

    assert [count(db, event), count(db, event_detail), count(db, audit_seal)] == [0, 0, 1]


def test_more_than_a_batch_goes_and_what_waits_stays(db: DbSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        enqueue(db, "counter_mail", {"number": number}, now=NOW)
    db.execute(job.update().where(job.c.payload.is_not(None)).values(status=JobStatus.DONE))
    enqueue(db, "counter_mail", {"number": 6}, now=NOW)

    assert purged(db, "jobs") == 5

    assert count(db, job) == 1


def test_a_report_says_what_went_and_is_silent_when_nothing_did(db: DbSession) -> None:
    report(db, deleted={"jobs": 0}, now=NOW)
    report(db, deleted={"jobs": 3, "calls": 0}, now=NOW)

    assert db.execute(select(operation.c.result)).scalars().all() == [{"deleted": {"jobs": 3}}]
    acts = select(event.c.act).where(event.c.act == "retention.purged")
    assert db.execute(acts).scalars().all() == ["retention.purged"]


@pytest.mark.parametrize(
    ("days", "code"), [({"jobs": 0}, "out_of_range"), ({"events": 1}, "out_of_range"), ({"secrets": 3}, "unknown")]
)
def test_a_choice_outside_the_bounds_is_refused_naming_them(db: DbSession, days: dict[str, int], code: str) -> None:
    with pytest.raises(OutOfBounds) as refused:
        patch_retention(db, days=days, expected_version=None, **BY_MACHINE)

    assert [fault.code for fault in refused.value.faults] == [code]


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.INTEGRATION, Role.MANAGER, Role.PROGRAM_MANAGER, Role.REP])
def test_nobody_but_an_admin_chooses(db: DbSession, role: Role) -> None:
    with pytest.raises(Forbidden):
        patch_retention(db, days={"jobs": 3}, expected_version=None, actor=Actor("key_1", role, None), now=NOW)


def test_null_is_as_it_ships_and_an_old_version_is_stale(db: DbSession) -> None:
    chosen = patch_retention(db, days={"jobs": 3}, expected_version=None, **BY_MACHINE)
    with pytest.raises(Stale):
        patch_retention(db, days={"jobs": 4}, expected_version=chosen.version - 1, **BY_MACHINE)

    left = patch_retention(db, days={"jobs": None}, expected_version=chosen.version, **BY_MACHINE)

    assert (chosen.retention_days, left.retention_days) == ({"jobs": 3}, {})


def test_the_job_keeps_to_what_the_house_chose(engine: Engine, clock: FakeClock, tmp_path: Any) -> None:
    with transaction(engine, writes=True) as db:
        enqueue(db, "counter_mail", {}, now=NOW)
        db.execute(job.update().where(job.c.payload.is_not(None)).values(status=JobStatus.DONE))
        patch_retention(db, days={"jobs": 30}, expected_version=None, **BY_MACHINE)
    settings = Settings(dir=tmp_path, _env_file=None)
    context = JobContext(engine, settings, clock, Outside(settings), {}, lambda _: None)

    left = []
    for days in (29, 2):
        clock.advance(timedelta(days=days))
        clear(context)
        with transaction(engine, writes=False) as db:
            left.append(count(db, job))

    assert left == [1, 0]


@given(st.dictionaries(st.sampled_from([*KINDS, "unknown"]), st.integers(-10, 10_000)))
def test_nothing_is_kept_outside_its_bounds_whatever_is_stored(chosen: dict[str, int]) -> None:
    for name, days in kept(chosen).items():
        assert KINDS[name].least <= days.days <= KINDS[name].most
        assert chosen.get(name, KINDS[name].days) == days.days or list(faults(chosen))


def test_what_ships_is_within_the_bounds() -> None:
    assert list(faults({name: kind.days for name, kind in KINDS.items()})) == []


def test_the_guide_says_how_long_each_kind_is_kept() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()

    for name, kind in KINDS.items():
        assert f"| {name} | {kind.days} | {kind.least} | {kind.most} |" in guide
