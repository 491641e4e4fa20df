"""What changes matches and what changes people, side by side: people are locked first, then their programs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import DbSession, make_engine, transaction, written
from app.errors import Conflict, Problem
from app.models.tables import match, person
from app.operations import match_runs
from app.operations.enrollments import set_capacity
from app.operations.match_acts import end_match, pause_match
from app.operations.match_edits import put_pair
from app.operations.match_requests import approve_match, ask_for_match, expire_matches
from app.operations.people import lock_for_upserts, patch_person, upsert_person
from app.queries import runs
from app.queries.people import lock_people
from app.rules.access import SYSTEM
from app.rules.matching.problem import MatchAnswer, ProposedPair
from app.vocabulary import EndedBecause, MatchStatus, PersonStatus
from tests.acts_that_are_told import by
from tests.databases import patient
from tests.harness import NOW
from tests.operations.test_lock_order import side_by_side, wait_until_blocked
from tests.patience import PATIENCE_SECONDS
from tests.pools import a_mentee, a_mentor, start_match

DAY = timedelta(days=1)


@pytest.fixture
def postgres(postgres_url: str) -> Any:
    made = patient(make_engine(postgres_url))
    yield made
    made.dispose()


def a_draft(db: DbSession, *pairs: tuple[Any, Any]) -> str:
    """A draft that proposes these pairs, without a solver."""
    run_id: str = start_match(db).id
    proposed = tuple(ProposedPair(mentee.id, mentor.id, 0, {}, False) for mentee, mentor in pairs)
    names = {who.id: who.id for pair in pairs for who in pair}
    answer = MatchAnswer(proposed, (), 0, 0)
    match_runs.keep_draft(db, run_id=run_id, answer=answer, person_of=names, inputs_hash="", now=NOW)
    return run_id


def ask(db: DbSession, mentee: Any, mentor: Any) -> Any:
    asked: dict[str, Any] = {"mentee_id": mentee.id, "mentor_id": mentor.id, "program_id": None}
    return ask_for_match(db, **asked, actor=by(mentee), now=NOW)


def leave(db: DbSession, *, person_id: str) -> None:
    patch_person(db, person_id=person_id, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize("what", ["publish", "ask", "approve", "end", "expire", "capacity"])
def test_who_is_leaving_never_waits_for_somebody_who_waits_for_them(postgres: Engine, what: str) -> None:
    with transaction(postgres, writes=True) as db:
        jo, tom, mara = a_mentee(db, "Jo"), a_mentee(db, "Tom"), a_mentor(db, "Mara", capacity=5)
        asked = ask(db, jo, mara).id
        run_id = a_draft(db, (tom, mara))
        program_id = runs.program_for_run(db, None).id
    places: dict[str, Any] = {"program_id": program_id, "enrollment_id": f"enr_{mara.id}", "capacity": 3}
    act: Callable[[DbSession], Any] = {
        "publish": partial(match_runs.publish_match_run, run_id=run_id, actor=SYSTEM, now=NOW),
        "ask": partial(ask, mentee=tom, mentor=mara),
        "approve": partial(approve_match, match_id=asked, actor=by(mara), now=NOW),
        "end": partial(end_match, match_id=asked, actor=by(mara), now=NOW),
        "expire": partial(expire_matches, now=NOW + 15 * DAY),
        "capacity": partial(set_capacity, **places, actor=SYSTEM, now=NOW),
    }[what]

    def follow() -> None:
        with suppress(Problem), transaction(postgres, writes=True) as db:
            act(db)

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres, writes=True) as db:
            lock_people(db, [mara.id])
            following = pool.submit(follow)
            wait_until_blocked(postgres, following)
            leave(db, person_id=mara.id)
        following.result(PATIENCE_SECONDS)

    assert everybody_who_stands(postgres) == []


def test_who_is_put_into_a_draft_while_it_is_published_is_locked_like_the_others(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        jo, tom, mara, kai = a_mentee(db, "Jo"), a_mentee(db, "Tom"), a_mentor(db, "Mara"), a_mentor(db, "Kai")
        run_id = a_draft(db, (jo, mara))
    runs_of_publish: list[None] = []

    def publish() -> None:
        def once(db: DbSession) -> None:
            runs_of_publish.append(None)
            match_runs.publish_match_run(db, run_id=run_id, actor=SYSTEM, now=NOW)

        written(postgres, once)

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres, writes=True) as db:
            put: dict[str, Any] = {"mentee_id": tom.id, "mentor_id": kai.id, "pinned": False}
            put_pair(db, run_id=run_id, **put, actor=SYSTEM, now=NOW)
            publishing = pool.submit(publish)
            wait_until_blocked(postgres, publishing)
        publishing.result(PATIENCE_SECONDS)

    assert len(runs_of_publish) == 2
    assert set(everybody_who_stands(postgres)) == {jo.id, tom.id, mara.id, kai.id}


def test_a_batch_of_people_who_leave_and_all_that_changes_matches_never_deadlock(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        mentors = [a_mentor(db, f"Mentor {n}", capacity=50) for n in range(2)]
        leaving = [(a_mentee(db, f"Leaver {n}"), mentors[n % 2]) for n in range(40)]
        staying = [(a_mentee(db, f"Stayer {n}"), mentors[n % 2]) for n in range(20)]
        asking = [(a_mentee(db, f"Asker {n}"), mentors[n % 2]) for n in range(20)]
        asked = [ask(db, *pair).id for pair in (*leaving, *staying)]
        drafts = [a_draft(db, staying[n], leaving[2 * n], leaving[2 * n + 1]) for n in range(20)]

    def bring(db: DbSession, number: int) -> None:
        two = [leaving[2 * number + 1][0], leaving[2 * number][0]]
        several = [(("crm", who.id), {"email": who.email, "status": PersonStatus.LEFT}) for who in two]
        lock_for_upserts(db, several, actor=SYSTEM, now=NOW)
        for (source, external_id), changes in several:
            given: dict[str, Any] = {"source": source, "external_id": external_id, "changes": changes}
            upsert_person(db, **given, actor=SYSTEM, now=NOW)

    def settle(db: DbSession, number: int) -> None:
        with suppress(Conflict):
            approve_match(db, match_id=asked[2 * number], actor=by(leaving[2 * number][1]), now=NOW)
            pause_match(db, match_id=asked[2 * number], actor=SYSTEM, now=NOW)

    def publish(db: DbSession, number: int) -> None:
        with suppress(Conflict):
            match_runs.publish_match_run(db, run_id=drafts[number], actor=SYSTEM, now=NOW)

    def wish(db: DbSession, number: int) -> None:
        ask(db, *asking[number])

    def sweep(db: DbSession, _number: int) -> None:
        expire_matches(db, now=NOW + 13 * DAY)

    side_by_side(engine, bring, settle, publish, wish, sweep)

    gone = {who.id for who, _ in leaving}
    with transaction(engine, writes=False) as db:
        left = db.execute(select(person.c.id).where(person.c.status == PersonStatus.LEFT)).scalars()
        because = db.execute(select(match.c.ended_because).where(match.c.mentee_id.in_(gone))).scalars()
        assert (set(left), set(because)) == (gone, {EndedBecause.LEFT})
    assert gone.isdisjoint(everybody_who_stands(engine))


def everybody_who_stands(engine: Engine) -> list[str]:
    with transaction(engine, writes=False) as db:
        query = select(match.c.mentee_id, match.c.mentor_id).where(match.c.status != MatchStatus.ENDED)
        return [who for row in db.execute(query) for who in row]
