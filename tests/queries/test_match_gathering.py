"""What a match run is asked: who is in it, who stays out with their match, and what the program says."""

from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest

from app.db import DbSession
from app.models import Match, PairRule, Preference
from app.operations.availability import create_pause
from app.operations.enrollments import set_capacity
from app.operations.people import patch_person
from app.operations.programs import patch_program
from app.queries import matching, runs
from app.queries.matching import Gathered
from app.rules.access import SYSTEM
from app.rules.digest import digest
from app.vocabulary import Disruption, EndedBecause, MatchStatus, PairRuleKind, Side
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, start_match

TODAY = date(2026, 11, 21)
_numbers = count(1)


def program_id(db: DbSession) -> str:
    found: str = runs.program_for_run(db, None).id
    return found


def a_match(db: DbSession, mentee: Any, mentor: Any, status: MatchStatus = MatchStatus.ACTIVE, **fields: Any) -> None:
    stamps = {"created_at": NOW, "updated_at": NOW, "started_at": NOW}
    pair = {"program_id": program_id(db), "mentee_id": mentee.id, "mentor_id": mentor.id}
    db.add(Match(id=f"mat_{next(_numbers)}", **pair, status=status, score=1, terms={}, **{**stamps, **fields}))
    db.flush()


def a_rule(db: DbSession, mentee: Any, mentor: Any, kind: PairRuleKind) -> None:
    pair = {"program_id": program_id(db), "mentee_id": mentee.id, "mentor_id": mentor.id}
    db.add(PairRule(id=f"prl_{next(_numbers)}", **pair, kind=kind, created_at=NOW))
    db.flush()


def asked(db: DbSession, **given: Any) -> Gathered:
    return matching.match_problem(db, start_match(db, **given), now=NOW)


def mentees(gathered: Gathered) -> set[str]:
    return {gathered.person_of[mentee.key] for mentee in gathered.problem.mentees}


def pairs(gathered: Gathered, which: str) -> set[tuple[str, str]]:
    person_of = gathered.person_of
    return {(person_of[mentee], person_of[mentor]) for mentee, mentor in getattr(gathered.problem, which)}


def places(gathered: Gathered, mentor: Any) -> int:
    (found,) = [one.capacity for one in gathered.problem.mentors if one.person == mentor.id]
    return found


def test_who_is_on_leave_or_pauses_today_is_out_and_whom_they_have_stays_theirs(db: DbSession) -> None:
    aisha, tom, leo = (a_mentee(db, name) for name in ("Aisha", "Tom", "Leo"))
    mara, jonas = a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    a_match(db, tom, mara)
    a_match(db, leo, jonas)
    create_pause(db, person_id=mara.id, starts_on=TODAY, ends_on=TODAY, actor=SYSTEM, now=NOW)
    patch_person(db, person_id=leo.id, changes={"status": "on_leave"}, actor=SYSTEM, now=NOW)

    found = asked(db)

    assert mentees(found) == {aisha.id}
    assert {mentor.person for mentor in found.problem.mentors} == {jonas.id}
    assert places(found, jonas) == 1  # Leo keeps the other one


def test_a_pause_that_is_over_or_has_yet_to_begin_keeps_nobody_out(db: DbSession) -> None:
    aisha = a_mentee(db, "Aisha")
    for away in (-1, 1):
        day = TODAY + timedelta(days=away)
        create_pause(db, person_id=aisha.id, starts_on=day, ends_on=day, actor=SYSTEM, now=NOW)

    assert mentees(asked(db)) == {aisha.id}


def test_a_match_that_is_paused_goes_on_unless_the_run_pins_the_mentee(db: DbSession) -> None:
    aisha, mara, jonas = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    a_match(db, aisha, mara, MatchStatus.PAUSED)

    assert mentees(asked(db)) == set()
    assert mentees(asked(db, pins=[(aisha.id, jonas.id)])) == {aisha.id}


def test_a_pinned_match_that_stands_is_a_pin_and_stays_out_when_it_can_be_none(db: DbSession) -> None:
    aisha, tom, mara = a_mentee(db, "Aisha"), a_mentee(db, "Tom"), a_mentor(db, "Mara")
    a_match(db, aisha, mara, pinned=True)

    assert pairs(asked(db), "pins") == {(aisha.id, mara.id)}

    patch_person(db, person_id=aisha.id, changes={"languages": ["ja"]}, actor=SYSTEM, now=NOW)
    found = asked(db)
    assert (mentees(found), pairs(found, "pins"), places(found, mara)) == ({tom.id}, set(), 1)


