"""One pair of a draft made a match now: what is against it, and what the draft, publishing and another run do then."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import DbSession, make_engine, transaction, written
from app.errors import Problem
from app.models.tables import event, match
from app.operations import match_edits, match_runs
from app.operations.enrollments import set_capacity
from app.operations.match_acts import end_match
from app.operations.match_requests import decline_match
from app.operations.match_runs import accept_pair
from app.operations.people import patch_person
from app.operations.programs import patch_program
from app.queries import match_changes, matching, runs
from app.rules.access import SYSTEM, Actor
from app.rules.matching.problem import MatchAnswer, ProposedPair
from app.vocabulary import EndedBecause, MatchStatus, PersonStatus, Role, RunStatus
from tests.acts_that_are_told import by
from tests.databases import patient
from tests.factories import a_person
from tests.harness import NOW
from tests.operations.test_lock_order import side_by_side, wait_until_blocked
from tests.operations.test_publishing import acts
from tests.patience import PATIENCE_SECONDS
from tests.pools import a_mentee, a_mentor, start_match

HAND: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


def a_draft(db: DbSession, *pairs: tuple[Any, Any], pinned: bool = False) -> str:
    """A draft that proposes these pairs, without a solver."""
    run_id: str = start_match(db).id
    proposed = tuple(ProposedPair(mentee.id, mentor.id, 0, {}, pinned) for mentee, mentor in pairs)
    names = {who.id: who.id for pair in pairs for who in pair}
    answer = MatchAnswer(proposed, (), 0, 0)
    match_runs.keep_draft(db, run_id=run_id, answer=answer, person_of=names, inputs_hash="given", now=NOW)
    return run_id


def accept(db: DbSession, run_id: str, mentee: Any, **given: Any) -> Any:
    return accept_pair(db, run_id=run_id, mentee_id=mentee.id, **{**HAND, **given})


def publish(db: DbSession, run_id: str) -> Any:
    return match_runs.publish_match_run(db, run_id=run_id, **HAND)


def put(db: DbSession, run_id: str, mentee: Any, mentor: Any, *, pinned: bool) -> Any:
    mentor_id = mentor and mentor.id
    return match_edits.put_pair(db, run_id=run_id, mentee_id=mentee.id, mentor_id=mentor_id, pinned=pinned, **HAND)


def refused(db: DbSession, act: Any) -> Problem:
    with pytest.raises(Problem) as why, db.begin_nested():
        act()
    return why.value


def standing(db: DbSession) -> dict[str, str]:
    rows = db.execute(select(match.c.mentee_id, match.c.mentor_id).where(match.c.status != MatchStatus.ENDED))
    return {row.mentee_id: row.mentor_id for row in rows}


def made(db: DbSession) -> int:
    return int(db.execute(select(func.count()).select_from(match)).scalar_one())


def test_nobody_accepts_what_is_not_there_not_theirs_not_a_draft_or_not_as_they_saw_it(db: DbSession) -> None:
    aisha, tom, mara = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara")
    auditor, stranger = (
        Actor("crd_x", role, a_person(db, str(role)).id) for role in (Role.AUDITOR, Role.PROGRAM_MANAGER)
    )
    run_id, off = a_draft(db, (aisha, mara)), a_draft(db, (aisha, mara))
    match_edits.cancel_match_run(db, run_id=off, **HAND)

    said = [
        refused(db, partial(accept, db, run_id, aisha, actor=auditor)).status,
        refused(db, partial(accept, db, run_id, aisha, actor=stranger)).status,
        refused(db, partial(accept, db, run_id, tom)).status,
        refused(db, partial(accept, db, run_id, aisha, expected_version=1)).code,
        refused(db, partial(accept, db, off, aisha)).code,
    ]

    assert said == [403, 404, 404, "stale", "not_a_draft"]
    assert made(db) == 0


def test_a_pair_that_publishing_would_refuse_is_refused_by_the_same_constraint(db: DbSession) -> None:
    aisha, tom, mara = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara")
    run_id = a_draft(db, (aisha, mara), (tom, mara))
    patch_person(db, person_id=aisha.id, changes={"languages": ["ja"]}, **HAND)

    alone, whole = (refused(db, act) for act in (partial(accept, db, run_id, aisha), partial(publish, db, run_id)))

    assert (alone.code, alone.extra) == (whole.code, whole.extra)
    assert alone.extra == {"mentee_id": aisha.id, "mentor_id": mara.id, "constraint": "no_shared_language"}
    assert accept(db, run_id, tom).status is RunStatus.DRAFT
    assert standing(db) == {tom.id: mara.id}


def test_one_pair_begins_as_publishing_begins_it_and_publishing_then_leaves_it_alone(db: DbSession) -> None:
    aisha, tom, mara = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara")
    run_id = a_draft(db, (aisha, mara), (tom, mara), pinned=True)

    first, again = accept(db, run_id, aisha, expected_version=2), accept(db, run_id, aisha, expected_version=2)

    assert (first.status, first.version, again.version) == (RunStatus.DRAFT, 3, 3)
    its = db.execute(select(match)).one()
    assert (its.mentee_id, its.run_id, its.status, its.pinned) == (aisha.id, run_id, MatchStatus.ACTIVE, True)
    assert acts(db, its.id) == [("match.started", 1)]
    assert acts(db, run_id)[-1] == ("match_run.changed", 3)
    assert {row.mentee_id: row.match_id for row in runs.proposed_matches(db, run_id)} == {
        aisha.id: its.id,
        tom.id: None,
    }
    found = match_changes.changes(db, run_id, match_changes.STANDING, actor=SYSTEM)
    assert {one.mentee: one.change for one in found} == {aisha.id: "kept", tom.id: "added"}
    assert publish(db, run_id).status is RunStatus.PUBLISHED
    assert standing(db) == {aisha.id: mara.id, tom.id: mara.id}
    assert acts(db, its.id) == [("match.started", 1)]


def test_where_the_program_wants_a_yes_the_pair_waits_for_it(db: DbSession) -> None:
    aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    run_id = a_draft(db, (aisha, mara))
    program_id = runs.program_for_run(db, None).id
    patch_program(db, program_id=program_id, changes={"approval": "both"}, **HAND)

    accept(db, run_id, aisha)

    its = db.execute(select(match)).one()
    assert (its.status, set(its.awaiting)) == (MatchStatus.PENDING, {"mentor", "mentee"})


def test_who_moves_leaves_their_mentor_and_only_then_is_there_a_place_for_the_next(db: DbSession) -> None:
    aisha, tom = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
    mara, jonas = a_mentor(db, "Mara", capacity=1), a_mentor(db, "Jonas", capacity=1)
    publish(db, a_draft(db, (aisha, mara)))
    run_id = a_draft(db, (aisha, jonas), (tom, mara))

    late = a_draft(db, (tom, mara))

    early, never = (refused(db, partial(accept, db, draft, tom)) for draft in (run_id, late))
    accept(db, run_id, aisha)
    accept(db, run_id, tom)

    assert early.extra == {"mentee_id": tom.id, "mentor_id": mara.id, "constraint": "not_moved_yet"}
    assert never.extra == {**early.extra, "constraint": "no_capacity"}
    assert standing(db) == {aisha.id: jonas.id, tom.id: mara.id}
    ended = db.execute(select(match.c.ended_because).where(match.c.status == MatchStatus.ENDED)).scalars().all()
    assert ended == [EndedBecause.REPLACED]


def test_a_pair_that_stands_is_accepted_without_a_word_unless_the_draft_pins_it(db: DbSession) -> None:
    aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    publish(db, a_draft(db, (aisha, mara)))
    plain, pinning = a_draft(db, (aisha, mara)), a_draft(db, (aisha, mara), pinned=True)

    assert accept(db, plain, aisha).version == 2
    assert [accept(db, pinning, aisha).version for _ in range(2)] == [3, 3]

    assert db.execute(select(match.c.pinned, match.c.version)).all() == [(True, 2)]


def test_what_was_accepted_is_changed_on_the_match_and_no_more_in_the_draft(db: DbSession) -> None:
    aisha, mara, jonas = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    run_id = a_draft(db, (aisha, mara))
    accept(db, run_id, aisha)
    its = db.execute(select(match.c.id)).scalar_one()

    for mentor, pinned in ((jonas, False), (None, False), (mara, True)):
        why = refused(db, partial(put, db, run_id, aisha, mentor, pinned=pinned))
        assert (why.code, why.extra) == ("already_accepted", {"match_id": its})

    assert put(db, run_id, aisha, mara, pinned=False).version == 3  # it is so already


def test_who_said_no_since_is_not_asked_again_by_publishing_or_by_another_run(db: DbSession) -> None:
    aisha, tom = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
    mara, jonas = a_mentor(db, "Mara", capacity=1), a_mentor(db, "Jonas")
    program_id = runs.program_for_run(db, None).id
    patch_program(db, program_id=program_id, changes={"approval": "mentor"}, **HAND)
    run_id = a_draft(db, (aisha, mara), (tom, jonas), pinned=True)
    accept(db, run_id, aisha)
    decline_match(db, match_id=db.execute(select(match.c.id)).scalar_one(), actor=by(mara), now=NOW)

    anew = match_edits.rerun(db, run_id=run_id, **HAND)
    found = match_changes.changes(db, run_id, match_changes.STANDING, actor=SYSTEM)
    put(db, run_id, tom, mara, pinned=True)  # the place is free again
    publish(db, run_id)

    assert anew.pins == [[tom.id, jonas.id]]
    assert {one.mentee: one.change for one in found} == {tom.id: "added"}
    assert standing(db) == {tom.id: mara.id}


def test_another_run_takes_what_was_accepted_as_it_stands(db: DbSession) -> None:
    aisha, tom, mara = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara", capacity=1)
    run_id = a_draft(db, (aisha, mara), pinned=True)
    accept(db, run_id, aisha)

    anew = match_edits.rerun(db, run_id=run_id, **HAND)

    problem = matching.match_problem(db, anew, now=NOW)
    assert anew.pins == []
    key_of = {person_id: key for key, person_id in problem.person_of.items()}
    assert problem.problem.pins == {(key_of[aisha.id], key_of[mara.id])}  # as of any pinned match
    assert {one.key for one in problem.problem.mentees} == {key_of[aisha.id], key_of[tom.id]}


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """An engine on which writers really run side by side."""
    made = patient(make_engine(postgres_url))
    yield made
    made.dispose()


def test_two_who_accept_a_pair_at_once_make_one_match(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        aisha, mara = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
        run_id = a_draft(db, (aisha, mara))

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: written(engine, lambda db: accept(db, run_id, aisha)).version, range(4)))

    assert done == [3] * 4
    with transaction(engine, writes=False) as db:
        assert made(db) == 1
        assert [act for act, _ in acts(db, run_id)].count("match_run.changed") == 1


@pytest.mark.parametrize("first_comes", ["accept", "publish", "put", "leave"])
def test_who_accepts_a_pair_that_somebody_publishes_or_changes_waits_and_finds_what_became_of_it(
    postgres: Engine, first_comes: str
) -> None:
    with transaction(postgres, writes=True) as db:
        aisha, mara, jonas = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
        run_id = a_draft(db, (aisha, mara))
    rivals = {
        "accept": partial(accept, run_id=run_id, mentee=aisha),
        "publish": partial(publish, run_id=run_id),
        "put": partial(put, run_id=run_id, mentee=aisha, mentor=jonas, pinned=True),
        "leave": partial(patch_person, person_id=mara.id, changes={"status": PersonStatus.LEFT}, **HAND),
    }
    second_comes = "publish" if first_comes == "accept" else "accept"

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres, writes=True) as db:
            rivals[first_comes](db)
            following = pool.submit(written, postgres, rivals[second_comes])
            wait_until_blocked(postgres, following)
            assert not following.done()
        why = following.exception(PATIENCE_SECONDS)

    with transaction(postgres, writes=False) as db:
        assert standing(db) == (
            {} if first_comes == "leave" else {aisha.id: (jonas if first_comes == "put" else mara).id}
        )
        assert made(db) == (first_comes != "leave")
    assert getattr(why, "extra", {}).get("constraint") == ("away" if first_comes == "leave" else None)


def test_accepting_publishing_capacity_and_ends_at_once_never_give_a_place_away_twice(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        juniors, mara = [a_mentee(db, name) for name in ("Aisha", "Tom", "Bela")], a_mentor(db, "Mara", capacity=1)
        drafts = [a_draft(db, (who, mara)) for who in juniors]
        program_id = runs.program_for_run(db, None).id

    def tried(db: DbSession, act: Any) -> None:
        try:
            with db.begin_nested():
                act()
        except Problem as why:
            allowed = {"infeasible_pair", "not_a_draft", "match_over", "not_found"}
            if why.code not in allowed:
                raise

    def accepting(db: DbSession, number: int) -> None:
        tried(db, partial(accept, db, drafts[number % 3], juniors[number % 3]))

    def publishing(db: DbSession, number: int) -> None:
        if number % 7 == 6:
            tried(db, partial(publish, db, drafts[number % 3]))

    def ending(db: DbSession, number: int) -> None:
        one = db.execute(select(match.c.id).where(match.c.status != MatchStatus.ENDED).limit(1)).scalar()
        if one is not None and number % 2:
            tried(db, partial(end_match, db, match_id=one, **HAND))

    def capacity(db: DbSession, number: int) -> None:
        which = {"program_id": program_id, "enrollment_id": f"enr_{mara.id}"}
        set_capacity(db, **which, capacity=1 + number % 2, **HAND)

    side_by_side(engine, accepting, accepting, publishing, ending, capacity)

    with transaction(engine, writes=True) as db:
        assert len(standing(db)) <= 2
        ids = list(db.execute(select(match.c.id)).scalars())
        assert len(ids) == len(set(db.execute(select(match.c.mentee_id)).scalars()))  # each was made once
        started = select(event.c.object_id).where(event.c.act == "match.started")
        assert sorted(db.execute(started).scalars()) == sorted(ids)
