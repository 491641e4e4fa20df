"""Runs over the API: started, watched, drafted, published; and everything that is refused on the way."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from app.db import transaction
from app.models.tables import job
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.worker import Worker
from tests.factories import MONDAY, a_call, a_person
from tests.harness import Api
from tests.pools import a_mentee, a_mentor

WEEK = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}


def a_team_of_three(api: Api) -> tuple[str, str]:
    """Two mentees and a mentor with three calls; returns a mentee's id and the mentor's."""
    with transaction(api.engine, writes=True) as db:
        junior, _ = a_mentee(db, "Aisha"), a_mentee(db, "Tom")
        mentor = a_mentor(db, "Mara")
        for day in range(3):
            a_call(db, mentor, starts_at=MONDAY + timedelta(days=day, hours=10), seats=2)
        return junior.id, mentor.id


def work(api: Api, **limits: int) -> None:
    """Do every job that is due, within these limits."""
    worker = Worker(api.engine, api.settings.model_copy(update=limits), api.clock)
    while worker.run_one():
        pass


def started(api: Api, kind: str, body: dict[str, Any]) -> httpx.Response:
    answer = api.admin.post(f"/v1/{kind}", json=body)
    assert answer.status_code == 202, answer.text
    return answer


def drafted(api: Api, kind: str, body: dict[str, Any] | None = None) -> str:
    """Start a run, let it be solved, and return its path."""
    run = started(api, kind, WEEK if body is None and kind == "plan-runs" else body or {}).json()
    work(api)
    return f"/v1/{kind}/{run['id']}"


def check_watched(answer: httpx.Response) -> None:
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/operations/{answer.json()['operation_id']}"
    assert answer.headers["retry-after"] == "1"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_match_run_goes_from_the_queue_to_matches(api: Api) -> None:
    junior, mentor = a_team_of_three(api)

    start = started(api, "match-runs", {"pins": [{"mentee_id": junior, "mentor_id": mentor}]})
    check_watched(start)
    operation, run = start.headers["location"], f"/v1/match-runs/{start.json()['id']}"
    waiting = api.admin.get(operation)
    assert (waiting.json()["status"], waiting.headers["retry-after"]) == ("queued", "1")

    work(api)

    done = api.admin.get(operation)
    assert (done.json()["status"], done.json()["progress"], "retry-after" in done.headers) == ("succeeded", 100, False)
    assert done.json()["result"] == {"match_run_id": start.json()["id"], "matched": 2, "unmatched": 0}
    draft = api.admin.get(run).json()
    assert (draft["status"], draft["matched"]) == ("draft", 2)
    assert all(sum(pair["terms"].values()) == pair["score"] for pair in draft["matches"])
    assert api.admin.get("/v1/matches").json()["data"] == []

    published = api.admin.post(f"{run}/publish")

    assert (published.status_code, published.json()["status"]) == (200, "published")
    found = api.admin.get("/v1/matches").json()["data"]
    assert {(one["mentor_id"], one["status"]) for one in found} == {(mentor, "active")}
    assert {one["id"] for one in found} == {pair["id"] for pair in draft["matches"]}
    again = api.admin.post(f"{run}/publish")
    assert (again.status_code, again.json()["version"]) == (200, published.json()["version"])
    mine = api.rep(junior).get("/v1/matches").json()["data"]
    assert [(one["mentee_id"], one["pinned"]) for one in mine] == [(junior, True)]


@pytest.mark.parametrize(("kind", "body"), [("match-runs", {}), ("plan-runs", WEEK)])
def test_a_run_that_is_still_queued_is_not_published(api: Api, kind: str, body: dict[str, Any]) -> None:
    run = started(api, kind, body).json()["id"]

    assert refusal(api.admin.post(f"/v1/{kind}/{run}/publish")) == (409, "not_a_draft")


@pytest.mark.parametrize(("kind", "body"), [("match-runs", {}), ("plan-runs", WEEK)])
def test_a_dead_solver_fails_the_run_in_a_sentence_and_it_is_not_published(
    api: Api, kind: str, body: dict[str, Any]
) -> None:
    a_team_of_three(api)
    start = started(api, kind, body)

    work(api, solver_mebibytes=-1000)

    said = api.admin.get(start.headers["location"]).json()
    assert (said["status"], said["error"]["code"]) == ("failed", "solver_stopped")
    assert "memory" in said["error"]["detail"]
    run = f"/v1/{kind}/{start.json()['id']}"
    assert api.admin.get(run).json()["status"] == "failed"
    assert refusal(api.admin.post(f"{run}/publish")) == (409, "not_a_draft")


def test_what_breaks_on_our_side_is_told_without_its_words(api: Api) -> None:
    start = started(api, "plan-runs", WEEK)
    with transaction(api.engine, writes=True) as db:
        db.execute(update(job).values(payload={"canary": "7f3a"}, max_attempts=1))

    work(api)

    said = api.admin.get(start.headers["location"]).json()
    assert said["error"] == {"code": "job_failed", "detail": "The work failed on our side: tell us the operation id."}
    assert api.admin.get(f"/v1/plan-runs/{start.json()['id']}").json()["status"] == "failed"


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("match-runs", {"program_id": "prg_none"}, 404, "not_found"),
        ("plan-runs", {**WEEK, "program_id": "prg_none"}, 404, "not_found"),
        ("plan-runs", {**WEEK, "team_id": "team_none"}, 422, "unknown_reference"),
        ("plan-runs", {"from": WEEK["to"], "to": WEEK["from"]}, 422, "bad_range"),
        ("plan-runs", {"from": WEEK["from"], "to": WEEK["from"]}, 422, "bad_range"),
        ("plan-runs", {"from": WEEK["from"], "to": "2027-01-01T00:00:00Z"}, 422, "bad_range"),
        ("plan-runs", {"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z"}, 422, "past"),
        ("match-runs", {"weights": {"charm": 1}}, 422, "invalid"),
        (
            "match-runs",
            {"weights": dict.fromkeys(DEFAULT_WEIGHTS, 0)},
            422,
            "weights_all_zero",
        ),
        ("match-runs", {"pins": [{"mentee_id": "per_a", "mentor_id": "per_b"}]}, 422, "not_enrolled"),
    ],
)
def test_what_can_never_run_is_refused_at_once_by_a_code(
    api: Api, kind: str, body: dict[str, Any], status: int, code: str
) -> None:
    assert refusal(api.admin.post(f"/v1/{kind}", json=body)) == (status, code)
    assert api.admin.get(f"/v1/{kind}").json()["data"] == []


def test_every_code_that_a_start_refuses_with_is_in_the_description_of_the_api(api: Api) -> None:
    paths = json.loads(api.client().get("/openapi.json").text)["paths"]

    for kind, codes in (
        ("match-runs", {"weights_all_zero", "contradictory_pins", "not_enrolled"}),
        ("plan-runs", {"bad_range", "past", "unknown_reference"}),
    ):
        said = paths[f"/v1/{kind}"]["post"]["responses"]["422"]["content"]["application/problem+json"]["examples"]
        assert codes <= said.keys()


def test_a_rep_starts_nothing_and_sees_no_run(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        someone = a_person(db, "Rep").id
    rep = api.rep(someone)
    operation = started(api, "match-runs", {}).headers["location"]
    matching = drafted(api, "match-runs")
    planning = drafted(api, "plan-runs")

    for kind, body in (("match-runs", {}), ("plan-runs", WEEK)):
        assert refusal(rep.post(f"/v1/{kind}", json=body)) == (403, "forbidden")
        assert refusal(rep.get(f"/v1/{kind}")) == (404, "not_found")
    for run in (matching, planning):
        assert refusal(rep.get(run)) == (404, "not_found")
        assert refusal(rep.post(f"{run}/publish")) == (404, "not_found")
        assert api.admin.get(run).json()["status"] == "draft"
    assert refusal(rep.get(operation)) == (404, "not_found")
    assert rep.get("/v1/matches").json()["data"] == []