def test_whoever_takes_fewer_from_now_on_keeps_whom_they_have_where_least_is_disturbed(db: DbSession) -> None:
    aisha, tom = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
    mara = a_mentor(db, "Mara", capacity=2)
    for who in (aisha, tom):
        a_match(db, who, mara)
    which: dict[str, Any] = {"program_id": program_id(db), "enrollment_id": f"enr_{mara.id}"}
    set_capacity(db, **which, capacity=1, actor=SYSTEM, now=NOW)

    least, some = asked(db, disruption=Disruption.LEAST), asked(db)

    assert (mentees(least), places(least, mara)) == (set(), 0)
    assert (mentees(some), places(some, mara)) == ({aisha.id, tom.id}, 1)


def test_what_the_program_forces_and_forbids_and_who_said_no_are_in_every_run(db: DbSession) -> None:
    aisha, tom, leo = (a_mentee(db, name) for name in ("Aisha", "Tom", "Leo"))
    mara, jonas = a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    a_rule(db, aisha, mara, PairRuleKind.FORCED)
    a_rule(db, tom, mara, PairRuleKind.FORBIDDEN)
    a_match(db, leo, mara, MatchStatus.ENDED, ended_because=EndedBecause.NOT_A_FIT)
    a_match(db, leo, jonas, MatchStatus.ENDED, ended_because=EndedBecause.DECLINED, started_at=None)

    found = asked(db)

    assert pairs(found, "pins") == {(aisha.id, mara.id)}
    assert pairs(found, "forbidden") == {(tom.id, mara.id), (leo.id, mara.id), (leo.id, jonas.id)}
    despite = asked(db, pins=[(leo.id, jonas.id)])
    assert pairs(despite, "forbidden") == {(tom.id, mara.id), (leo.id, mara.id)}


def test_only_matches_that_began_make_somebody_a_past_mentor(db: DbSession) -> None:
    aisha, mara, jonas = a_mentee(db, "Aisha"), a_mentor(db, "Mara"), a_mentor(db, "Jonas")
    a_match(db, aisha, mara, MatchStatus.ENDED, ended_because=EndedBecause.REPLACED)
    a_match(db, aisha, jonas, MatchStatus.ENDED, ended_because=EndedBecause.EXPIRED, started_at=None)

    found = asked(db)

    (junior,) = found.problem.mentees
    assert {found.person_of[key] for key in junior.past_mentors} == {mara.id}


def test_grades_and_preferences_of_both_sides_are_told_in_order(db: DbSession) -> None:
    aisha, mara, jonas = a_mentee(db, "Aisha", grade=2), a_mentor(db, "Mara", grade=5), a_mentor(db, "Jonas")
    wishes = [(aisha, Side.MENTEE, jonas, 1), (aisha, Side.MENTEE, mara, 2), (mara, Side.MENTOR, aisha, 1)]
    for number, (who, side, other, rank) in enumerate(wishes):
        wish: dict[str, Any] = {"person_id": who.id, "side": side, "preferred_id": other.id, "rank": rank}
        db.add(Preference(id=f"prf_{number}", program_id=program_id(db), **wish))
    db.flush()

    found = asked(db)

    key_of, (junior,) = found.key_of, found.problem.mentees
    seniors = {one.person: one for one in found.problem.mentors}
    assert (junior.grade, junior.prefers) == (2, (key_of[jonas.id], key_of[mara.id]))
    assert (seniors[mara.id].grade, seniors[mara.id].prefers) == (5, (key_of[aisha.id],))
    assert (seniors[jonas.id].grade, seniors[jonas.id].prefers) == (None, ())


@pytest.mark.parametrize(
    ("program", "run", "in_force"),
    [
        ({}, {}, (None, False, 120)),
        ({"max_grade_gap": 2, "never_repeat": True}, {}, (2, True, 120)),
        ({"max_grade_gap": 2}, {"max_grade_gap": None, "min_shared_minutes_per_week": 60}, (None, False, 60)),
    ],
)
def test_what_a_run_does_not_say_of_constraints_is_as_the_program_says(
    db: DbSession, program: dict[str, Any], run: dict[str, Any], in_force: tuple[int | None, bool, int]
) -> None:
    patch_program(db, program_id=program_id(db), changes={"constraints": program}, actor=SYSTEM, now=NOW)

    rules = asked(db, constraints=run).problem.constraints

    assert (rules.max_grade_gap, rules.never_repeat, rules.min_shared_minutes_per_week) == in_force


def test_the_digest_changes_with_what_is_asked_and_only_then(db: DbSession) -> None:
    aisha, _ = a_mentee(db, "Aisha"), a_mentor(db, "Mara")
    before = digest(asked(db).problem)

    assert digest(asked(db).problem) == before
    assert digest(asked(db, weights={"segment": 0}).problem) != before
    patch_person(db, person_id=aisha.id, changes={"languages": ["en", "ja"]}, actor=SYSTEM, now=NOW)
    assert digest(asked(db).problem) != before
