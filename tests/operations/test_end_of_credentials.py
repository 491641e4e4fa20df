"""When browser sessions and API keys stop working."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app import credentials
from app.db import DbSession
from app.operations.api_keys import create_api_key
from app.operations.browser_sessions import note_use
from app.operations.external import identify
from app.operations.people import patch_person, upsert_person
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.queries.access import browser_in_use
from app.queries.api_keys import KeyOver, key_in_use
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def signed_in(db: DbSession, person_id: str) -> str:
    link = create_sign_in_link(db, person_id=person_id, actor=SYSTEM, now=NOW)
    return redeem_sign_in_link(db, secret=link, now=NOW)


def works(db: DbSession, browser: str, at: datetime) -> bool:
    return browser_in_use(db, browser, now=at) is not None


def test_a_browser_unused_for_eight_hours_is_signed_out_for_good(db: DbSession) -> None:
    browser = signed_in(db, a_person(db).id)

    assert works(db, browser, NOW + 8 * HOUR - MINUTE)
    note_use(db, secret=browser, now=NOW + 8 * HOUR)
    assert not works(db, browser, NOW + 8 * HOUR)


def test_a_browser_in_use_stays_signed_in_for_seven_days_and_no_longer(db: DbSession) -> None:
    browser, week = signed_in(db, a_person(db).id), 7 * 24 * HOUR

    for hours in range(7, 7 * 24, 7):
        assert works(db, browser, NOW + hours * HOUR)
        note_use(db, secret=browser, now=NOW + hours * HOUR)

    assert works(db, browser, NOW + week - MINUTE)
    assert not works(db, browser, NOW + week)


@pytest.mark.parametrize("changes", [{"role": Role.MANAGER}, {"status": "left"}])
def test_another_role_or_leaving_ends_every_browser_session_of_that_person(
    db: DbSession, changes: dict[str, Any]
) -> None:
    who, other = a_person(db), a_person(db)
    browsers, theirs = [signed_in(db, who.id) for _ in range(2)], signed_in(db, other.id)

    patch_person(db, person_id=who.id, changes=changes, actor=SYSTEM, now=NOW)
    after = [works(db, browser, NOW) for browser in browsers]
    patch_person(db, person_id=who.id, changes={"role": Role.REP, "status": "active"}, actor=SYSTEM, now=NOW)

    assert after == [False, False]
    assert [works(db, browser, NOW) for browser in browsers] == [False, False], "coming back brings none of them back"
    assert works(db, theirs, NOW)


def test_a_crm_that_gives_another_role_ends_them_and_one_that_repeats_it_does_not(db: DbSession) -> None:
    who = a_person(db)
    identify(db, "person", who.id, [("crm", "1")])
    kept = signed_in(db, who.id)

    upsert_person(db, source="crm", external_id="1", changes={"role": Role.REP, "name": "Jo"}, actor=SYSTEM, now=NOW)
    assert works(db, kept, NOW)
    upsert_person(db, source="crm", external_id="1", changes={"role": Role.ADMIN}, actor=SYSTEM, now=NOW)

    assert not works(db, kept, NOW)


def test_the_key_of_somebody_who_left_works_no_more(db: DbSession) -> None:
    who = a_person(db)
    shown = create_api_key(db, name="mine", role=Role.REP, person_id=who.id, actor=SYSTEM, now=NOW)
    presented = credentials.read_api_key(shown)
    assert presented
    assert key_in_use(db, presented, now=NOW)

    patch_person(db, person_id=who.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    with pytest.raises(KeyOver):
        key_in_use(db, presented, now=NOW)
