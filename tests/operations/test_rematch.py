"""Runs that nobody started: one draft for whoever waits, once for many reasons, and never published by itself."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select

from app.config import Settings
from app.db import DbSession, transaction
from app.models import PairRule
from app.models.tables import job, match, match_run
from app.operations import match_edits, match_runs
from app.operations.people import patch_person
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import Disruption, JobStatus, MatchStatus, PairRuleKind, RunCause, RunStatus
from app.worker import Worker
from tests.harness import NOW, FakeClock
from tests.pools import a_mentee, a_mentor, start_match

LATER = timedelta(minutes=2)


def work(engine: Engine, at: timedelta = LATER) -> None:
    worker = Worker(engine, Settings(_env_file=None), FakeClock(NOW + at))
    while worker.run_one():
        continue


def ask(db: DbSession, cause: RunCause = RunCause.PLACE_FREED) -> None:
    match_runs.rematch_soon(db, runs.program_for_run(db, None).id, cause, NOW)


def automatic(db: DbSession) -> list[Any]:
    rows = db.execute(select(match_run).where(match_run.c.cause != RunCause.BY_HAND).order_by(match_run.c.id))
    return list(rows)


def two_matched(engine: Engine) -> dict[str, Any]:
    """Aisha with Mara, Tom with Jonas, as a run said that was published; both mentors have no place left."""
    with transaction(engine, writes=True) as db:
        people = {name: a_mentee(db, name) for name in ("Aisha", "Tom")}
        people |= {name: a_mentor(db, name, capacity=1) for name in ("Mara", "Jonas")}
        pins = [(people["Aisha"].id, people["Mara"].id), (people["Tom"].id, people["Jonas"].id)]
        run_id = start_match(db, pins=pins).id
    work(engine)
    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
    with transaction(engine, writes=True) as db:
        db.execute(match.update().values(pinned=False))
    return people


def test_when_a_mentor_leaves_a_draft_moves_nobody_but_whom_they_had(engine: Engine) -> None:
    people = two_matched(engine)
    with transaction(engine, writes=True) as db:
        third = a_mentor(db, "Nora", capacity=1)
        patch_person(db, person_id=people["Mara"].id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    work(engine)

    with transaction(engine, writes=False) as db:
        (run,) = automatic(db)
        assert (run.status, run.cause, run.disruption) == (
            RunStatus.DRAFT,
            RunCause.SOMEBODY_LEFT,
            Disruption.LEAST,
        )
        pairs = {row.mentee_id: row.mentor_id for row in runs.proposed_matches(db, run.id)}
        assert pairs == {people["Aisha"].id: third.id, people["Tom"].id: people["Jonas"].id}
        standing = select(match.c.mentee_id).where(match.c.status == MatchStatus.ACTIVE)
        assert db.execute(standing).scalars().all() == [people["Tom"].id]


def test_many_reasons_within_a_minute_make_one_run_and_not_before_it_is_over(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        for cause in (RunCause.NOT_A_FIT, RunCause.PLACE_FREED, RunCause.SOMEBODY_LEFT):
            ask(db, cause)

    work(engine, timedelta(seconds=59))
    with transaction(engine, writes=False) as db:
        assert automatic(db) == []
    work(engine)

    with transaction(engine, writes=False) as db:
        assert [run.cause for run in automatic(db)] == [RunCause.NOT_A_FIT]


def test_nothing_is_started_when_nobody_waits(engine: Engine) -> None:
    two_matched(engine)
    with transaction(engine, writes=True) as db:
        a_mentor(db, "Nora")
        ask(db)

    work(engine)

    with transaction(engine, writes=False) as db:
        assert automatic(db) == []


def test_a_draft_of_the_same_stays_one_and_what_changed_takes_the_place_of_one_that_nobody_touched(
    engine: Engine,
) -> None:
    with transaction(engine, writes=True) as db:
        aisha = a_mentee(db, "Aisha", languages=["ja"])
        a_mentor(db, "Mara")
        ask(db)
    work(engine)
    with transaction(engine, writes=True) as db:
        ask(db)
    work(engine)
    with transaction(engine, writes=True) as db:
        (first,) = automatic(db)
        assert first.status is RunStatus.DRAFT
        yuki = a_mentor(db, "Yuki", languages=["ja"])
        ask(db)
    work(engine, 2 * LATER)

    with transaction(engine, writes=True) as db:
        assert [run.status for run in automatic(db)] == [RunStatus.CANCELLED, RunStatus.DRAFT]
        second = automatic(db)[1].id
        match_edits.put_pair(
            db, run_id=second, mentee_id=aisha.id, mentor_id=yuki.id, pinned=True, actor=SYSTEM, now=NOW
        )
        a_mentor(db, "Ken", languages=["ja"])
        ask(db)
    work(engine, 3 * LATER)

    with transaction(engine, writes=False) as db:
        assert [run.status for run in automatic(db)][1:] == [RunStatus.DRAFT, RunStatus.DRAFT]


def test_while_a_run_is_on_its_way_the_next_waits_for_its_answer(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        ask(db)
    clock = FakeClock(NOW + LATER)
    worker = Worker(engine, Settings(_env_file=None), clock)
    worker.run_one()  # the run is queued, and not solved
    with transaction(engine, writes=True) as db:
        db.execute(job.update().where(job.c.kind == "match_run").values(due_at=NOW + 5 * LATER))
        ask(db)

    worker.run_one()

    with transaction(engine, writes=False) as db:
        waiting = select(job.c.due_at).where(job.c.kind == "rematch", job.c.status == JobStatus.QUEUED)
        assert db.execute(waiting).scalar() == clock() + match_runs.SETTLING
        assert len(automatic(db)) == 1


def test_a_program_whose_forced_pairs_cannot_hold_says_so_on_the_jobs_page(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha", languages=["ja"]), a_mentor(db, "Mara")
        pair = {"program_id": runs.program_for_run(db, None).id, "mentee_id": aisha.id, "mentor_id": mara.id}
        db.add(PairRule(id="prl_1", **pair, kind=PairRuleKind.FORCED, created_at=NOW))
        db.flush()
        ask(db)

    work(engine)

    with transaction(engine, writes=False) as db:
        found = db.execute(select(job.c.status, job.c.last_error).where(job.c.kind == "rematch")).one()
        assert (found.status, automatic(db)) == (JobStatus.DEAD, [])
        assert "no_shared_language" in found.last_error
