"""What mail people want, over the API."""

from typing import Any

import pytest

from app.db import transaction
from app.models.tables import event, mail_setting
from tests.factories import a_person
from tests.harness import Api

USUAL: dict[str, Any] = {
    "reminders": True,
    "digest": True,
    "quiet_hours": {"from": "20:00", "to": "07:00"},
    "language": None,
}


def a_rep(api: Api, name: str = "Ada", **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


def place(person_id: str) -> str:
    return f"/v1/people/{person_id}/mail-settings"


def told(api: Api) -> list[tuple[str, str, int]]:
    with transaction(api.engine, writes=False) as db:
        rows = db.execute(event.select().where(event.c.act == "mail_setting.changed").order_by(event.c.sequence))
        return [(row.object_id, row.actor, row.version) for row in rows]


def test_who_chose_nothing_has_what_holds_for_everybody(api: Api) -> None:
    ada = a_rep(api)

    answer = api.rep(ada).get(place(ada))

    assert answer.json() == {"person_id": ada, **USUAL, "version": 0, "updated_at": None}
    assert answer.headers["etag"] == '"v0"'


def test_what_is_absent_is_kept_and_null_clears(api: Api) -> None:
    ada = a_rep(api)
    rep = api.rep(ada)

    first = rep.patch(place(ada), json={"digest": False}, headers={"If-Match": '"v0"'})
    second = rep.patch(place(ada), json={"quiet_hours": None, "language": "pt-BR"})
    third = rep.patch(place(ada), json={"quiet_hours": {"from": "22:15", "to": "06:00"}, "language": None})

    assert (first.status_code, first.json()["version"], first.json()["quiet_hours"]) == (200, 1, USUAL["quiet_hours"])
    assert (second.json()["digest"], second.json()["quiet_hours"], second.json()["language"]) == (False, None, "pt-BR")
    assert third.json()["quiet_hours"] == {"from": "22:15", "to": "06:00"}
    assert third.json()["language"] is None
    assert third.headers["etag"] == '"v3"'
    assert rep.get(place(ada)).json() == third.json()
    assert rep.get(place(ada), headers={"If-None-Match": '"v3"'}).status_code == 304
    assert told(api) == [(ada, ada, 1), (ada, ada, 2), (ada, ada, 3)]


def test_what_changes_nothing_is_no_version_and_no_event(api: Api) -> None:
    ada = a_rep(api)
    rep = api.rep(ada)

    same = [rep.patch(place(ada), json=body) for body in ({}, USUAL, {"reminders": True})]

    assert [answer.headers["etag"] for answer in same] == ['"v0"'] * 3
    assert told(api) == []
    with transaction(api.engine, writes=False) as db:
        assert db.execute(mail_setting.select()).all() == []


def test_a_version_that_was_not_the_last_is_refused(api: Api) -> None:
    ada = a_rep(api)
    rep = api.rep(ada)
    rep.patch(place(ada), json={"digest": False})

    late = rep.patch(place(ada), json={"reminders": False}, headers={"If-Match": '"v0"'})

    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert rep.get(place(ada)).json()["reminders"] is True


def test_an_admin_may_choose_for_somebody_and_a_colleague_may_not_even_look(api: Api) -> None:
    ada, ben = a_rep(api), a_rep(api, "Ben")

    foreign = [api.rep(ben).get(place(ada)), api.rep(ben).patch(place(ada), json={"digest": False})]
    nobody = [api.admin.get(place("per_none")), api.admin.patch(place("per_none"), json={})]
    admin = api.admin.patch(place(ada), json={"reminders": False})

    assert [answer.status_code for answer in foreign + nobody] == [404] * 4
    assert (admin.status_code, admin.json()["reminders"]) == (200, False)
    assert api.rep(ada).get(place(ada)).json()["reminders"] is False


@pytest.mark.parametrize("wall", ["00:00", "09:00", "23:59"])
def test_quiet_hours_that_end_when_they_begin_are_refused_with_what_would_work(sqlite_api: Api, wall: str) -> None:
    ada = a_rep(sqlite_api)

    refused = sqlite_api.admin.patch(place(ada), json={"digest": False, "quiet_hours": {"from": wall, "to": wall}})

    assert (refused.status_code, refused.json()["code"]) == (422, "quiet_all_day")
    assert "send null" in refused.json()["detail"]
    assert "switch reminders and digest off" in refused.json()["detail"]
    assert refused.json()["errors"][0]["pointer"] == "/quiet_hours/to"
    assert sqlite_api.admin.get(place(ada)).json()["digest"] is True


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"quiet_hours": {"from": "24:00", "to": "07:00"}}, "/quiet_hours/from"),
        ({"quiet_hours": {"from": "20:00", "to": "7:00"}}, "/quiet_hours/to"),
        ({"quiet_hours": {"from": "20:00", "to": "٠٧:٠٠"}}, "/quiet_hours/to"),
        ({"quiet_hours": {"from": "20:00\n", "to": "07:00"}}, "/quiet_hours/from"),
        ({"quiet_hours": {"from": "20:00"}}, "/quiet_hours/to"),
        ({"quiet_hours": {"from": 1200, "to": "07:00"}}, "/quiet_hours/from"),
        ({"quiet_hours": {"from": "20:00", "to": "07:00", "canary-7f3a": 1}}, "/quiet_hours"),
        ({"quiet_hours": "canary-7f3a"}, "/quiet_hours"),
        ({"reminders": None}, "/reminders"),
        ({"reminders": 1}, "/reminders"),
        ({"digest": "canary-7f3a"}, "/digest"),
        ({"language": "canary-7f3a\r\n"}, "/language"),
        ({"language": ""}, "/language"),
        ({"canary-7f3a": True}, ""),
    ],
)
def test_what_is_no_setting_is_refused_without_an_echo(sqlite_api: Api, wrong: dict[str, Any], pointer: str) -> None:
    ada = a_rep(sqlite_api)

    refused = sqlite_api.admin.patch(place(ada), json=wrong)

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert "canary" not in refused.text
    assert sqlite_api.admin.get(place(ada)).headers["etag"] == '"v0"'
