"""Scopes: a key is let into the parts of the API that were named, and into nothing else."""

import re
from pathlib import Path

from app.db import transaction
from app.operations.api_keys import create_api_key
from app.routers.areas import AREA_OF_TAG, CLOSED_TAGS
from app.rules.access import SYSTEM
from app.vocabulary import Area, Role
from tests.described import operations, routes
from tests.factories import a_person
from tests.harness import NOW, Api


def scoped(api: Api, *scopes: str, role: Role = Role.INTEGRATION) -> str:
    with transaction(api.engine, writes=True) as db:
        return create_api_key(db, name="x", role=role, person_id=None, scopes=scopes, actor=SYSTEM, now=NOW)


def test_every_route_of_the_api_has_an_area_or_is_closed_to_scopes() -> None:
    tags = {str(tag): one.path for one in routes() if one.path.startswith("/v1/") for tag in one.tags[:1]}

    assert {tag: path for tag, path in tags.items() if tag not in AREA_OF_TAG.keys() | CLOSED_TAGS} == {}
    assert AREA_OF_TAG.keys() & CLOSED_TAGS == set()
    assert AREA_OF_TAG.keys() <= tags.keys()
    assert set(AREA_OF_TAG.values()) == set(Area)


def test_the_guide_has_a_row_for_each_area() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api-keys.md").read_text()

    assert re.findall(r"^\| `(\w+)` \| ", guide, re.MULTILINE)[-len(Area) :] == sorted(Area)


def test_the_description_names_the_scope_of_each_operation() -> None:
    named = {o.id: o.described["security"][0]["key"] for o in operations() if o.path.startswith("/v1/")}

    assert named["calls_list"] == ["calls:read"]
    assert named["seats_book"] == ["seats:write"]
    assert named["api_keys_create"] == []


def test_a_key_is_told_which_scope_would_let_it_in(sqlite_api: Api) -> None:
    reader = sqlite_api.client(scoped(sqlite_api, "calls:read"))

    refused = reader.post("/v1/calls", json={})
    elsewhere = reader.get("/v1/people")

    assert reader.get("/v1/calls").status_code == 200
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (
        403,
        "scope_missing",
        "calls:write",
    )
    assert elsewhere.json()["scope"] == "people:read"


def test_who_may_write_may_read(sqlite_api: Api) -> None:
    writer = sqlite_api.client(scoped(sqlite_api, "people:write"))

    assert writer.get("/v1/teams").status_code == 200
    assert writer.head("/v1/teams").status_code == 200
    assert writer.post("/v1/teams", json={"name": "West"}).status_code == 201


def test_no_scope_lets_a_key_decide_who_may_do_what(sqlite_api: Api) -> None:
    everything = sqlite_api.client(scoped(sqlite_api, *(f"{area}:write" for area in Area), role=Role.ADMIN))

    answer = everything.post("/v1/api-keys", json={"name": "x", "role": "admin"})

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert everything.get("/v1/api-keys").status_code == 403


def test_no_scope_of_an_admin_gives_roles_away(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        ana = a_person(db, "Ana").id
    hr = sqlite_api.client(scoped(sqlite_api, "people:write", role=Role.ADMIN))

    assert hr.patch(f"/v1/people/{ana}", json={"role": "admin"}).status_code == 403
    assert hr.patch(f"/v1/people/{ana}", json={"name": "Ana B"}).status_code == 200


def test_a_key_acts_on_nobodys_behalf_that_may_not_change_people(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        behalf = {"On-Behalf-Of": a_person(db, "Ana").id}

    def asked(scope: str, role: Role) -> int:
        return sqlite_api.client(scoped(sqlite_api, scope, role=role)).get("/v1/teams", headers=behalf).status_code

    assert [asked("people:read", role) for role in (Role.ADMIN, Role.INTEGRATION)] == [403, 403]
    assert [asked("people:write", role) for role in (Role.ADMIN, Role.INTEGRATION)] == [200, 200]
