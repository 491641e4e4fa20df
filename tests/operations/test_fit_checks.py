"""Matches that stand: they rest and go on, end by hand or because somebody leaves, and are felt once the two met."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.models.tables import job, match
from app.operations.call_outcomes import end_call
from app.operations.enrollments import enroll, set_capacity, withdraw
from app.operations.fit_checks import answer_fit, ask_fits
from app.operations.match_acts import NotStanding, end_match, pause_match, resume_match
from app.operations.match_requests import approve_match, ask_for_match
from app.operations.people import patch_person
from app.operations.preferences import set_preferences
from app.operations.seats import book_seat
from app.operations.session_outcomes import complete_session, miss_session
from app.queries import preferences, runs
from app.rules.access import SYSTEM
from app.vocabulary import EndedBecause, Fit, MatchStatus, PersonStatus, RunCause, Side
from tests.acts_that_are_told import by
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor
from tests.sessions_and_people import HALF, TEN, a_session, acts

BEGUN = ["match.started"]


def matched(db: DbSession, mentee: Any, mentor: Any) -> Any:
    """An active match."""
    return ask_for_match(db, mentor_id=mentor.id, mentee_id=mentee.id, program_id=None, actor=SYSTEM, now=NOW)


def a_pair(db: DbSession) -> tuple[Any, Any, str]:
    mentee, mentor = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    return mentee, mentor, matched(db, mentee, mentor).id


def met(db: DbSession, *people: Any, starts_at: Any = TEN) -> None:
    session_id = a_session(db, *people, starts_at=starts_at)
    complete_session(db, session_id=session_id, actor=SYSTEM, now=starts_at + HALF)


def names(db: DbSession, match_id: str) -> list[str]:
    return [act for act, _ in acts(db, match_id)]


def causes(db: DbSession) -> list[str]:
    rows = db.execute(select(job.c.payload).where(job.c.kind == "rematch"))
    return [row.payload["cause"] for row in rows]


def forget_jobs(db: DbSession) -> None:
    db.execute(job.delete())


def ended(db: DbSession, match_id: str) -> tuple[MatchStatus, EndedBecause | None]:
    return tuple(db.execute(select(match.c.status, match.c.ended_because).where(match.c.id == match_id)).one())


def test_a_match_rests_and_goes_on_and_repeating_it_changes_nothing(db: DbSession) -> None:
    jo, mara, match_id = a_pair(db)

    for act, who in ((pause_match, jo), (pause_match, mara), (resume_match, mara), (resume_match, jo)):
        found = act(db, match_id=match_id, actor=by(who), now=NOW)

    assert (found.status, found.version) == (MatchStatus.ACTIVE, 3)
    assert names(db, match_id) == [*BEGUN, "match.paused", "match.resumed"]


def test_a_stranger_does_nothing_to_a_match(db: DbSession) -> None:
    _, _, match_id = a_pair(db)
    eve = by(a_person(db, "Eve"))

    for act in (pause_match, resume_match, end_match, partial(answer_fit, answer=Fit.GOOD)):
        with pytest.raises(NotFound):
            act(db, match_id=match_id, actor=eve, now=NOW)


def test_what_nobody_has_said_yes_to_neither_rests_nor_ends_nor_feels_like_anything(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    asked = ask_for_match(db, mentor_id=mara.id, mentee_id=None, program_id=None, actor=by(jo), now=NOW)

    for act in (pause_match, resume_match, end_match, partial(answer_fit, answer=Fit.GOOD)):
        with pytest.raises(NotStanding):
            act(db, match_id=asked.id, actor=by(jo), now=NOW)


def test_either_ends_a_match_once_and_the_program_is_matched_anew(db: DbSession) -> None:
    jo, mara, match_id = a_pair(db)
    pause_match(db, match_id=match_id, actor=by(jo), now=NOW)

    over = end_match(db, match_id=match_id, actor=by(mara), now=NOW)

    assert ended(db, match_id) == (MatchStatus.ENDED, EndedBecause.BY_HAND)
    assert end_match(db, match_id=match_id, actor=by(jo), now=NOW).version == over.version
    assert causes(db) == [RunCause.PLACE_FREED]
    with pytest.raises(NotStanding):
        resume_match(db, match_id=match_id, actor=by(jo), now=NOW)


@pytest.mark.parametrize("gone", ["mentee", "mentor"])
@pytest.mark.parametrize("from_where", ["company", "program"])
def test_who_leaves_ends_what_stands_and_what_waits(db: DbSession, gone: str, from_where: str) -> None:
    jo, mara, match_id = a_pair(db)
    tom = a_mentee(db, "Tom")
    pause_match(db, match_id=match_id, actor=by(jo), now=NOW)
    waits = None
    if gone == "mentor":
        waits = ask_for_match(db, mentor_id=mara.id, mentee_id=None, program_id=None, actor=by(tom), now=NOW).id
    who = jo if gone == "mentee" else mara

    if from_where == "company":
        patch_person(db, person_id=who.id, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)
    else:
        program_id = runs.program_for_run(db, None).id
        withdraw(db, program_id=program_id, enrollment_id=f"enr_{who.id}", actor=SYSTEM, now=NOW)

    for one in filter(None, (match_id, waits)):
        assert ended(db, one) == (MatchStatus.ENDED, EndedBecause.LEFT)
    assert causes(db) == [RunCause.SOMEBODY_LEFT]


def test_who_withdraws_from_one_side_keeps_the_matches_on_the_other(db: DbSession) -> None:
    jo, _, match_id = a_pair(db)
    program_id = runs.program_for_run(db, None).id
    other = enroll(db, program_id=program_id, person_id=jo.id, side=Side.MENTOR, capacity=1, actor=SYSTEM, now=NOW)

    withdraw(db, program_id=program_id, enrollment_id=other.id, actor=SYSTEM, now=NOW)

    assert ended(db, match_id) == (MatchStatus.ACTIVE, None)


def test_a_mentor_who_joins_or_takes_more_is_for_whoever_waits(db: DbSession) -> None:
    program_id = runs.program_for_run(db, None).id
    given: dict[str, Any] = {"program_id": program_id, "actor": SYSTEM, "now": NOW}

    def enrolled(side: Side, capacity: int) -> str:
        return enroll(db, person_id=a_person(db).id, side=side, capacity=capacity, **given).id

    enrolled(Side.MENTEE, 1)
    out = enrolled(Side.MENTOR, 0)
    assert causes(db) == []
    set_capacity(db, enrollment_id=out, capacity=2, **given)
    assert causes(db) == [RunCause.PLACE_FREED]
    forget_jobs(db)
    set_capacity(db, enrollment_id=out, capacity=1, **given)
    set_capacity(db, enrollment_id=out, capacity=1, **given)
    assert causes(db) == []
    enrolled(Side.MENTOR, 1)
    assert causes(db) == [RunCause.PLACE_FREED]


def test_who_withdraws_is_wished_for_no_more(db: DbSession) -> None:
    jo, mara, kai = a_mentee(db, "Jo"), a_mentor(db, "Mara"), a_mentor(db, "Kai")
    program_id = runs.program_for_run(db, None).id
    given: dict[str, Any] = {"program_id": None, "actor": SYSTEM, "now": NOW}
    set_preferences(db, person_id=jo.id, side=Side.MENTEE, preferred=[mara.id, kai.id], **given)
    set_preferences(db, person_id=mara.id, side=Side.MENTOR, preferred=[jo.id], **given)

    withdraw(db, program_id=program_id, enrollment_id=f"enr_{mara.id}", actor=SYSTEM, now=NOW)

    assert preferences.preferred(db, program_id, jo.id, Side.MENTEE) == [kai.id]
    assert preferences.preferred(db, program_id, mara.id, Side.MENTOR) == []


def test_the_two_are_asked_once_after_their_first_session_together(db: DbSession) -> None:
    jo, mara, match_id = a_pair(db)
    kai = a_mentor(db, "Kai")

    a_session(db, jo, mara)
    assert ask_fits(db, now=TEN) == 0, "it has yet to take place"
    met(db, jo, kai, starts_at=TEN + 2 * HALF)
    missed = a_session(db, jo, mara, starts_at=TEN + 4 * HALF)
    miss_session(db, session_id=missed, actor=SYSTEM, now=TEN + 5 * HALF)
    assert ask_fits(db, now=TEN + 6 * HALF) == 0, "they have met others, or nobody"
    for hours in (3, 4):
        met(db, jo, mara, starts_at=TEN + timedelta(hours=hours))

    assert [ask_fits(db, now=TEN + timedelta(hours=hours)) for hours in (5, 6)] == [1, 0]
    assert names(db, match_id) == [*BEGUN, "match.fit_asked"]


def test_sitting_in_on_the_mentor_s_call_is_a_session_together(db: DbSession) -> None:
    jo, mara, _ = a_pair(db)
    call_id = a_call(db, mara)
    book_seat(db, call_id=call_id, observer_id=jo.id, actor=SYSTEM, now=NOW)

    end_call(db, call_id=call_id, actor=SYSTEM, now=TEN + HALF)

    assert ask_fits(db, now=TEN + HALF) == 1


def test_what_was_before_the_match_began_is_no_first_session_of_it(db: DbSession) -> None:
    jo, mara = a_mentee(db, "Jo"), a_mentor(db, "Mara")
    met(db, jo, mara)
    asked = ask_for_match(db, mentor_id=mara.id, mentee_id=None, program_id=None, actor=by(jo), now=NOW)
    approve_match(db, match_id=asked.id, actor=by(mara), now=TEN + HALF)

    assert ask_fits(db, now=TEN + 2 * HALF) == 0


def test_each_of_the_two_says_how_it_feels_and_may_say_another_thing_later(db: DbSession) -> None:
    jo, _, match_id = a_pair(db)

    answer_fit(db, match_id=match_id, answer=Fit.DECIDING, actor=by(jo), now=NOW)
    answer_fit(db, match_id=match_id, answer=Fit.DECIDING, actor=by(jo), now=NOW)
    answer_fit(db, match_id=match_id, answer=Fit.GOOD, actor=by(jo), now=NOW)
    found = answer_fit(db, match_id=match_id, answer=Fit.GOOD, side=Side.MENTOR, actor=SYSTEM, now=NOW)

    assert (found.mentee_fit, found.mentor_fit, found.status) == (Fit.GOOD, Fit.GOOD, MatchStatus.ACTIVE)
    assert names(db, match_id) == [*BEGUN, *["match.fit_answered"] * 3]
    with pytest.raises(Forbidden):
        answer_fit(db, match_id=match_id, answer=Fit.GOOD, side=Side.MENTOR, actor=by(jo), now=NOW)
    with pytest.raises(Forbidden):
        answer_fit(db, match_id=match_id, answer=Fit.GOOD, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize("side", Side)
def test_not_a_fit_ends_the_match_and_somebody_else_is_looked_for(db: DbSession, side: Side) -> None:
    jo, mara, match_id = a_pair(db)
    who = by(jo if side is Side.MENTEE else mara)

    over = answer_fit(db, match_id=match_id, answer=Fit.NOT_A_FIT, actor=who, now=NOW)
    again = answer_fit(db, match_id=match_id, answer=Fit.NOT_A_FIT, actor=who, now=NOW)

    assert ended(db, match_id) == (MatchStatus.ENDED, EndedBecause.NOT_A_FIT)
    assert acts(db, match_id) == [("match.started", 1), ("match.fit_answered", 2), ("match.ended", 3)]
    assert again.version == over.version
    assert causes(db) == [RunCause.NOT_A_FIT]
    with pytest.raises(NotStanding):
        answer_fit(db, match_id=match_id, answer=Fit.GOOD, actor=who, now=NOW)
