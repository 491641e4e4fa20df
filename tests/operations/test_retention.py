"""What was kept long enough goes, batch by batch, and a report says what went."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, func, select

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
    operation,
    person,
    seat,
    session,
    waitlist_entry,
)
from app.operations import retention
from app.operations.jobs import enqueue
from app.operations.retention import OutOfBounds, patch_retention, purge, report
from app.operations.sealing import seal_some
from app.operations.seats import book_seat, wait_if_full
from app.rules.access import SYSTEM, Actor
from app.rules.retention import KINDS, faults, kept
from app.vocabulary import JobStatus, Role
from tests.factories import a_call, a_person
from tests.harness import NOW, FakeClock
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
