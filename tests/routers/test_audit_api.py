"""The audit as admins and auditors read it."""

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from app.db import transaction
from app.models.tables import browser_session
from app.operations.events import tell
from app.operations.sealing import seal_some
from app.queries import audit
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW, Api
from tests.statements import assert_same_cost


def acts(client: httpx.Client, **query: Any) -> list[str]:
    answer = client.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return [one["act"] for one in answer.json()["data"]]


@pytest.fixture
def ana(api: Api) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, "Ana").id


def test_a_change_is_there_with_who_by_what_and_what_it_was(api: Api, ana: str) -> None:
    api.admin.patch(f"/v1/people/{ana}", json={"name": "Ann"})

    (one,) = api.admin.get("/v1/audit", params={"act": "person.changed"}).json()["data"]

    assert (one["object_type"], one["object_id"], one["object_name"], one["version"]) == ("person", ana, "Ann", 2)
    assert (one["actor"], one["actor_name"], one["credential_name"]) == (one["credential_id"], "test", "test")
    assert one["detail"] == {"changed": ["name"], "before": {"name": "Ana"}, "after": {"name": "Ann"}}
    assert (one["seal"], one["on_behalf_of_id"], one["address"]) == (None, None, None)


def test_what_a_browser_did_for_somebody_else_says_so_and_from_where(api: Api, ana: str) -> None:
    with transaction(api.engine, writes=True) as db:
        ada = a_person(db, "Ada", role=Role.ADMIN).id
        times = {"created_at": NOW, "seen_at": NOW, "expires_at": NOW}
        where = {"device": "Firefox on Linux", "address": "192.0.2.7", "signed_in_by": "link"}
        db.execute(insert(browser_session).values(id="web_1", person_id=ada, digest="d", **times, **where))
        acting = Actor("web_1", Role.REP, ana, behind=ada)
        tell(db, "skill.changed", "skl_1", version=1, actor=acting, now=NOW)
        seal_some(db, now=NOW)

    (one,) = api.admin.get("/v1/audit", params={"on_behalf_of": ana}).json()["data"]

    assert (one["actor"], one["actor_name"]) == (ada, "Ada")
    assert (one["on_behalf_of_id"], one["on_behalf_of_name"]) == (ana, "Ana")
    assert (one["credential_id"], one["credential_name"], one["address"]) == ("web_1", "Firefox on Linux", "192.0.2.7")
    assert (one["seal"], one["detail"]) == (1, None)


def test_each_filter_holds_and_all_of_them_together(api: Api, ana: str) -> None:
    with transaction(api.engine, writes=True) as db:
        for number, act in enumerate(("skill.changed", "skill_x.changed", "team.changed", "skill.created")):
            at = NOW + timedelta(hours=number)
            tell(db, act, f"obj_{number}", version=1, actor=Actor("key_x", Role.REP, ana), now=at)
        tell(db, "skill.changed", "obj_0", version=2, actor=SYSTEM, now=NOW)

    hour = (NOW + timedelta(hours=1)).isoformat()
    assert acts(api.admin, actor=ana) == ["skill.created", "team.changed", "skill_x.changed", "skill.changed"]
    assert acts(api.admin, actor=ana, act="skill.*") == ["skill.created", "skill.changed"]
    assert acts(api.admin, actor=ana, act=["team.changed", "skill.*"], since=hour) == ["skill.created", "team.changed"]
    assert acts(api.admin, actor=ana, until=hour) == ["skill.changed"]
    assert acts(api.admin, object="obj_0") == ["skill.changed", "skill.changed"]
    assert acts(api.admin, object="obj_0", actor="system") == ["skill.changed"]
    assert acts(api.admin, act="%.*") == []


def test_pages_cost_the_same_however_long_they_are(api: Api, ana: str) -> None:
    for number in range(4):
        api.admin.patch(f"/v1/people/{ana}", json={"name": f"Ann {number}"})

    assert_same_cost(api, api.admin, "/v1/audit")


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit.csv"])
def test_nobody_reads_it_but_admins_and_auditors(api: Api, ana: str, path: str) -> None:
    with transaction(api.engine, writes=True) as db:
        leading = [a_person(db, role.value, role=role).id for role in (Role.MANAGER, Role.PROGRAM_MANAGER)]

    assert api.client(api.key(Role.AUDITOR)).get(path).status_code == 200
    for key in (api.key(Role.INTEGRATION), api.key(Role.REP, ana), *(api.key(Role.REP, who) for who in leading)):
        assert api.client(key).get(path).status_code == 404
    assert api.client().get(path).status_code == 401


def test_the_file_has_every_event_newest_first_and_no_cell_that_runs(
    api: Api, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_AT_ONCE", 2)  # so that there are several parts
    for name in ('=HYPERLINK("x")', "Two", "Three"):
        api.admin.patch(f"/v1/people/{ana}", json={"name": name})
    api.admin.patch(f"/v1/people/{ana}", json={"name": "=1+1"})

    answer = api.admin.get("/v1/audit.csv", params={"object": ana, "act": "person.changed"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["act"] for row in rows] == ["person.changed"] * 4
    assert [row["version"] for row in rows] == ["5", "4", "3", "2"]
    assert {row["object_name"] for row in rows} == {"'=1+1"}
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_no_secret_of_an_endpoint_is_in_it(api: Api) -> None:
    body = {"name": "CRM", "url": "https://crm.example/canary-before", "acts": []}
    made = api.admin.post("/v1/webhook-endpoints", json=body).json()
    url = "https://crm.example/canary-after"
    api.admin.patch(f"/v1/webhook-endpoints/{made['id']}", json={"url": url, "name": "Other"})

    found = api.admin.get("/v1/audit", params={"object": made["id"]}).text + api.admin.get("/v1/audit.csv").text

    assert "Other" in found
    assert "canary" not in found
    assert made["secret"] not in found
