"""Drafts of match runs that an admin changes by hand, runs again and calls off; and what publishing then does."""

from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.db import DbSession, transaction
from app.errors import Problem
from app.jobs.match_runs import match_run
from app.models import PairRule
from app.models.tables import job, match, operation
from app.operations import match_edits, match_runs
from app.operations.availability import create_pause
from app.operations.people import patch_person
from app.operations.programs import patch_program
from app.queries import runs
from app.rules.access import SYSTEM
from app.rules.matching.problem import MatchConstraints
from app.vocabulary import EndedBecause, JobStatus, MatchStatus, PairRuleKind, RunStatus, WorkStatus
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_match


def a_draft(engine: Engine, **given: Any) -> str:
    with transaction(engine, writes=True) as db:
        run_id: str = start_match(db, **given).id
    run_job(engine, match_run, run_id)
    return run_id


def put(db: DbSession, run_id: str, mentee: Any, mentor: Any, *, pinned: bool = True, **more: Any) -> Any:
    mentor_id = mentor and mentor.id
    pair = {"run_id": run_id, "mentee_id": mentee.id, "mentor_id": mentor_id, "pinned": pinned}
    return match_edits.put_pair(db, **pair, **more, actor=SYSTEM, now=NOW)


def publish(db: DbSession, run_id: str) -> Any:
    return match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)


def proposed(db: DbSession, run_id: str) -> dict[str, tuple[str, bool, bool]]:
    rows = runs.proposed_matches(db, run_id)
    return {row.mentee_id: (row.mentor_id, row.pinned, row.by_hand) for row in rows}


def standing(db: DbSession) -> dict[str, str]:
    rows = db.execute(select(match.c.mentee_id, match.c.mentor_id).where(match.c.status == MatchStatus.ACTIVE))
    return {row.mentee_id: row.mentor_id for row in rows}


