"""Operations over the API: listed, and cancelled with their runs."""

from typing import Any

from sqlalchemy import select

from app.db import transaction
from app.jobs import HANDLERS
from app.jobs.context import JobContext
from app.models.tables import event
from app.worker import Worker
from tests.harness import Api
from tests.pools import a_mentee, a_mentor


def start(api: Api) -> tuple[str, str]:
    """Start a match run of a pair; return the paths of the run and of its operation."""
    with transaction(api.engine, writes=True) as db:
        a_mentee(db, "Aisha")
        a_mentor(db, "Mara")
    answer = api.admin.post("/v1/match-runs", json={})
    return f"/v1/match-runs/{answer.json()['id']}", answer.headers["location"]


def work(api: Api, **handlers: Any) -> None:
    worker = Worker(api.engine, api.settings, api.clock, {**HANDLERS, **handlers})
    while worker.run_one():
        pass


def test_an_operation_that_is_over_can_not_be_cancelled(api: Api) -> None:
    run, operation = start(api)
    work(api)

    refused = api.admin.post(f"{operation}/cancel")

    assert (refused.status_code, refused.json()["code"]) == (409, "operation_over")
    assert api.admin.get(operation).json()["status"] == "succeeded"
    assert api.admin.get(run).json()["status"] == "draft"


def test_a_cancelled_run_is_never_solved(api: Api) -> None:
    run, operation = start(api)

    first, second = (api.admin.post(f"{operation}/cancel") for _ in range(2))
    work(api)

    assert (first.status_code, first.json()["status"], first.json()["error"]) == (200, "cancelled", None)
    assert second.json() == first.json()
    assert api.admin.get(run).json()["status"] == "cancelled"
    assert [one["status"] for one in api.admin.get("/v1/jobs").json()["data"]] == ["cancelled"]
    with transaction(api.engine, writes=False) as db:
        acts = db.execute(select(event.c.act).where(event.c.act.like("match_run.%")).order_by(event.c.sequence))
        assert acts.scalars().all() == ["match_run.started", "match_run.cancelled"]


def test_a_run_that_is_cancelled_while_it_is_solved_gets_no_draft(api: Api) -> None:
    run, operation = start(api)

    def cancelled_meanwhile(context: JobContext) -> None:
        api.admin.post(f"{operation}/cancel")
        HANDLERS["match_run"](context)

    work(api, match_run=cancelled_meanwhile)

    assert api.admin.get(run).json()["status"] == "cancelled"
    assert api.admin.get(operation).json()["status"] == "cancelled"


def test_a_job_that_is_cancelled_cancels_the_operation_that_waits_for_it(api: Api) -> None:
    run, operation = start(api)
    (job,) = api.admin.get("/v1/jobs").json()["data"]

    api.admin.post(f"/v1/jobs/{job['id']}/cancel")

    assert api.admin.get(operation).json()["status"] == "cancelled"
    assert api.admin.get(run).json()["status"] == "cancelled"


def test_a_plan_whose_publishing_is_cancelled_is_a_draft_again(api: Api) -> None:
    start(api)
    week = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
    run = f"/v1/plan-runs/{api.admin.post('/v1/plan-runs', json=week).json()['id']}"
    work(api)

    publishing = api.admin.post(f"{run}/publish").headers["location"]
    cancelled = api.admin.post(f"{publishing}/cancel")
    draft = api.admin.get(run).json()["status"]
    api.admin.post(f"{run}/publish")
    work(api)

    assert (cancelled.json()["status"], draft) == ("cancelled", "draft")
    assert api.admin.get(run).json()["status"] == "published"


def test_a_list_goes_from_the_newest_and_takes_what_is_asked_for(api: Api) -> None:
    start(api)
    work(api)
    week = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
    api.admin.post("/v1/plan-runs", json=week)

    def found(**query: str) -> list[str]:
        return [one["kind"] for one in api.admin.get("/v1/operations", params=query).json()["data"]]

    assert sorted(found()) == ["match_run", "plan_run"]
    assert found(status="queued") == ["plan_run"]
    assert found(kind="match_run") == ["match_run"]
    assert found(kind="match_run", status="queued") == []
