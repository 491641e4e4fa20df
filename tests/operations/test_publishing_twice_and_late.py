"""What a second look found: repeated jobs, places that a run gave away, people who leave while others publish."""

import threading
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select, update

from app.config import Settings
from app.db import make_engine, retrying, transaction
from app.jobs import match_runs as jobs
from app.models.tables import job, match, operation, person
from app.operations import accounts, match_runs
from app.operations.match_feasibility import InfeasiblePair
from app.operations.people import patch_person
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import JobStatus, MatchStatus, PersonStatus, WorkStatus
from app.worker import Worker
from tests.databases import patient
from tests.factories import a_call, a_person
from tests.harness import NOW, FakeClock
from tests.pools import a_mentee, a_mentor, run_job, start_match


def settings(folder: Path) -> Settings:
    return Settings(_env_file=None, dir=folder)


def test_a_job_that_runs_again_leaves_finished_work_finished(engine: Engine, tmp_path: Path) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        a_mentor(db, "Mara")
        start_match(db)
    worker = Worker(engine, settings(tmp_path), FakeClock())
    worker.run_one()
    with transaction(engine, writes=True) as db:  # as if the worker had died before it could note the end
        lost = {"status": JobStatus.RUNNING, "lease": "lost", "leased_until": NOW - timedelta(days=1)}
        db.execute(update(job).where(job.c.kind == "match_run").values(**lost))

    worker.run_one()

    with transaction(engine, writes=False) as db:
        assert db.execute(select(operation.c.status, operation.c.progress)).all() == [(WorkStatus.SUCCEEDED, 100)]
        assert db.execute(select(job.c.status).where(job.c.kind == "match_run")).scalars().all() == [JobStatus.DONE]


def test_a_place_that_the_run_gave_to_somebody_else_is_free_when_it_is_published(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara", capacity=1)
        first = start_match(db).id
    run_job(engine, jobs.match_run, first)
    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=first, actor=SYSTEM, now=NOW)
        patch_person(db, person_id=aisha.id, changes={"manager_id": mara.id}, actor=SYSTEM, now=NOW)
        bela = a_mentee(db, "Bela")
        second = start_match(db, now=NOW + timedelta(hours=1)).id
    run_job(engine, jobs.match_run, second)

    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=second, actor=SYSTEM, now=NOW)

        standing = select(match.c.mentee_id).where(match.c.status == MatchStatus.ACTIVE)
        assert db.execute(standing).scalars().all() == [bela.id]


def test_nobody_who_leaves_while_a_run_is_published_keeps_a_match(engine: Engine) -> None:
    for _ in range(5):
        with transaction(engine, writes=True) as db:
            a_mentee(db, "Aisha")
            mentor = a_mentor(db, "Mara")
            run_id = start_match(db).id
        run_job(engine, jobs.match_run, run_id)

        def leave(who: str = mentor.id) -> None:
            with transaction(engine, writes=True) as db:
                patch_person(db, person_id=who, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)

        def publish(which: str = run_id) -> None:
            with transaction(engine, writes=True) as db:
                match_runs.publish_match_run(db, run_id=which, actor=SYSTEM, now=NOW)

        def publish_or_refuse() -> None:
            try:
                retrying(publish)
            except InfeasiblePair:
                time.sleep(0)  # the mentor was quicker: that is an answer too

        rivals = [threading.Thread(target=publish_or_refuse), threading.Thread(target=retrying, args=(leave,))]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()

        with transaction(engine, writes=False) as db:
            gone = select(func.count()).join(person, person.c.id == match.c.mentor_id).select_from(match)
            both = gone.where(match.c.status == MatchStatus.ACTIVE, person.c.status == PersonStatus.LEFT)
            assert db.execute(both).scalar() == 0


def test_an_account_deleted_under_a_batch_asks_for_another_run(postgres_url: str) -> None:
    engine = patient(make_engine(postgres_url))
    with transaction(engine, writes=True) as db:
        account = accounts.create_account(db, fields={"name": "X"}, refs=[("crm", "1")], actor=SYSTEM, now=NOW).id
    failed: list[BaseException] = []

    def batch() -> None:
        def lock() -> None:
            with transaction(engine, writes=True) as db:
                accounts.lock_for_upserts(db, [(("crm", "1"), {"name": "Y"})], actor=SYSTEM)

        try:
            retrying(lock)
        except BaseException as error:
            failed.append(error)

    with transaction(engine, writes=True) as db:
        accounts.delete_account(db, account_id=account, actor=SYSTEM, now=NOW)
        rival = threading.Thread(target=batch)
        rival.start()
        rival.join(0.5)
    rival.join()
    engine.dispose()

    assert failed == []


def test_an_invitation_to_what_is_over_is_quietly_let_go(engine: Engine, tmp_path: Path) -> None:
    with transaction(engine, writes=True) as db:
        call_id, junior = a_call(db), a_person(db, "Junior")
        book_seat(db, call_id=call_id, observer_id=junior.id, actor=SYSTEM, now=NOW)
    worker = Worker(engine, settings(tmp_path), FakeClock(NOW + timedelta(days=30)))

    while worker.run_one():
        continue

    with transaction(engine, writes=False) as db:
        assert set(db.execute(select(job.c.status)).scalars()) == {JobStatus.DONE}
    assert not list((tmp_path / "outbox").glob("*.eml"))