def test_a_pair_put_by_hand_has_the_score_that_the_solver_gave_it_and_is_published(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    first = a_draft(engine)
    with transaction(engine, writes=True) as db:
        jonas = a_mentor(db, "Jonas")
        before = {row.mentor_id: (row.score, row.terms) for row in runs.proposed_matches(db, first)}

        put(db, first, aisha, jonas, pinned=False)
        run = put(db, first, aisha, mara)

        assert proposed(db, first) == {aisha.id: (mara.id, True, True)}
        assert {row.mentor_id: (row.score, row.terms) for row in runs.proposed_matches(db, first)} == before
        assert (run.status, run.version) == (RunStatus.DRAFT, 4)
        publish(db, first)
        assert standing(db) == {aisha.id: mara.id}


def test_a_mentee_taken_out_is_unmatched_by_hand_until_they_get_somebody(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    run_id = a_draft(engine)

    with transaction(engine, writes=True) as db:
        out = put(db, run_id, aisha, None)
        assert proposed(db, run_id) == {}
        assert out.unmatched == [{"mentee_id": aisha.id, "reason": "by_hand", "excluded": {}}]
        assert put(db, run_id, aisha, None).version == out.version

        back = put(db, run_id, aisha, mara)
        assert (back.unmatched, proposed(db, run_id)) == ([], {aisha.id: (mara.id, True, True)})


def test_an_edit_that_could_not_be_published_is_refused_by_what_stands_against_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, tom = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
        mara, yuki = a_mentor(db, "Mara", capacity=1), a_mentor(db, "Yuki", languages=["ja"])
        away, jonas = a_mentor(db, "Away"), a_mentor(db, "Jonas", capacity=1)
        create_pause(db, person_id=away.id, starts_on=NOW.date(), ends_on=NOW.date(), actor=SYSTEM, now=NOW)
    run_id = a_draft(engine, pins=[(tom.id, mara.id)], forbidden=[(tom.id, jonas.id)])

    with transaction(engine, writes=True) as db:
        for who, mentor, why in (
            (aisha, mara, "no_capacity"),
            (aisha, yuki, "no_shared_language"),
            (aisha, away, "away"),
            (tom, jonas, "forbidden_pair"),
        ):
            with pytest.raises(Problem) as refused:
                put(db, run_id, who, mentor)
            said = {"mentee_id": who.id, "mentor_id": mentor.id, "constraint": why}
            assert (refused.value.code, refused.value.extra) == ("infeasible_pair", said)
        for who, mentor, code in ((aisha, tom, "not_enrolled"), (mara, mara, "not_found")):
            with pytest.raises(Problem) as unknown:
                put(db, run_id, who, mentor)
            assert unknown.value.code == code
        program = runs.program_for_run(db, None).id
        db.add(
            PairRule(
                id="prl_1",
                program_id=program,
                mentee_id=aisha.id,
                mentor_id=jonas.id,
                kind=PairRuleKind.FORCED,
                created_at=NOW,
            )
        )
        db.flush()
        with pytest.raises(Problem) as refused:
            put(db, run_id, aisha, yuki)
        assert refused.value.extra["constraint"] == "forced_pair"


def test_only_the_version_that_was_read_of_a_draft_is_changed(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        waiting = start_match(db).id
    run_id = a_draft(engine)

    with transaction(engine, writes=True) as db:
        with pytest.raises(Problem) as stale:
            put(db, run_id, aisha, mara, expected_version=1)
        assert stale.value.code == "stale"
        with pytest.raises(Problem) as early:
            put(db, waiting, aisha, mara)
        assert early.value.code == "not_a_draft"
        publish(db, run_id)
        with pytest.raises(Problem) as late:
            put(db, run_id, aisha, None)
        assert late.value.code == "not_a_draft"


def test_pinned_pairs_survive_another_run_and_the_rest_is_solved_anew(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, tom = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
        mara, jonas = a_mentor(db, "Mara", capacity=1), a_mentor(db, "Jonas", capacity=1)
    run_id = a_draft(engine, constraints={"max_grade_gap": 3})
    with transaction(engine, writes=True) as db:
        has = {who: mentor for who, (mentor, _, _) in proposed(db, run_id).items()}
        put(db, run_id, aisha, None)
        put(db, run_id, tom, mara if has[tom.id] == jonas.id else jonas)
        moved = proposed(db, run_id)[tom.id][0]

        again = match_edits.rerun(db, run_id=run_id, actor=SYSTEM, now=NOW)
        assert again.constraints == asdict(MatchConstraints(max_grade_gap=3))
    run_job(engine, match_run, again.id)

    with transaction(engine, writes=True) as db:
        other = has[tom.id]
        assert proposed(db, again.id) == {tom.id: (moved, True, False), aisha.id: (other, False, False)}
        assert runs.match_run_by_id(db, run_id, actor=SYSTEM).status is RunStatus.DRAFT
        patch_person(db, person_id=moved, changes={"languages": ["ja"]}, actor=SYSTEM, now=NOW)
        with pytest.raises(Problem) as refused:
            match_edits.rerun(db, run_id=again.id, actor=SYSTEM, now=NOW)
        assert refused.value.code == "contradictory_pins"


def test_a_run_is_called_off_while_it_waits_or_is_a_draft_and_not_once_it_is_published(engine: Engine) -> None:
    def cancel(db: DbSession, run_id: str) -> Any:
        return match_edits.cancel_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)

    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        waiting = start_match(db)
        for _ in range(2):
            assert cancel(db, waiting.id).status is RunStatus.CANCELLED
        ended = db.execute(select(operation.c.status).where(operation.c.id == waiting.operation_id)).scalar()
        assert ended is WorkStatus.CANCELLED
        assert db.execute(select(job.c.status)).scalars().all() == [JobStatus.CANCELLED]
    draft, kept = a_draft(engine), a_draft(engine)
    with transaction(engine, writes=True) as db:
        assert cancel(db, draft).status is RunStatus.CANCELLED
        with pytest.raises(Problem) as off:
            publish(db, draft)
        publish(db, kept)
        with pytest.raises(Problem) as late:
            cancel(db, kept)
        assert (off.value.code, late.value.code) == ("not_a_draft", "not_a_draft")


def test_publishing_never_breaks_a_pin_that_came_after_the_draft(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha = a_mentee(db, "Aisha")
        mara, jonas = a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    plain = a_draft(engine, forbidden=[(aisha.id, jonas.id)])
    pinning = a_draft(engine, pins=[(aisha.id, jonas.id)])
    with transaction(engine, writes=True) as db:
        publish(db, pinning)
        db.execute(update(match).values(created_at=NOW))

        with pytest.raises(Problem) as refused:
            publish(db, plain)

        assert refused.value.extra == {"mentee_id": aisha.id, "mentor_id": jonas.id, "constraint": "pinned"}
        put(db, plain, aisha, mara)  # known and meant: the pair is pinned by hand now
        publish(db, plain)
        assert standing(db) == {aisha.id: mara.id}
        ended = select(match.c.ended_because).where(match.c.status == MatchStatus.ENDED)
        assert db.execute(ended).scalar() is EndedBecause.REPLACED


def test_a_pair_that_stands_is_kept_whatever_has_come_to_stand_against_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    first, second = a_draft(engine), a_draft(engine)
    with transaction(engine, writes=True) as db:
        publish(db, first)
        patch_person(db, person_id=aisha.id, changes={"languages": ["ja"]}, actor=SYSTEM, now=NOW)

        assert publish(db, second).status is RunStatus.PUBLISHED
        assert standing(db) == {aisha.id: mara.id}


def test_a_pair_that_stands_is_pinned_by_publishing_it_pinned_and_let_go_only_by_hand(engine: Engine) -> None:
    def pinned(db: DbSession) -> bool:
        return bool(db.execute(select(match.c.pinned).where(match.c.status == MatchStatus.ACTIVE)).scalar_one())

    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    first, late = a_draft(engine), a_draft(engine)
    pinning = a_draft(engine, pins=[(aisha.id, mara.id)])
    with transaction(engine, writes=True) as db:
        publish(db, first)
        assert not pinned(db)
        publish(db, pinning)
        assert pinned(db)
        publish(db, late)  # it knows nothing of the pin
        assert pinned(db)
    last = a_draft(engine)
    with transaction(engine, writes=True) as db:
        put(db, last, aisha, mara, pinned=False)
        publish(db, last)
        assert not pinned(db)


def test_where_the_program_wants_a_yes_published_pairs_wait_for_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        program = runs.program_for_run(db, None).id
        patch_program(db, program_id=program, changes={"approval": "both"}, actor=SYSTEM, now=NOW)
    run_id = a_draft(engine)

    with transaction(engine, writes=True) as db:
        publish(db, run_id)

        waits = db.execute(select(match.c.status, match.c.awaiting)).one()
        assert (waits.status, set(waits.awaiting)) == (MatchStatus.PENDING, {"mentor", "mentee"})
