"""What is known about somebody can be read by them, and is erased only by who decides access and means it."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import transaction
from app.erasures import ErasureList
from app.models import Person as _Person
from app.models.tables import job, person
from app.operations.availability import create_pause
from app.operations.person_skills import set_skills
from app.operations.retention import report
from app.rules.access import SYSTEM
from app.rules.skills import SkillState
from app.vocabulary import Role
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api


@pytest.fixture
def ana(sqlite_api: Api) -> str:
    """Somebody with a skill and a pause."""
    with transaction(sqlite_api.engine, writes=True) as db:
        made = a_person(db, "Ana", email="ana@earshot.example").id
        set_skills(db, person_id=made, skills={"closing.ask": SkillState(level=3, wants=5)}, actor=SYSTEM, now=NOW)
        create_pause(db, person_id=made, starts_on=MONDAY.date(), ends_on=MONDAY.date(), actor=SYSTEM, now=NOW)
    return made


def test_an_export_holds_everything_about_one_person_and_no_secret(sqlite_api: Api, ana: str) -> None:
    mine = sqlite_api.rep(ana)
    mine.post("/v1/feeds", json={"kind": "personal", "person_id": ana}).raise_for_status()

    told = mine.get(f"/v1/people/{ana}/export").raise_for_status().json()

    tables = told["tables"]
    assert tables["person"][0]["email"] == "ana@earshot.example"
    assert tables["person_skill"][0]["skill"] == "closing.ask"
    assert tables["pause"][0]["starts_on"] == "2026-11-23"
    assert tables["feed"][0]["person_id"] == tables["api_key"][0]["person_id"] == ana
    assert "digest" not in json.dumps(told)


def test_an_export_of_somebody_else_is_not_there(sqlite_api: Api, ana: str) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        ben = a_person(db, "Ben").id

    answer = sqlite_api.rep(ben).get(f"/v1/people/{ana}/export")

    assert answer.status_code == 404


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.INTEGRATION])
def test_only_who_decides_access_exports_or_erases_somebody_else(sqlite_api: Api, ana: str, role: Role) -> None:
    other = sqlite_api.client(sqlite_api.key(role))

    assert other.get(f"/v1/people/{ana}/export").status_code == 404
    assert other.post(f"/v1/people/{ana}/erase", json={"confirm": "ana@earshot.example"}).status_code == 403


def test_a_wrong_address_erases_nobody(sqlite_api: Api, ana: str) -> None:
    answer = sqlite_api.admin.post(f"/v1/people/{ana}/erase", json={"confirm": "anna@earshot.example"})

    assert (answer.status_code, answer.json()["code"]) == (422, "not_confirmed")
    assert ErasureList(sqlite_api.settings.dir).erased() == {}
    assert sqlite_api.admin.get(f"/v1/people/{ana}").json()["status"] == "active"


def test_whoever_is_erased_is_unknown_at_once_and_on_the_list(sqlite_api: Api, ana: str) -> None:
    mine = sqlite_api.rep(ana)

    answer = sqlite_api.admin.post(f"/v1/people/{ana}/erase", json={"confirm": "Ana@Earshot.example"})

    assert answer.status_code == 202, answer.text
    assert mine.get("/v1/people").status_code == 401
    left = sqlite_api.admin.get(f"/v1/people/{ana}").json()
    assert (left["name"], left["email"], left["status"]) == (
        "Erased person", f"erased+{ana}@erased.invalid", "left"
    )  # fmt: skip
    assert ErasureList(sqlite_api.settings.dir).erased() == {ana: NOW}


def test_to_erase_twice_does_no_more(sqlite_api: Api, ana: str) -> None:
    sqlite_api.admin.post(f"/v1/people/{ana}/erase", json={"confirm": "ana@earshot.example"}).raise_for_status()
    sqlite_api.clock.advance(timedelta(hours=1))

    again = sqlite_api.admin.post(f"/v1/people/{ana}/erase", json={"confirm": f"erased+{ana}@erased.invalid"})

    assert again.status_code == 202, again.text
    assert ErasureList(sqlite_api.settings.dir).erased() == {ana: NOW}
    with transaction(sqlite_api.engine, writes=False) as db:
        words = [
            payload["words"]
            for payload in db.execute(select(job.c.payload).where(job.c.kind == "erase_person")).scalars()
        ]
        assert sorted(words) == [[], ["Ana", "ana@earshot.example"]]
        assert db.execute(select(person.c.erased_at).where(person.c.id == ana)).scalar_one() == NOW


def test_an_erased_host_keeps_their_calls_for_the_counts(sqlite_api: Api, ana: str) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        call_id = a_call(db, db.get_one(_Person, ana))

    sqlite_api.admin.post(f"/v1/people/{ana}/erase", json={"confirm": "ana@earshot.example"}).raise_for_status()

    assert sqlite_api.admin.get(f"/v1/calls/{call_id}").json()["host_id"] == ana


def test_the_notice_is_ours_until_the_house_has_words_of_its_own(sqlite_api: Api, ana: str) -> None:
    mine = sqlite_api.rep(ana)
    ours = mine.get("/v1/monitoring-notice").json()

    sqlite_api.admin.patch("/v1/settings/privacy", json={"monitoring_notice": "We listen."}).raise_for_status()

    assert "nobody listens unseen" in ours["text"]
    assert mine.get("/v1/monitoring-notice").json() == {"text": "We listen.", "person_insights": True}


def test_how_long_things_are_kept_is_read_by_all_and_chosen_by_an_admin(sqlite_api: Api, ana: str) -> None:
    mine = sqlite_api.rep(ana)

    sqlite_api.admin.patch("/v1/settings/retention", json={"days": {"notices": 30}}).raise_for_status()

    assert mine.patch("/v1/settings/retention", json={"days": {"notices": 31}}).status_code == 403
    kinds = {one["kind"]: one for one in mine.get("/v1/settings/retention").json()["kinds"]}
    assert (kinds["notices"]["days"], kinds["notices"]["shipped_days"]) == (30, 90)


def test_a_purge_is_in_the_report(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        report(db, deleted={"jobs": 3}, now=NOW)

    told = sqlite_api.admin.get("/v1/retention/report").raise_for_status().json()["data"]

    assert [one["result"] for one in told] == [{"deleted": {"jobs": 3}}]
