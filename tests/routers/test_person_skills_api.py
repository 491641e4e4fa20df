"""What people can do and want to hear, over the API: who may state it, and what is never forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models import Match
from app.models.tables import program, skill_assessment
from app.vocabulary import MatchStatus, Role
from tests.harness import NOW, Api
from tests.statements import counted


def a_rep(api: Api, name: str, **fields: Any) -> str:
    body = {"name": name, "email": f"{name}@earshot.example", "time_zone": "Europe/London", **fields}
    made: str = api.admin.post("/v1/people", json=body).json()["id"]
    return made


def skill(slug: str, level: int = 0, wants: int = 0, teaches: bool = False) -> dict[str, Any]:
    return {"slug": slug, "level": level, "wants": wants, "teaches": teaches}


def paired(api: Api, *, mentor: str, mentee: str, status: MatchStatus) -> None:
    with transaction(api.engine, writes=True) as db:
        program_id = db.execute(select(program.c.id)).scalar_one()
        given: dict[str, Any] = {"status": status, "score": 1, "terms": {}, "created_at": NOW, "updated_at": NOW}
        db.add(Match(id=f"mat_{status}", program_id=program_id, mentor_id=mentor, mentee_id=mentee, **given))


def history(api: Api, person_id: str) -> list[tuple[str, int, str, str]]:
    with transaction(api.engine, writes=False) as db:
        rows = db.execute(
            select(skill_assessment)
            .where(skill_assessment.c.person_id == person_id)
            .order_by(skill_assessment.c.set_at, skill_assessment.c.skill)
        )
        return [(row.skill, row.level, row.set_as, row.set_by) for row in rows]


def test_what_is_put_stands_and_only_changed_levels_enter_the_history(api: Api) -> None:
    ada = a_rep(api, "ada")
    rep, place = api.rep(ada), f"/v1/people/{ada}/skills"
    before = [skill("demo.technical", 2, 3), skill("craft.listening", 3, 0, True), skill("closing.ask", 0, 5)]

    put = rep.put(place, json={"skills": before}, headers={"If-Match": '"v1"'})
    again = rep.put(place, json={"skills": before[::-1]})
    api.clock.advance(timedelta(days=1))
    wish = rep.put(place, json={"skills": [skill("demo.technical", 2, 5), skill("craft.listening", 4, 0, True)]})
    late = rep.put(place, json={"skills": []}, headers={"If-Match": '"v2"'})
    fell = rep.put(place, json={"skills": [skill("demo.technical", 2, 5)]})

    assert put.status_code == 200, put.text
    assert (put.headers["etag"], again.headers["etag"], wish.headers["etag"]) == ('"v2"', '"v2"', '"v3"')
    assert put.json()["skills"] == sorted(before, key=lambda entry: str(entry["slug"]))
    assert (late.status_code, late.json()["code"]) == (412, "stale")
    assert fell.json() == rep.get(place).json()
    assert rep.get(place, headers={"If-None-Match": '"v4"'}).status_code == 304
    assert history(api, ada) == [
        ("craft.listening", 3, "self", ada),
        ("demo.technical", 2, "self", ada),
        ("craft.listening", 4, "self", ada),
        ("craft.listening", 0, "self", ada),
    ]
    person = api.admin.get(f"/v1/people/{ada}")
    assert (person.json()["version"], person.json()["updated_at"]) == (4, "2026-11-22T09:00:00Z")


def test_levels_read_as_they_were_at_any_instant(api: Api) -> None:
    ada = a_rep(api, "ada")
    place = f"/v1/people/{ada}/skills"
    for level in (1, 2, 3):
        api.admin.put(place, json={"skills": [skill("demo.technical", level, 1)]})
        api.clock.advance(timedelta(days=1))
    api.admin.put(place, json={"skills": [skill("closing.ask", 4)]})

    def levels(as_of: str) -> dict[str, int]:
        found = api.admin.get(place, params={"as_of": as_of})
        assert found.status_code == 200, found.text
        return {entry["slug"]: entry["level"] for entry in found.json()["skills"]}

    assert levels("2026-11-21T08:59:59Z") == {}
    assert levels("2026-11-21T09:00:00Z") == {"demo.technical": 1}
    assert levels("2026-11-23T10:00:00+02:00") == {"demo.technical": 2}
    assert levels("2026-11-30T00:00:00Z") == {"closing.ask": 4, "demo.technical": 0}
    past = api.admin.get(place, params={"as_of": "2026-11-21T09:00:00Z"}).json()
    assert past["as_of"] == "2026-11-21T09:00:00Z"
    assert past["skills"] == [{"slug": "demo.technical", "level": 1, "wants": None, "teaches": None}]
    assert api.admin.get(place, params={"as_of": "2026-11-21T09:00:00"}).status_code == 422


def test_of_two_statements_in_one_instant_the_later_one_is_remembered(api: Api) -> None:
    ada = a_rep(api, "ada")
    place = f"/v1/people/{ada}/skills"
    for level in (1, 3, 2, 4):
        api.admin.put(place, json={"skills": [skill("demo.technical", level)]})

    later = api.admin.get(place, params={"as_of": "2026-11-21T09:00:01Z"}).json()["skills"]

    assert [entry["level"] for entry in later] == [4]


def test_a_mentor_or_a_manager_states_levels_and_nothing_else(api: Api) -> None:
    top = a_rep(api, "top", role="manager")
    boss = a_rep(api, "boss", role="manager", manager_id=top)
    mentor, ada = a_rep(api, "mentor"), a_rep(api, "ada", manager_id=boss)
    paired(api, mentor=mentor, mentee=ada, status=MatchStatus.ACTIVE)
    place = f"/v1/people/{ada}/skills"
    api.rep(ada).put(place, json={"skills": [skill("demo.technical", 3, 2, True)]})

    for level, who in enumerate((top, boss, mentor)):
        rep = api.client(api.key(Role.MANAGER, who))
        assert rep.get(place).status_code == 200
        stated = rep.put(place, json={"skills": [skill("demo.technical", level, 2, False)]})
        assert stated.status_code == 200, stated.text
        for wrong in ([skill("demo.technical", 3, 3)], [skill("demo.technical", 3, 2, True)], []):
            refused = rep.put(place, json={"skills": wrong})
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")

    said = [(level, set_as, by) for _, level, set_as, by in history(api, ada)]
    assert said == [(3, "self", ada), (0, "manager", top), (1, "manager", boss), (2, "mentor", mentor)]


@pytest.mark.parametrize("status", [MatchStatus.PENDING, MatchStatus.PAUSED, MatchStatus.ENDED])
def test_skills_are_hidden_from_everybody_else(api: Api, status: MatchStatus) -> None:
    boss = a_rep(api, "boss")  # a CRM says whom somebody leads, and an admin whether that lets them see anything
    ada, peer, other = a_rep(api, "ada", manager_id=boss), a_rep(api, "peer", manager_id=boss), a_rep(api, "other")
    paired(api, mentor=other, mentee=ada, status=status)
    paired_mentee = api.rep(ada)

    for rep, person in (
        (api.rep(boss), ada),
        (api.rep(peer), ada),
        (api.rep(other), ada),
        (paired_mentee, boss),
        (paired_mentee, other),
    ):
        place = f"/v1/people/{person}/skills"
        for hidden in (rep.get(place), rep.put(place, json={"skills": []})):
            assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    assert api.admin.get("/v1/people/per_none/skills").status_code == 404
    assert api.admin.put("/v1/people/per_none/skills", json={"skills": []}).status_code == 404


def test_nobody_teaches_below_level_three(api: Api) -> None:
    place = f"/v1/people/{a_rep(api, 'ada')}/skills"

    refused = api.admin.put(
        place, json={"skills": [skill("closing.ask", 3, 0, True), skill("demo.technical", 2, 0, True)]}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "teaches_below_3")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/skills/1/teaches"]
    assert api.admin.get(place).json()["skills"] == []


def test_bad_skills_are_refused_without_an_echo_and_change_nothing(api: Api) -> None:
    canary = "canary.unknown"
    place = f"/v1/people/{a_rep(api, 'ada')}/skills"

    unknown = api.admin.put(place, json={"skills": [skill("closing.ask", 1), skill(canary, 1)]})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_reference")
    assert unknown.json()["errors"][0]["pointer"] == "/skills/1/slug"
    assert canary not in unknown.text

    twice = api.admin.put(place, json={"skills": [skill("closing.ask", 1), skill("closing.ask", 2)]})
    assert (twice.status_code, twice.json()["errors"][0]["code"]) == (422, "duplicate")

    for wrong in ({"level": 5}, {"level": -1}, {"level": "1"}, {"wants": 6}, {"teaches": 0}, {"slug": "?" + canary}):
        refused = api.admin.put(place, json={"skills": [{**skill("closing.ask", 1), **wrong}]})
        assert refused.status_code == 422, (wrong, refused.text)
        assert canary not in refused.text
    assert api.admin.get(place).json()["skills"] == []
    assert api.admin.get(place).headers["etag"] == '"v1"'


def test_reading_and_writing_costs_the_same_for_one_skill_and_for_three(api: Api) -> None:
    costs = []
    for name, slugs in (("one", ["closing.ask"]), ("three", ["closing.ask", "demo.technical", "craft.product"])):
        place = f"/v1/people/{a_rep(api, name)}/skills"
        with counted(api.engine) as statements:
            api.admin.put(place, json={"skills": [skill(slug, 1) for slug in slugs]})
            assert len(api.admin.get(place).json()["skills"]) == len(slugs)
        costs.append(len(statements))

    assert costs[0] == costs[1]
