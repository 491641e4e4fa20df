"""Who reads what is private to somebody else leaves a line in the audit; who reads their own leaves none."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models.tables import event
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.harness import Api

PRIVATE = {
    "skills": "skills.read",
    "availability": "availability.read",
    "availability/pauses": "availability.read",
    "calendars": "calendars.read",
    "freebusy.ics": "calendars.read",
    "mail-settings": "mail_settings.read",
    "preferences?as=mentee": "preferences.read",
    "browser-sessions": "browser_sessions.read",
    "export": "person.read",
}


def lines(api: Api) -> list[tuple[str, str, str]]:
    with transaction(api.engine, writes=False) as db:
        query = select(event.c.actor, event.c.act, event.c.object_id).where(event.c.act.like("%.read"))
        return [tuple(row) for row in db.execute(query.order_by(event.c.sequence))]


def somebody(api: Api, name: str, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


@pytest.mark.parametrize("path", PRIVATE)
def test_what_an_admin_reads_of_somebody_is_in_the_audit(api: Api, path: str) -> None:
    ana = somebody(api, "Ana")
    ada = somebody(api, "Ada", role=Role.ADMIN)
    admin = api.client(api.key(Role.ADMIN, ada))

    assert admin.get(f"/v1/people/{ana}/{path}").status_code == 200

    assert lines(api) == [(ada, PRIVATE[path], ana)]


def test_what_people_read_of_themselves_is_not(sqlite_api: Api) -> None:
    ana = somebody(sqlite_api, "Ana")
    client = sqlite_api.rep(ana)

    for path in PRIVATE:
        assert client.get(f"/v1/people/{ana}/{path}").status_code == 200
    assert client.get("/v1/sessions").status_code == 200

    assert lines(sqlite_api) == []


def test_nor_is_what_was_refused_changed_or_known_already(sqlite_api: Api) -> None:
    ana, ben = somebody(sqlite_api, "Ana"), somebody(sqlite_api, "Ben")
    place = f"/v1/people/{ana}/skills"

    assert sqlite_api.rep(ben).get(place).status_code == 404
    tag = sqlite_api.admin.put(place, json={"skills": []}).headers["ETag"]
    assert sqlite_api.admin.get(place, headers={"If-None-Match": tag}).status_code == 304

    assert lines(sqlite_api) == []


def test_who_reads_again_leaves_one_line_in_an_hour(api: Api) -> None:
    ana = somebody(api, "Ana")

    for minutes in (0, 59, 2):
        api.clock.advance(timedelta(minutes=minutes))
        api.admin.get(f"/v1/people/{ana}/skills")

    assert [act for _, act, _ in lines(api)] == ["skills.read"] * 2


def test_somebody_who_acts_for_another_reads_what_is_not_theirs(sqlite_api: Api) -> None:
    ana, ada = somebody(sqlite_api, "Ana"), somebody(sqlite_api, "Ada", role=Role.ADMIN)
    admin = sqlite_api.client(sqlite_api.key(Role.ADMIN, ada))

    answer = admin.get(f"/v1/people/{ana}/skills", headers={"On-Behalf-Of": ana})

    assert answer.status_code == 200
    assert lines(sqlite_api) == [(ada, "skills.read", ana)]


def test_sessions_of_others_are_noted_by_session_by_person_or_as_everybodys(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        boss, observer, ben = a_person(db, "Boss"), a_person(db, "Observer"), a_person(db, "Ben")
        observer.manager_id, boss.role = boss.id, Role.MANAGER
        db.flush()
        seat = book_seat(db, call_id=a_call(db), observer_id=observer.id, actor=SYSTEM, now=api.clock())
        ids, session_id = (boss.id, observer.id, ben.id), seat.session_id
    leader, theirs = api.client(api.key(Role.MANAGER, ids[0])), api.rep(ids[1])

    for client in (leader, theirs, api.rep(ids[2])):
        client.get(f"/v1/sessions/{session_id}")
        client.get("/v1/sessions")
    leader.get("/v1/sessions", params={"person_id": [ids[0], ids[1]]})

    assert lines(api) == [
        (ids[0], "session.read", session_id),
        (ids[0], "sessions.read", "everybody"),
        (ids[0], "sessions.read", ids[1]),
    ]


@pytest.mark.parametrize("path", ["audit", "audit.csv"])
def test_who_reads_what_everybody_did_leaves_a_line(sqlite_api: Api, path: str) -> None:
    auditor = somebody(sqlite_api, "Ola", role=Role.AUDITOR)

    assert sqlite_api.client(sqlite_api.key(Role.AUDITOR, auditor)).get(f"/v1/{path}").status_code == 200

    assert lines(sqlite_api) == [(auditor, "audit.read", "everybody")]
