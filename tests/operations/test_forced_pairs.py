"""Pairs that a program forces: they hold as long as the rule does, whatever was said before it, and no longer."""

from typing import Any

from sqlalchemy import Engine, delete, select, update

from app.db import DbSession, transaction
from app.jobs.match_runs import match_run
from app.models import PairRule
from app.models.tables import match, pair_rule
from app.operations import match_runs
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import EndedBecause, MatchStatus, PairRuleKind
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_match


def force(db: DbSession, mentee: Any, mentor: Any) -> None:
    program_id = runs.program_for_run(db, None).id
    pair = {"program_id": program_id, "mentee_id": mentee.id, "mentor_id": mentor.id}
    db.add(PairRule(id="prl_1", **pair, kind=PairRuleKind.FORCED, created_at=NOW))
    db.flush()


def a_draft(engine: Engine) -> dict[str, tuple[str, bool]]:
    """The pairs of a new run, with whether they are pinned; it is published."""
    with transaction(engine, writes=True) as db:
        run_id = start_match(db).id
    run_job(engine, match_run, run_id)
    with transaction(engine, writes=True) as db:
        match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)
        return {row.mentee_id: (row.mentor_id, row.pinned) for row in runs.proposed_matches(db, run_id)}


def test_a_pair_that_was_only_forced_is_free_when_the_rule_is_gone(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha = a_mentee(db, "Aisha", segments=["saas"])
        mara, jonas = a_mentor(db, "Mara", segments=["saas"]), a_mentor(db, "Jonas")
        force(db, aisha, jonas)

    assert a_draft(engine) == {aisha.id: (jonas.id, False)}
    with transaction(engine, writes=True) as db:
        db.execute(delete(pair_rule))

    assert a_draft(engine) == {aisha.id: (mara.id, False)}
    with transaction(engine, writes=False) as db:
        standing = db.execute(select(match).where(match.c.status == MatchStatus.ACTIVE)).one()
        assert (standing.mentor_id, standing.pinned) == (mara.id, False)


def test_a_rule_that_forces_a_pair_holds_although_one_once_said_no(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        a_mentor(db, "Jonas")
        force(db, aisha, mara)
    a_draft(engine)
    with transaction(engine, writes=True) as db:
        db.execute(update(match).values(status=MatchStatus.ENDED, ended_because=EndedBecause.NOT_A_FIT))

    again = a_draft(engine)

    assert again == {aisha.id: (mara.id, False)}
