"""What a CRM says of calls that are held, under way, or over, and what it changes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db import DbSession
from app.operations.call_outcomes import end_call, miss_call, start_call
from app.operations.calls import CallOver, cancel_call, patch_call, upsert_call
from app.operations.external import Upserted, identify
from app.operations.session_outcomes import start_session
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, SessionKind, SessionStatus
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.seats_that_wait import HALF, TEN, hold, take, the_call, the_session

CRM = "hubspot:1"
SOON = NOW + timedelta(minutes=5)


def a_known_call(db: DbSession) -> str:
    call_id = a_call(db)
    identify(db, "call", call_id, [(CRM, call_id)])
    return call_id


def says(db: DbSession, call_id: str, now: datetime = TEN, **changes: Any) -> Upserted:
    return upsert_call(db, source=CRM, external_id=call_id, changes=changes, actor=SYSTEM, now=now)


def test_a_new_number_of_seats_stays_though_the_move_that_comes_with_it_ends_what_is_held(db: DbSession) -> None:
    call_id = a_call(db, seats=1)
    hold(db, call_id, a_person(db, "Jo"))
    changes = {"starts_at": SOON, "ends_at": SOON + HALF, "seat_capacity": 3}

    patch_call(db, call_id=call_id, changes=changes, actor=SYSTEM, now=NOW)

    found = the_call(db, call_id)
    assert (found.seat_capacity_override, found.seat_capacity, found.seats_taken) == (3, 3, 0)


@pytest.mark.parametrize("kind", [SessionKind.SHADOW, SessionKind.DROP_IN])
def test_nobody_listens_any_more_to_a_call_that_moves_ahead_again(db: DbSession, kind: SessionKind) -> None:
    call_id, late = a_call(db, an_open_host(db)), TEN + timedelta(minutes=5)
    taken = take(db, call_id, a_person(db, "Jo"), kind=kind, now=NOW if kind is SessionKind.SHADOW else late)
    if kind is SessionKind.SHADOW:
        start_session(db, session_id=taken.session_id, actor=SYSTEM, now=late)
    ahead = {"starts_at": TEN + 2 * HALF, "ends_at": TEN + 3 * HALF}

    patch_call(db, call_id=call_id, changes={"ends_at": TEN + 3 * HALF}, actor=SYSTEM, now=late)
    assert the_session(db, taken.session_id).status is SessionStatus.IN_PROGRESS
    patch_call(db, call_id=call_id, changes=ahead, actor=SYSTEM, now=late)

    moved = the_session(db, taken.session_id)
    assert (moved.status, moved.starts_at) == (SessionStatus.CONFIRMED, TEN + 2 * HALF)


def test_who_listens_to_a_call_that_began_early_goes_on_when_its_words_change(db: DbSession) -> None:
    call_id = a_call(db)
    taken = take(db, call_id, a_person(db, "Jo"))
    start_call(db, call_id=call_id, actor=SYSTEM, now=TEN - HALF)

    patch_call(db, call_id=call_id, changes={"meeting_url": "https://meet.example/2"}, actor=SYSTEM, now=TEN - HALF)

    assert the_session(db, taken.session_id).status is SessionStatus.IN_PROGRESS


@pytest.mark.parametrize("became", [CallStatus.LIVE, CallStatus.NO_SHOW, CallStatus.ENDED])
def test_what_became_of_a_call_is_not_undone_by_a_crm_that_still_has_it_planned(
    db: DbSession, became: CallStatus
) -> None:
    call_id = a_known_call(db)
    if became is CallStatus.NO_SHOW:
        miss_call(db, call_id=call_id, actor=SYSTEM, now=TEN + HALF)
    else:
        start_call(db, call_id=call_id, actor=SYSTEM, now=TEN)
    if became is CallStatus.ENDED:
        end_call(db, call_id=call_id, actor=SYSTEM, now=TEN + HALF)

    changed = says(db, call_id, status=CallStatus.SCHEDULED, language="de")
    again = says(db, call_id, status=CallStatus.SCHEDULED)
    with pytest.raises(CallOver):
        says(db, call_id, status=CallStatus.SCHEDULED, starts_at=TEN + 2 * HALF, ends_at=TEN + 3 * HALF)

    assert (changed.changed_fields, again.status) == (("language",), "unchanged")
    assert the_call(db, call_id).status is became


def test_a_call_that_was_cancelled_is_on_again(db: DbSession) -> None:
    call_id = a_known_call(db)
    cancel_call(db, call_id=call_id, actor=SYSTEM, now=NOW)

    says(db, call_id, NOW, status=CallStatus.SCHEDULED)

    assert the_call(db, call_id).status is CallStatus.SCHEDULED
