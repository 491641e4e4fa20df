"""Publishing a plan: the seats of one call are booked together, so that its host hears of all observers at once."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, update

from app.config import Settings
from app.db import transaction
from app.jobs import plan_runs as jobs
from app.models.tables import calendar_entry, call, job, plan_seat, seat
from app.operations import plan_publishing
from app.operations.calls import cancel_call
from app.operations.people import patch_person
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus, PersonStatus
from app.worker import Worker
from tests.factories import MONDAY, a_call
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS, until
from tests.pools import a_mentee, a_mentor, run_job, start_plan

JUNIORS = ("Aisha", "Bela", "Chen", "Dara")


def a_plan_being_published(engine: Engine, *, calls: int = 3) -> str:
    """A plan in which all juniors sit on the same calls of one host, and which waits for a worker to book it."""
    with transaction(engine, writes=True) as db:
        juniors = [a_mentee(db, name).id for name in JUNIORS]
        mentor = a_mentor(db, "Mara")
        made = [a_call(db, mentor, seats=4, starts_at=MONDAY + timedelta(days=n, hours=10)) for n in range(calls)]
        run_id: str = start_plan(db).id
    run_job(engine, jobs.plan_run, run_id)
    with transaction(engine, writes=True) as db:
        db.execute(plan_seat.delete())
        rows = [
            {"id": f"pls_{n}{who}", "run_id": run_id, "call_id": one, "observer_id": who, "value": 1, "terms": {}}
            for n, one in enumerate(made)
            for who in juniors
        ]
        db.execute(plan_seat.insert(), rows)
        db.execute(update(job).values(status=JobStatus.DONE))
        plan_publishing.start_publishing(db, run_id=run_id, actor=SYSTEM, now=NOW)
    return run_id


def planned(engine: Engine, run_id: str) -> list[Any]:
    with transaction(engine, writes=False) as db:
        return runs.plan_seats(db, run_id)


def test_one_observer_who_is_refused_takes_no_seat_from_the_others_on_the_call(engine: Engine) -> None:
    run_id = a_plan_being_published(engine, calls=1)
    gone, *rest = planned(engine, run_id)
    with transaction(engine, writes=True) as db:
        patch_person(db, person_id=gone.observer_id, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)

    run_job(engine, jobs.plan_publish, run_id)

    said = {one.observer_id: (one.seat_id is not None, one.refusal is not None) for one in planned(engine, run_id)}
    assert said == {gone.observer_id: (False, True), **{one.observer_id: (True, False) for one in rest}}
    with transaction(engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(seat)).scalar() == len(rest)
        assert db.execute(select(call.c.seats_taken)).scalar() == len(rest)


def test_a_call_that_is_off_refuses_all_of_its_seats_and_the_other_calls_are_booked(engine: Engine) -> None:
    run_id = a_plan_being_published(engine, calls=2)
    off = planned(engine, run_id)[0].call_id
    with transaction(engine, writes=True) as db:
        cancel_call(db, call_id=off, actor=SYSTEM, now=NOW)

    run_job(engine, jobs.plan_publish, run_id)

    refusals = {(one.call_id == off, one.refusal) for one in planned(engine, run_id)}
    assert refusals == {(True, "call_cancelled"), (False, None)}


def test_a_host_gets_one_mail_for_each_call_however_many_threads_work(engine: Engine, tmp_path: Path) -> None:
    run_id = a_plan_being_published(engine)
    settings = Settings(_env_file=None, dir=tmp_path)
    worker, stop = Worker(engine, settings, FakeClock(), threads=4, periodic={}), threading.Event()

    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    until(lambda: not unfinished(engine))
    stop.set()
    thread.join(PATIENCE_SECONDS)

    mails = [path.read_text() for path in (tmp_path / "outbox").glob("*.eml")]
    assert all(one.seat_id for one in planned(engine, run_id))
    assert len(mails) == 3 * (1 + len(JUNIORS))
    assert not [mail for mail in mails if "Subject: Changed" in mail]
    with transaction(engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(calendar_entry)).scalar() == len(mails)


def unfinished(engine: Engine) -> bool:
    with transaction(engine, writes=False) as db:
        waits = select(job.c.id).where(job.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
        return db.execute(waits).first() is not None
