"""The rules of the house, and the rules that people, accounts and calls add to them."""

from typing import Any

import pytest
from sqlalchemy import select

from app.db import DbSession, transaction
from app.models.tables import event
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.harness import NOW, Api


def test_the_house_begins_with_rules_that_everybody_may_read(api: Api) -> None:
    rep = api.client(api.key(Role.REP))

    told = rep.get("/v1/settings")

    assert told.json() == {
        "min_notice_minutes": 15,
        "closed_stages": ["legal", "legal_review"],
        "own_side_ceiling": None,
        "hold_minutes": 5,
        "offer_minutes": 60,
        "late_cancel_minutes": 120,
        "no_show_grace_minutes": 5,
        "horizon_days": 180,
        "version": 1,
    }
    assert told.headers["etag"] == '"v1"'


def test_an_admin_changes_them_once_whoever_read_an_older_version_is_refused(api: Api) -> None:
    changed = api.admin.patch("/v1/settings", json={"hold_minutes": 10}, headers={"If-Match": '"v1"'})
    same = api.admin.patch("/v1/settings", json={"hold_minutes": 10})
    stale = api.admin.patch("/v1/settings", json={"hold_minutes": 20}, headers={"If-Match": '"v1"'})

    assert (changed.status_code, changed.json()["hold_minutes"], changed.headers["etag"]) == (200, 10, '"v2"')
    assert (same.status_code, same.json()["version"]) == (200, 2)
    assert stale.status_code == 412
    with transaction(api.engine, writes=False) as db:
        told = db.execute(select(event).where(event.c.act == "settings.changed")).all()
    assert [(one.object_type, one.version) for one in told] == [("settings", 2)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"hold_minutes": 0},
        {"hold_minutes": None},
        {"offer_minutes": 2_881},
        {"min_notice_minutes": -1},
        {"horizon_days": 731},
        {"own_side_ceiling": 0},
        {"closed_stages": ["Not A Tag"]},
        {"closed_stages": None},
        {"version": 7},
        {"id": "x"},
    ],
)
def test_a_rule_out_of_bounds_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    refused = api.admin.patch("/v1/settings", json=wrong)

    assert refused.status_code == 422
    assert api.admin.get("/v1/settings").json()["version"] == 1


def test_stages_that_the_house_closes_take_nobody(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        call = a_call(db, stage="signature")
        observer = a_person(db).id
    api.admin.patch("/v1/settings", json={"closed_stages": ["signature"]})

    refused = api.admin.post(f"/v1/calls/{call}/seats", json={"observer_id": observer})

    assert (refused.status_code, refused.json()["code"]) == (409, "not_joinable")
    assert api.admin.get(f"/v1/calls/{call}").json()["joinable"] is False


def test_the_ceiling_of_the_house_counts_host_and_colleagues(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        crowded, quiet = a_call(db, seats=3, colleagues_invited=1), a_call(db, seats=1)

    api.admin.patch("/v1/settings", json={"own_side_ceiling": 3})

    assert _seats(api, crowded) == (1, 2)
    assert _seats(api, quiet) == (1, 1), "what does not change counts no version"


def test_a_ceiling_throws_nobody_out_and_the_call_comes_to_fit(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        call = a_call(db, seats=3)
        seats = [_seat(db, call) for _ in range(3)]

    api.admin.patch("/v1/settings", json={"own_side_ceiling": 2})
    assert _seats(api, call)[0] == 3
    for seat in seats[:2]:
        api.admin.post(f"/v1/seats/{seat}/release")

    assert _seats(api, call)[0] == 1


def test_an_account_may_see_fewer_of_us_than_the_house_allows(api: Api) -> None:
    account = api.admin.post("/v1/accounts", json={"name": "Northwind", "own_side_ceiling": 2}).json()
    with transaction(api.engine, writes=True) as db:
        call = a_call(db, seats=3, account_id=account["id"])
    assert (account["own_side_ceiling"], _seats(api, call)[0]) == (2, 1)

    api.admin.patch(f"/v1/accounts/{account['id']}", json={"own_side_ceiling": None})

    assert _seats(api, call)[0] == 3


def test_colleagues_who_are_invited_later_take_seats_that_nobody_has(api: Api) -> None:
    api.admin.patch("/v1/settings", json={"own_side_ceiling": 4})
    with transaction(api.engine, writes=True) as db:
        call = a_call(db, seats=3)
        _seat(db, call)

    changed = api.admin.patch(f"/v1/calls/{call}", json={"colleagues_invited": 3})

    assert (changed.json()["colleagues_invited"], changed.json()["seat_capacity"]) == (3, 1)


def test_a_rep_says_who_approves_and_how_close_their_calls_may_be(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        rep = a_person(db).id
    mine = {"seat_approval": "host", "host_gap_minutes": 30, "sessions_per_day": 2, "sessions_per_week": None}

    changed = api.rep(rep).patch(f"/v1/people/{rep}", json=mine)
    refused = api.rep(rep).patch(f"/v1/people/{rep}", json={"host_gap_minutes": 481})

    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in mine} == mine
    assert refused.status_code == 422


def _seat(db: DbSession, call: str) -> str:
    made = book_seat(db, call_id=call, observer_id=a_person(db).id, actor=SYSTEM, now=NOW)
    return str(made.id)


def _seats(api: Api, call: str) -> tuple[int, int]:
    """The call's seats and its version."""
    found = api.admin.get(f"/v1/calls/{call}").json()
    return found["seat_capacity"], found["version"]
