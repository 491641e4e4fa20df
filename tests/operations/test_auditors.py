"""An auditor reads and acts on nothing: not on what came to be theirs either. How they sign in is their own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.db import DbSession
from app.errors import Forbidden
from app.operations import api_keys, floor, match_acts, match_requests, responses, sessions
from app.operations.availability import set_availability
from app.operations.calls import cancel_call
from app.operations.feeds import create_feed
from app.operations.fit_checks import answer_fit
from app.operations.mail_settings import change_mail_settings
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.operations.presence import set_presence
from app.operations.seats import book_seat, release_seat
from app.queries.access import OnlyReads
from app.queries.calls import live_seats
from app.queries.matches import match_by_id
from app.rules.access import SYSTEM, Actor
from app.rules.skills import SkillState
from app.vocabulary import (
    Door,
    FeedKind,
    FeedPrivacy,
    Fit,
    MatchStatus,
    PersonStatus,
    Presence,
    Response,
    Role,
    SessionStatus,
)
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor
from tests.sessions_and_people import a_session, row_of

LATER = MONDAY + timedelta(hours=13)


def an_auditor_who_takes_part(db: DbSession) -> dict[str, Any]:
    """Somebody whom others, who may, have put into everything that there is, as `db`, `me`, `actor` and what is
    theirs.
    """
    me, mara = a_mentee(db, "Audrey"), a_mentor(db, "Mara")
    patch_person(db, person_id=me.id, changes={"role": Role.AUDITOR}, actor=SYSTEM, now=NOW)
    call_id = a_call(db, mara, seats=2)
    seat = book_seat(db, call_id=call_id, observer_id=me.id, actor=SYSTEM, now=NOW)
    pair = {"mentee_id": me.id, "mentor_id": mara.id, "program_id": None}
    return {
        "db": db,
        "me": me.id,
        "mara": mara,
        "actor": Actor("web_1", Role.AUDITOR, me.id),
        "call": call_id,
        "hosted": a_call(db, me, starts_at=LATER + timedelta(hours=1)),
        "seat": seat.id,
        "session": a_session(db, me, a_person(db, "Tom"), starts_at=LATER),
        "match": match_requests.ask_for_match(db, **pair, actor=SYSTEM, now=NOW).id,
    }


ACTS: dict[str, Callable[..., object]] = {
    "books a seat": lambda db, call, me, **by: book_seat(db, call_id=call, observer_id=me, **by),
    "gives a seat back": lambda db, seat, **by: release_seat(db, seat_id=seat, **by),
    "cancels the call they host": lambda db, hosted, **by: cancel_call(db, call_id=hosted, **by),
    "opens its door": lambda db, hosted, **by: floor.set_door(db, call_id=hosted, door=Door.OPEN, **by),
    "raises a hand": lambda db, hosted, **by: floor.raise_hand(db, call_id=hosted, why=None, **by),
    "lowers a hand": lambda db, hosted, **by: floor.lower_hand(db, call_id=hosted, **by),
    "says how they work": lambda db, me, **by: set_presence(db, person_id=me, presence=Presence.DIALLING, **by),
    "answers": lambda db, session, me, **by: responses.respond(
        db, session_id=session, person_id=me, response=Response.ACCEPTED, **by
    ),
    "cancels a session": lambda db, session, **by: sessions.cancel_session(db, session_id=session, **by),
    "asks for a match": lambda db, mara, **by: match_requests.ask_for_match(
        db, mentor_id=mara.id, mentee_id=None, program_id=None, **by
    ),
    "says yes to a match": lambda db, match, **by: match_requests.approve_match(db, match_id=match, **by),
    "says no to a match": lambda db, match, **by: match_requests.decline_match(db, match_id=match, **by),
    "ends a match": lambda db, match, **by: match_acts.end_match(db, match_id=match, **by),
    "says how a match feels": lambda db, match, **by: answer_fit(db, match_id=match, answer=Fit.GOOD, **by),
    "states a level": lambda db, me, **by: set_skills(
        db, person_id=me, skills={"craft.listening": SkillState(level=1)}, **by
    ),
    "says when they work": lambda db, me, **by: set_availability(
        db, person_id=me, time_zone="Etc/UTC", weekly=[], exceptions={}, buffers=(0, 0), **by
    ),
    "subscribes": lambda db, me, **by: create_feed(
        db, person_id=me, kind=FeedKind.PERSONAL, privacy=FeedPrivacy.FULL, **by
    ),
    "chooses mail": lambda db, me, **by: change_mail_settings(db, person_id=me, changes={"digest": False}, **by),
    "sets a limit": lambda db, me, **by: patch_person(db, person_id=me, changes={"observe_per_day": 1}, **by),
}


@pytest.mark.parametrize("what", ACTS)
def test_an_auditor_acts_on_nothing_that_is_theirs_and_hears_what_would_work(db: DbSession, what: str) -> None:
    theirs = an_auditor_who_takes_part(db)
    wanted = ACTS[what].__code__.co_varnames

    with pytest.raises(Forbidden) as refused:
        ACTS[what](**{name: theirs[name] for name in wanted if name in theirs}, actor=theirs["actor"], now=NOW)

    assert refused.value.detail


def test_how_their_pages_look_and_how_they_sign_in_is_an_auditors_own(db: DbSession) -> None:
    me = a_person(db, "Audrey", role=Role.AUDITOR)
    other = a_person(db, "Tom")
    actor = Actor("web_1", Role.AUDITOR, me.id)

    patch_person(db, person_id=me.id, changes={"time_zone": "Asia/Kolkata", "shortcuts": True}, actor=actor, now=NOW)
    key = api_keys.create_api_key(db, name="Reads", role=Role.AUDITOR, person_id=me.id, actor=actor, now=NOW)

    assert (me.time_zone, me.shortcuts) == ("Asia/Kolkata", True)
    assert key
    with pytest.raises(OnlyReads):
        patch_person(db, person_id=other.id, changes={"time_zone": "Asia/Kolkata"}, actor=actor, now=NOW)


def test_who_becomes_an_auditor_gives_up_what_is_ahead_as_nobody_could_give_it_back_for_them(db: DbSession) -> None:
    me, mara, tom = a_mentee(db, "Audrey"), a_mentor(db, "Mara"), a_person(db, "Tom")
    call_id = a_call(db, mara, seats=1)
    book_seat(db, call_id=call_id, observer_id=me.id, actor=SYSTEM, now=NOW)
    meeting = a_session(db, me, tom, starts_at=LATER)
    pair = {"mentee_id": me.id, "mentor_id": mara.id, "program_id": None}
    match_id = match_requests.ask_for_match(db, **pair, actor=SYSTEM, now=NOW).id

    patch_person(db, person_id=me.id, changes={"role": Role.AUDITOR}, actor=SYSTEM, now=NOW)

    assert live_seats(db, [call_id]) == []
    assert row_of(db, meeting).status is SessionStatus.CANCELLED
    assert match_by_id(db, match_id, actor=SYSTEM).status is MatchStatus.ENDED
    assert me.status is PersonStatus.ACTIVE
