"""API keys: who may make, see and change which; what dead ones are answered; that what they hold is shown once."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.credentials import key_id_of
from app.db import transaction
from app.models.tables import api_key, event, event_detail, idempotency_record, person
from app.operations.api_keys import create_api_key
from app.rules.access import SYSTEM
from app.vocabulary import PersonStatus, Role
from tests.factories import a_person
from tests.harness import NOW, Api
from tests.statements import assert_same_cost, counted

DAY = timedelta(days=1)


def somebody(api: Api, name: str = "Ana", **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


def made(client: httpx.Client, **wanted: Any) -> dict[str, Any]:
    answer = client.post("/v1/api-keys", json={"name": "Laptop", **wanted})
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def refused(client: httpx.Client, **wanted: Any) -> tuple[int, str, list[str]]:
    answer = client.post("/v1/api-keys", json={"name": "Laptop", **wanted})
    problem = answer.json()
    return answer.status_code, problem["code"], [fault["pointer"] for fault in problem["errors"]]


def stored(api: Api, key_id: str) -> Any:
    with transaction(api.engine, writes=False) as db:
        return db.execute(select(api_key).where(api_key.c.id == key_id)).one()


def status(api: Api, secret: str) -> int:
    return api.client(secret).get("/v1/people").status_code


def noted(api: Api) -> list[str | None]:
    """By which credentials something was asked that was refused and is worth a line."""
    with transaction(api.engine, writes=False) as db:
        query = select(event.c.credential_id).where(event.c.act == "request.refused").order_by(event.c.sequence)
        return list(db.execute(query).scalars())


# --- Who may have which -----------------------------------------------------------------------------------------------


def test_people_make_keys_for_themselves_and_for_nobody_else(api: Api) -> None:
    ana, ben = somebody(api), somebody(api, "Ben")
    as_ana = api.rep(ana)

    assert refused(as_ana, person_id=ben)[:2] == (403, "forbidden")
    assert refused(as_ana, role="integration", scopes=["calls:read"])[:2] == (403, "forbidden")
    assert refused(as_ana, person_id=ana, role="admin") == (422, "invalid", ["/role"])
    assert refused(as_ana, person_id=ana, requests_per_minute=10_000)[:2] == (403, "forbidden")
    key = made(as_ana, person_id=ana)

    assert (key["role"], key["person_id"], key["scopes"]) == ("rep", ana, None)
    assert api.client(key["secret"]).get("/v1/people").status_code == 200


def test_a_reps_key_of_an_admin_makes_and_rotates_none_that_may_do_more(api: Api) -> None:
    ada = somebody(api, "Ada", role=Role.ADMIN)
    full = made(api.client(api.key(Role.ADMIN, ada)), person_id=ada)
    narrow = api.client(made(api.admin, person_id=ada, role="rep")["secret"])

    assert refused(narrow, person_id=ada, role="admin") == (422, "invalid", ["/role"])
    assert made(narrow, person_id=ada)["role"] == "rep"
    assert narrow.post(f"/v1/api-keys/{full['id']}/rotate", json={}).status_code == 403
    assert narrow.patch(f"/v1/api-keys/{full['id']}", json={"expires_at": None}).status_code == 403
    assert narrow.post(f"/v1/api-keys/{full['id']}/revoke").status_code == 200


def test_a_key_that_expires_gives_itself_no_longer_life(api: Api) -> None:
    ana = somebody(api)
    lasting = made(api.admin, person_id=ana)
    short = made(api.admin, person_id=ana, expires_at=(NOW + DAY).isoformat())
    as_short, later = api.client(short["secret"]), {"expires_at": (NOW + 2 * DAY).isoformat()}

    assert refused(as_short, person_id=ana) == (422, "invalid", ["/expires_at"])
    assert refused(as_short, person_id=ana, **later) == (422, "invalid", ["/expires_at"])
    for changes in ({"expires_at": None}, later):
        assert as_short.patch(f"/v1/api-keys/{short['id']}", json=changes).status_code == 422
    assert as_short.post(f"/v1/api-keys/{lasting['id']}/rotate", json={}).status_code == 422

    assert made(as_short, person_id=ana, expires_at=(NOW + DAY).isoformat())["person_id"] == ana
    assert as_short.post(f"/v1/api-keys/{short['id']}/rotate", json={}).status_code == 200
    assert api.client(lasting["secret"]).patch(f"/v1/api-keys/{short['id']}", json=later).status_code == 200


def test_nobody_is_handed_what_acts_as_somebody_else_who_sees_everything(api: Api) -> None:
    boss, ola = somebody(api, "Bea", role=Role.ADMIN), somebody(api, "Ola", role=Role.AUDITOR)
    of_bea = made(api.client(api.key(Role.ADMIN, boss)), person_id=boss)

    answers = [refused(api.admin, person_id=who)[:2] for who in (boss, ola)]
    rotated = api.admin.post(f"/v1/api-keys/{of_bea['id']}/rotate", json={"overlap_hours": 0})

    assert answers == [(403, "forbidden")] * 2
    assert (rotated.status_code, status(api, of_bea["secret"])) == (403, 200)
    assert made(api.admin, person_id=boss, role="rep")["role"] == "rep"
    assert api.admin.post(f"/v1/api-keys/{of_bea['id']}/revoke").status_code == 200


def test_nobody_makes_a_key_on_somebodys_behalf(api: Api) -> None:
    ana = somebody(api)
    kept = made(api.rep(ana), person_id=ana)
    behalf = {"On-Behalf-Of": ana}

    answers = [
        api.admin.post("/v1/api-keys", json={"name": "Mine", "person_id": ana}, headers=behalf),
        api.admin.post(f"/v1/api-keys/{kept['id']}/rotate", json={}, headers=behalf),
        api.admin.patch(f"/v1/api-keys/{kept['id']}", json={"name": "Mine"}, headers=behalf),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert status(api, kept["secret"]) == 200


def test_a_key_without_a_person_has_a_role_of_its_own_and_an_integration_scopes(api: Api) -> None:
    assert refused(api.admin) == (422, "invalid", ["/role"])
    assert refused(api.admin, role="rep") == (422, "invalid", ["/role"])
    assert refused(api.admin, role="manager") == (422, "invalid", ["/role"])
    assert refused(api.admin, role="integration") == (422, "invalid", ["/scopes"])
    assert refused(api.admin, role="integration", scopes=[]) == (422, "invalid", ["/scopes"])
    assert refused(api.admin, role="integration", scopes=["calls:delete"])[0] == 422
    assert refused(api.admin, role="integration", scopes=["audit:read"])[0] == 422
    key = made(api.admin, role="integration", scopes=["seats:read", "calls:write", "seats:read"])

    assert (key["role"], key["scopes"]) == ("integration", ["calls:write", "seats:read"])
    assert made(api.admin, role="auditor")["person_id"] is None


def test_nobody_gets_a_key_who_is_not_here(api: Api) -> None:
    left = somebody(api, "Lee")
    with transaction(api.engine, writes=True) as db:
        db.execute(update(person).where(person.c.id == left).values(status=PersonStatus.LEFT))

    assert refused(api.admin, person_id=left) == (422, "unknown_reference", ["/person_id"])
    assert refused(api.admin, person_id="per_nobody") == (422, "unknown_reference", ["/person_id"])


def test_everybody_sees_their_own_keys_and_admins_and_auditors_all(api: Api) -> None:
    ana, ben = somebody(api), somebody(api, "Ben")
    of_ana, of_ben = (made(api.admin, person_id=who) for who in (ana, ben))
    as_ana, auditor = api.client(of_ana["secret"]), api.client(api.key(Role.AUDITOR))

    def seen(client: httpx.Client, **query: str) -> set[str]:
        return {row["id"] for row in client.get("/v1/api-keys", params=query).json()["data"]}

    assert seen(as_ana) == {of_ana["id"]}
    assert seen(as_ana, person_id=ben) == set()
    assert {of_ana["id"], of_ben["id"]} < seen(api.admin)
    assert seen(auditor) == seen(api.admin)
    assert seen(auditor, person_id=ben) == {of_ben["id"]}
    assert as_ana.get(f"/v1/api-keys/{of_ben['id']}").status_code == 404
    assert auditor.post(f"/v1/api-keys/{of_ben['id']}/revoke").status_code == 403
    assert auditor.post(f"/v1/api-keys/{of_ben['id']}/rotate", json={}).status_code == 403


def test_who_is_nobody_has_no_key_of_nobody_in_hand(api: Api) -> None:
    of_a_program = made(api.admin, role="integration", scopes=["calls:read"])
    auditor, nobody = (api.client(api.key(role)) for role in (Role.AUDITOR, Role.REP))

    acts: list[tuple[str, dict[str, int] | None]] = [("revoke", None), ("rotate", {})]
    answers = [auditor.post(f"/v1/api-keys/{of_a_program['id']}/{act}", json=body) for act, body in acts]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert stored(api, of_a_program["id"]).revoked_at is None
    assert nobody.get("/v1/api-keys").json()["data"] == []
    assert nobody.get(f"/v1/api-keys/{of_a_program['id']}").status_code == 404


def test_a_list_of_keys_costs_the_same_for_one_and_for_three(sqlite_api: Api) -> None:
    for _ in range(3):
        made(sqlite_api.admin, role="auditor")

    assert_same_cost(sqlite_api, sqlite_api.admin, "/v1/api-keys")


# --- What is shown once -----------------------------------------------------------------------------------------------


def test_the_audit_says_of_a_new_key_all_that_it_may(api: Api) -> None:
    scopes = ["seats:read", "calls:write", "seats:read"]

    key = made(api.admin, role="integration", scopes=scopes, requests_per_minute=30)

    told = select(event_detail.c.detail).join(event, event.c.id == event_detail.c.event_id)
    with transaction(api.engine, writes=False) as db:
        detail = db.execute(told.where(event.c.object_id == key["id"])).scalar_one()
    assert detail["after"] == {
        "name": "Laptop",
        "role": "integration",
        "person_id": None,
        "scopes": ["calls:write", "seats:read"],
        "requests_per_minute": 30,
        "expires_at": None,
    }


def test_what_a_key_holds_is_shown_once_and_stored_nowhere(api: Api) -> None:
    answer = api.admin.post(
        "/v1/api-keys", json={"name": "CRM", "role": "auditor"}, headers={"Idempotency-Key": "once"}
    )
    key = answer.json()

    again = api.admin.post("/v1/api-keys", json={"name": "CRM", "role": "auditor"}, headers={"Idempotency-Key": "once"})
    read = api.admin.get(f"/v1/api-keys/{key['id']}")

    assert again.headers["idempotency-replayed"] == "true"
    assert "secret" not in again.json() | read.json()
    with transaction(api.engine, writes=False) as db:
        bodies = list(db.execute(select(idempotency_record.c.body)).scalars())
    assert key["secret"].encode() not in b"".join(body or b"" for body in bodies)
    assert key["secret"][34:] not in repr(stored(api, key["id"]))


def test_a_key_changes_as_its_etag_says(api: Api) -> None:
    key = made(api.admin, role="auditor")
    path = f"/v1/api-keys/{key['id']}"

    assert api.admin.patch(path, json={"name": "X"}, headers={"If-Match": '"v9"'}).status_code == 412
    changed = api.admin.patch(
        path,
        json={
            "name": "Books",
            "scopes": ["people:read"],
            "requests_per_minute": 5,
            "expires_at": "2027-01-01T00:00:00Z",
        },
        headers={"If-Match": '"v1"'},
    )
    same = api.admin.patch(path, json={"name": "Books"})
    cleared = api.admin.patch(path, json={"scopes": None, "requests_per_minute": None, "expires_at": None})

    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert same.headers["etag"] == '"v2"'
    assert (cleared.json()["scopes"], cleared.json()["expires_at"], cleared.json()["version"]) == (None, None, 3)
    assert api.admin.patch(path, json={"expires_at": "2026-11-21T09:00:00Z"}).status_code == 422
    assert api.admin.patch(path, json={"role": "admin"}).status_code == 422


def test_the_last_use_is_noted_at_most_once_a_minute(api: Api) -> None:
    key = made(api.admin, role="auditor")
    client = api.client(key["secret"])

    def used() -> Any:
        assert client.get("/v1/people").status_code == 200
        return stored(api, key["id"]).last_used_at

    assert stored(api, key["id"]).last_used_at is None
    assert used() == NOW
    api.clock.advance(timedelta(seconds=59))
    assert used() == NOW
    api.clock.advance(timedelta(seconds=1))
    assert used() == NOW + timedelta(minutes=1)
    assert stored(api, key["id"]).version == 1


# --- Dead keys --------------------------------------------------------------------------------------------------------


def test_every_key_that_does_not_work_is_answered_alike(api: Api) -> None:
    revoked, expiring, of_lee, rotated = (
        made(api.admin, role="auditor"),
        made(api.admin, role="auditor", expires_at=(NOW + DAY).isoformat()),
        made(api.admin, person_id=(lee := somebody(api, "Lee"))),
        made(api.admin, role="auditor"),
    )
    assert api.admin.post(f"/v1/api-keys/{revoked['id']}/revoke").status_code == 200
    assert api.admin.post(f"/v1/api-keys/{rotated['id']}/rotate", json={"overlap_hours": 0}).status_code == 200
    api.clock.advance(DAY)
    with transaction(api.engine, writes=True) as db:
        db.execute(update(person).where(person.c.id == lee).values(status=PersonStatus.LEFT))
        unknown = create_api_key(db, name="x", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=NOW)
        db.execute(api_key.delete().where(api_key.c.id == key_id_of(unknown)))

    dead = [revoked["secret"], expiring["secret"], of_lee["secret"], rotated["secret"]]
    strange = [unknown, f"{revoked['secret'][:34]}{rotated['secret'][34:]}", "es_live_nothing", ""]
    answers = [api.client(key).get("/v1/people") for key in (*dead, *strange)]

    assert [answer.status_code for answer in answers] == [401] * 8
    assert len({repr(sorted({**answer.json(), "request_id": ""}.items())) for answer in answers}) == 1
    assert len({answer.headers["www-authenticate"] for answer in answers}) == 1
    assert noted(api) == [*(key_id_of(key) for key in dead), "anonymous"]


def test_a_mistyped_key_costs_no_look_into_the_database(sqlite_api: Api) -> None:
    key = sqlite_api.key(Role.ADMIN)
    mistyped = key[:40] + ("0" if key[40] != "0" else "1") + key[41:]
    client = sqlite_api.client(mistyped)

    with counted(sqlite_api.engine) as statements:
        answer = client.get("/v1/people")

    assert answer.status_code == 401
    assert statements == []


def test_a_rotated_key_works_beside_the_new_one_for_as_long_as_was_said(api: Api) -> None:
    first = made(api.admin, role="auditor")
    path = f"/v1/api-keys/{first['id']}/rotate"

    second = api.admin.post(path, json={"overlap_hours": 2}).json()

    assert second["previous_until"] == "2026-11-21T11:00:00Z"
    assert (status(api, first["secret"]), status(api, second["secret"])) == (200, 200)
    api.clock.advance(timedelta(hours=2))
    assert (status(api, first["secret"]), status(api, second["secret"])) == (401, 200)
    third = api.admin.post(path, json={}).json()
    assert [status(api, key["secret"]) for key in (first, second, third)] == [401, 200, 200]
    assert api.admin.post(path, json={"overlap_hours": 169}).status_code == 422


def test_a_revoked_key_is_over_at_once_and_for_good(api: Api) -> None:
    key = made(api.admin, role="auditor")
    path = f"/v1/api-keys/{key['id']}"

    revoked = [api.admin.post(f"{path}/revoke").json() for _ in range(2)]

    assert revoked[0] == revoked[1]
    assert status(api, key["secret"]) == 401
    for answer in (api.admin.post(f"{path}/rotate", json={}), api.admin.patch(path, json={"name": "X"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "key_revoked")


@pytest.mark.parametrize("behalf", ["", "nobody", "per_", "per_" + "a" * 27, "PER_" + "0" * 26])
def test_on_behalf_of_what_is_no_id_is_malformed(sqlite_api: Api, behalf: str) -> None:
    assert sqlite_api.admin.get("/v1/people", headers={"On-Behalf-Of": behalf}).status_code == 400


def test_an_admin_acts_as_a_rep_with_no_more_than_the_rep_may(api: Api) -> None:
    ana, ben = somebody(api), somebody(api, "Ben")
    behalf = {"On-Behalf-Of": ana}

    allowed = api.admin.patch(f"/v1/people/{ana}", json={"time_zone": "Europe/Berlin"}, headers=behalf)

    assert allowed.status_code == 200, allowed.text
    assert api.admin.patch(f"/v1/people/{ben}", json={"time_zone": "Europe/Berlin"}, headers=behalf).status_code == 403
    with transaction(api.engine, writes=False) as db:
        told = db.execute(select(event).where(event.c.act == "person.changed")).one()
    assert told.on_behalf_of_id == ana
    assert told.actor == told.credential_id
    unknown = api.admin.get("/v1/people", headers={"On-Behalf-Of": "per_" + "0" * 26})
    assert (unknown.status_code, unknown.json()["code"]) == (403, "cannot_act_for")
    assert api.rep(ben).get("/v1/people", headers=behalf).status_code == 403


def test_a_keyed_request_on_behalf_of_somebody_is_another_one_than_for_oneself(api: Api) -> None:
    ana = somebody(api)
    body = {"name": "West"}
    keyed = {"Idempotency-Key": "k"}
    assert api.admin.post("/v1/teams", json=body, headers=keyed).status_code == 201

    again = api.admin.post("/v1/teams", json=body, headers={**keyed, "On-Behalf-Of": ana})

    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
