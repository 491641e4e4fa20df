"""Match runs over the API: edited, run again, called off, simulated, compared and explained; and who waits."""

from datetime import date
from typing import Any

import httpx
import pytest

from app.db import transaction
from app.operations.availability import create_pause
from app.rules.access import SYSTEM
from app.worker import Worker
from tests.harness import NOW, Api
from tests.pools import a_mentee, a_mentor
from tests.statements import assert_same_cost


def work(api: Api) -> None:
    worker = Worker(api.engine, api.settings, api.clock)
    while worker.run_one():
        continue


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def people(api: Api, mentees: dict[str, dict[str, Any]], mentors: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The ids of these people, each with fields of their own."""
    with transaction(api.engine, writes=True) as db:
        made = {name: a_mentee(db, name, **fields).id for name, fields in mentees.items()}
        return made | {name: a_mentor(db, name, **fields).id for name, fields in mentors.items()}


def drafted(api: Api, body: dict[str, Any] | None = None) -> str:
    """Start a run, let it be solved, and return its path."""
    started = api.admin.post("/v1/match-runs", json=body or {})
    assert started.status_code == 202, started.text
    work(api)
    return f"/v1/match-runs/{started.json()['id']}"


def pair_of(run: dict[str, Any]) -> dict[str, str]:
    return {pair["mentee_id"]: pair["mentor_id"] for pair in run["matches"]}


def program(api: Api) -> str:
    (found,) = api.admin.get("/v1/programs").json()["data"]
    return f"/v1/programs/{found['id']}"


def test_a_draft_is_edited_run_again_and_called_off(api: Api) -> None:
    who = people(api, {"Aisha": {}, "Tom": {}}, {"Mara": {"capacity": 1}, "Jonas": {"capacity": 1}})
    run = drafted(api)
    read = api.admin.get(run)
    before = pair_of(read.json())
    assert (read.json()["cause"], read.json()["bound"], read.json()["disruption"]) == (
        "by_hand",
        read.json()["value"],
        "some",
    )
    aisha, tom = f"{run}/pairs/{who['Aisha']}", f"{run}/pairs/{who['Tom']}"

    out = api.admin.put(aisha, json={"mentor_id": None}, headers={"If-Match": read.headers["etag"]})
    stale = api.admin.put(tom, json={"mentor_id": None}, headers={"If-Match": read.headers["etag"]})
    swapped = api.admin.put(tom, json={"mentor_id": before[who["Aisha"]]}, headers={"If-Match": out.headers["etag"]})

    assert (out.status_code, out.json()["unmatched"][0]["reason"]) == (200, "by_hand")
    assert refusal(stale) == (412, "stale")
    assert pair_of(swapped.json()) == {who["Tom"]: before[who["Aisha"]]}
    full = api.admin.put(aisha, json={"mentor_id": before[who["Aisha"]]})
    assert (*refusal(full), full.json()["constraint"]) == (409, "infeasible_pair", "no_capacity")

    again = api.admin.post(f"{run}/rerun")
    assert (again.status_code, again.headers["location"]) == (202, f"/v1/operations/{again.json()['operation_id']}")
    work(api)
    new = f"/v1/match-runs/{again.json()['id']}"
    swap = {who["Tom"]: before[who["Aisha"]], who["Aisha"]: before[who["Tom"]]}
    assert pair_of(api.admin.get(new).json()) == swap
    differs = api.admin.get(f"{new}/diff", params={"against": run.rpartition("/")[2]}).json()
    assert (differs["kept"], differs["added"], differs["moved"]) == (1, 1, 0)
    assert api.admin.post(f"{run}/cancel").json()["status"] == "cancelled"
    assert refusal(api.admin.post(f"{run}/publish")) == (409, "not_a_draft")
    assert api.admin.post(f"{new}/publish").json()["status"] == "published"
    assert refusal(api.admin.post(f"{new}/cancel")) == (409, "not_a_draft")


def test_a_simulation_says_what_a_run_would_and_leaves_no_trace(api: Api) -> None:
    who = people(api, {"Aisha": {}, "Yuki": {"languages": ["ja"]}}, {"Mara": {}})

    said = api.admin.post("/v1/match-runs/simulate", json={"objective": "total", "weights": {"segment": 0}})

    assert said.status_code == 200, said.text
    answer = said.json()
    assert pair_of(answer) == {who["Aisha"]: who["Mara"]}
    assert [(one["mentee_id"], one["reason"]) for one in answer["unmatched"]] == [(who["Yuki"], "no_shared_language")]
    assert (answer["diff"]["added"], answer["weights"]["segment"], answer["bound"]) == (1, 0, answer["value"])
    assert api.admin.get("/v1/match-runs").json()["data"] == []
    run = api.admin.get(drafted(api, {"objective": "total", "weights": {"segment": 0}})).json()
    assert (pair_of(run), run["value"]) == (pair_of(answer), answer["value"])


def test_why_not_names_the_constraint_and_what_would_have_to_change_and_that_changes_the_answer(api: Api) -> None:
    who = people(api, {"Aisha": {"grade": 1}}, {"Mara": {"grade": 5}, "Jonas": {"grade": 2, "languages": ["ja"]}})
    run = drafted(api, {"constraints": {"max_grade_gap": 3}})
    assert pair_of(api.admin.get(run).json()) == {}

    def why(path: str, mentor: str) -> dict[str, Any]:
        asked = {"mentee_id": who["Aisha"], "mentor_id": who[mentor]}
        answer = api.admin.get(f"{path}/why-not", params=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    grade, language = why(run, "Mara"), why(run, "Jonas")

    assert [(one["constraint"], one["has"], one["limit"]) for one in grade["hurdles"]] == [("grade_gap", 4, 3)]
    assert (grade["inputs_changed"], grade["proposed"]) == (False, True)  # proposed, were it not for that
    assert sum(grade["asked"]["terms"].values()) == grade["asked"]["score"]
    assert [one["constraint"] for one in language["hurdles"]] == ["no_shared_language"]

    wider = drafted(api, {"constraints": {"max_grade_gap": 4}})
    assert pair_of(api.admin.get(wider).json()) == {who["Aisha"]: who["Mara"]}
    assert why(wider, "Mara")["proposed"]
    api.admin.patch(f"/v1/people/{who['Jonas']}", json={"languages": ["en"]})
    assert why(wider, "Jonas")["inputs_changed"]


def test_why_not_says_who_would_lose_what_when_it_is_only_points(api: Api) -> None:
    who = people(api, {"Aisha": {}, "Tom": {}}, {"Mara": {"capacity": 1}, "Jonas": {"capacity": 1}})
    run = drafted(api)
    given = pair_of(api.admin.get(run).json())
    other = given[who["Tom"]]

    said = api.admin.get(f"{run}/why-not", params={"mentee_id": who["Aisha"], "mentor_id": other}).json()

    assert (said["hurdles"], said["proposed"]) == ([], False)
    assert said["instead"]["mentor_id"] == given[who["Aisha"]]
    assert said["moves"][0]["mentee_id"] == who["Aisha"]
    assert said["value_lost"] >= 0


@pytest.mark.parametrize(
    ("path", "code"),
    [("why-not?mentee_id=per_none&mentor_id=per_none", "not_in_run"), ("diff?against=mrn_none", "not_found")],
)
def test_questions_about_nobody_are_refused(api: Api, path: str, code: str) -> None:
    people(api, {"Aisha": {}}, {"Mara": {}})
    run = drafted(api)

    assert refusal(api.admin.get(f"{run}/{path}"))[1] == code


def test_everybody_without_a_match_is_listed_with_what_is_known_of_why(api: Api) -> None:
    mentees: dict[str, dict[str, Any]] = {"Aisha": {}, "Yuki": {"languages": ["ja"]}, "Tom": {}, "Leo": {}}
    who = people(api, mentees, {"Mara": {"capacity": 1}})
    with transaction(api.engine, writes=True) as db:
        today = date(2026, 11, 21)
        create_pause(db, person_id=who["Leo"], starts_on=today, ends_on=today, actor=SYSTEM, now=NOW)
    place = f"{program(api)}/unmatched"

    def waiting() -> dict[str, str]:
        return {one["mentee_id"]: one["reason"] for one in api.admin.get(place).json()["data"]}

    assert waiting() == {
        who["Aisha"]: "never_run",
        who["Yuki"]: "never_run",
        who["Tom"]: "never_run",
        who["Leo"]: "paused",
    }
    run = drafted(api, {"pins": [{"mentee_id": who["Aisha"], "mentor_id": who["Mara"]}]})
    expected = {who["Yuki"]: "no_shared_language", who["Tom"]: "no_capacity", who["Leo"]: "paused"}
    assert waiting() == {**expected, who["Aisha"]: "proposed"}
    api.admin.post(f"{run}/publish")
    assert waiting() == expected
    found = api.admin.get(place).json()["data"]
    assert {one["run_id"] for one in found} == {run.rpartition("/")[2], None}
    assert refusal(api.rep(who["Aisha"]).get(place)) == (404, "not_found")


def test_the_list_of_who_waits_costs_the_same_for_one_and_for_three(api: Api) -> None:
    people(api, {"Aisha": {}, "Tom": {}, "Leo": {}}, {"Mara": {"capacity": 0}})
    drafted(api)

    assert_same_cost(api, api.admin, f"{program(api)}/unmatched")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"weights": {"skill": -1}}, "invalid"),
        ({"weights": {"skill": 1.5}}, "invalid"),
        ({"weights": {"skill": None}}, "invalid"),
        ({"objective": "best"}, "invalid"),
        ({"disruption": "none"}, "invalid"),
        ({"constraints": {"max_grade_gap": -1}}, "invalid"),
        ({"constraints": {"never_repeat": "yes"}}, "invalid"),
        ({"pins": [{"mentee_id": "<aisha>", "mentor_id": "<yuki>"}]}, "contradictory_pins"),
        ({"pins": [{"mentee_id": "<aisha>", "mentor_id": "<out>"}]}, "contradictory_pins"),
        ({"pins": [{"mentee_id": "<mara>", "mentor_id": "<aisha>"}]}, "not_enrolled"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/match-runs", "/v1/match-runs/simulate"])
def test_what_can_never_hold_is_refused_at_once_and_named(
    sqlite_api: Api, path: str, body: dict[str, Any], code: str
) -> None:
    mentors: dict[str, dict[str, Any]] = {"mara": {}, "yuki": {"languages": ["ja"]}, "out": {"capacity": 0}}
    who = people(sqlite_api, {"aisha": {}}, mentors)
    pins = [{side: who[name.strip("<>")] for side, name in pair.items()} for pair in body.get("pins", [])]

    refused = sqlite_api.admin.post(path, json={**body, **({"pins": pins} if pins else {})})

    assert refusal(refused) == (422, code)
    if code == "contradictory_pins":
        assert {side: refused.json()[side] for side in pins[0]} == pins[0]
    if pins:
        assert refused.json()["errors"][0]["pointer"] == "/pins/0"


def test_pins_against_rules_of_the_program_are_refused_naming_the_rule(api: Api) -> None:
    who = people(api, {"Aisha": {}}, {"Mara": {}, "Jonas": {}})
    rules = f"{program(api)}/pair-rules"
    forced = {"mentee_id": who["Aisha"], "mentor_id": who["Mara"], "kind": "forced"}
    rule = api.admin.put(rules, json=forced).json()

    other = api.admin.post("/v1/match-runs", json={"pins": [{"mentee_id": who["Aisha"], "mentor_id": who["Jonas"]}]})
    same = {"mentee_id": who["Aisha"], "mentor_id": who["Mara"]}
    apart = api.admin.post("/v1/match-runs", json={"forbidden": [same]})

    assert (*refusal(other), other.json()["constraint"]) == (422, "contradictory_pins", "forced_pair")
    assert (*refusal(apart), apart.json()["constraint"]) == (422, "contradictory_pins", "forbidden_pair")
    assert other.json()["pair_rule_id"] == apart.json()["pair_rule_id"] == rule["id"]
    assert pair_of(api.admin.get(drafted(api)).json()) == {who["Aisha"]: who["Mara"]}


@pytest.mark.parametrize("objective", ["total", "util", "lex", "stable"])
def test_every_objective_matches_and_explains_whoever_is_left(sqlite_api: Api, objective: str) -> None:
    who = people(sqlite_api, {"Aisha": {}, "Tom": {}, "Yuki": {"languages": ["ja"]}}, {"Mara": {"capacity": 1}})

    run = sqlite_api.admin.get(drafted(sqlite_api, {"objective": objective})).json()

    assert (run["status"], run["matched"]) == ("draft", 1)
    reasons = {one["mentee_id"]: one["reason"] for one in run["unmatched"]}
    assert (len(reasons), reasons[who["Yuki"]]) == (2, "no_shared_language")


def test_one_pair_of_a_draft_is_accepted_and_publishing_makes_the_others(api: Api) -> None:
    who = people(api, {"Aisha": {}, "Tom": {}}, {"Mara": {"capacity": 1}, "Jonas": {"capacity": 1}})
    run = drafted(api)
    read = api.admin.get(run)
    aisha, etag = f"{run}/pairs/{who['Aisha']}", read.headers["etag"]

    early = api.admin.post(f"{aisha}/accept", headers={"If-Match": '"v1"'})
    first = api.admin.post(f"{aisha}/accept", headers={"If-Match": etag})
    again = api.admin.post(f"{aisha}/accept", headers={"If-Match": etag})
    nobody = api.admin.post(f"{run}/pairs/{who['Mara']}/accept")
    changed = api.admin.put(aisha, json={"mentor_id": None})

    assert (refusal(early), refusal(nobody), refusal(changed)) == (
        (412, "stale"),
        (404, "not_found"),
        (409, "already_accepted"),
    )
    assert (first.status_code, first.json()["status"], again.json()) == (200, "draft", first.json())
    made = {pair["mentee_id"]: pair["match_id"] for pair in first.json()["matches"]}
    assert made[who["Tom"]] is None
    match = api.admin.get(f"/v1/matches/{made[who['Aisha']]}").json()
    assert (match["status"], match["mentor_id"]) == ("active", pair_of(read.json())[who["Aisha"]])
    published = api.admin.post(f"{run}/publish").json()
    assert published["status"] == "published"
    assert all(pair["match_id"] for pair in published["matches"])
    assert len(api.admin.get("/v1/matches").json()["data"]) == 2
