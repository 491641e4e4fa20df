"""Jobs over the API: what is refused, then seen, cancelled and tried again."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db import transaction
from app.jobs.context import JobContext
from app.models.tables import event, job
from app.operations import operations
from app.operations.jobs import enqueue
from app.vocabulary import JobStatus
from app.worker import Worker
from tests.harness import NOW, Api
from tests.patience import PATIENCE_SECONDS

MINUTE = timedelta(minutes=1)


def a_job(api: Api, kind: str = "mail", *, status: JobStatus = JobStatus.QUEUED, **given: Any) -> str:
    """Queue a job, put it into this state, and return its path."""
    with transaction(api.engine, writes=True) as db:
        before = set(db.execute(select(job.c.id)).scalars())
        enqueue(db, kind, {"secret": "hunter2"}, now=api.clock(), **given)
        (made,) = set(db.execute(select(job.c.id)).scalars()) - before
        db.execute(update(job).where(job.c.id == made).values(status=status))
    return f"/v1/jobs/{made}"


def refused(api: Api, path: str) -> tuple[int, str]:
    answer = api.admin.post(path)
    return answer.status_code, answer.json()["code"]


def do_all(api: Api, handler: Callable[[JobContext], None], *, kind: str = "mail") -> Worker:
    worker = Worker(api.engine, api.settings, api.clock, {kind: handler})
    while worker.run_one():
        pass
    return worker


def fails(_: JobContext) -> None:
    raise RuntimeError("the relay said no")


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [JobStatus.DONE, JobStatus.DEAD])
def test_what_is_over_can_not_be_cancelled(sqlite_api: Api, status: JobStatus) -> None:
    assert refused(sqlite_api, f"{a_job(sqlite_api, status=status)}/cancel") == (409, "job_over")


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE])
def test_what_is_not_given_up_can_not_be_tried_again(sqlite_api: Api, status: JobStatus) -> None:
    assert refused(sqlite_api, f"{a_job(sqlite_api, status=status)}/retry") == (409, "job_not_over")


def test_a_job_whose_work_a_later_one_does_is_not_tried_again(api: Api) -> None:
    dead = a_job(api, singleton="mail:1", status=JobStatus.DEAD)
    a_job(api, singleton="mail:1")

    assert refused(api, f"{dead}/retry") == (409, "job_queued_anew")


def test_a_job_that_an_operation_waited_for_is_not_tried_again(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        operations.begin(db, "match_run", {"run_id": "mrn_none"}, now=NOW)
        job_id = db.execute(select(job.c.id)).scalar_one()
    sqlite_api.admin.post(f"/v1/jobs/{job_id}/cancel")

    assert refused(sqlite_api, f"/v1/jobs/{job_id}/retry") == (409, "operation_over")


@pytest.mark.parametrize("act", ["", "/cancel", "/retry"])
def test_a_job_that_is_not_there_is_not_found(sqlite_api: Api, act: str) -> None:
    answer = sqlite_api.admin.request("POST" if act else "GET", f"/v1/jobs/job_none{act}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_list_by_a_status_that_there_is_not_is_refused(sqlite_api: Api) -> None:
    assert sqlite_api.admin.get("/v1/jobs", params={"status": "lost"}).status_code == 422


# --- What is seen -----------------------------------------------------------------------------------------------------


def test_a_job_tells_how_it_went_and_never_what_is_in_it(api: Api) -> None:
    path = a_job(api, max_attempts=1)

    do_all(api, fails)

    answer = api.admin.get(path)
    found = answer.json()
    assert (found["status"], found["attempts"], found["leased_until"]) == ("dead", 1, None)
    assert found["last_error"] == "RuntimeError: the relay said no"
    assert ":" in found["worker"]
    assert "hunter2" not in answer.text


def test_a_job_under_way_tells_who_has_it_until_when(api: Api) -> None:
    path, seen = a_job(api), []

    do_all(api, lambda _: seen.append(api.admin.get(path).json()))

    (found,) = seen
    assert (found["status"], found["attempts"]) == ("running", 1)
    assert found["leased_until"] == "2026-11-21T09:01:00Z"
    assert found["worker"]


def test_a_list_goes_from_the_newest_and_takes_what_is_asked_for(api: Api) -> None:
    paths = []
    for number, (kind, status) in enumerate(
        [("mail", JobStatus.DEAD), ("sync", JobStatus.QUEUED), ("mail", JobStatus.QUEUED), ("sweep", JobStatus.DONE)]
    ):
        api.clock.at = NOW + number * MINUTE
        paths.append(a_job(api, kind, status=status))

    def found(**query: Any) -> list[int]:
        return [paths.index(f"/v1/jobs/{one['id']}") for one in api.admin.get("/v1/jobs", params=query).json()["data"]]

    assert found() == [3, 2, 1, 0]
    assert found(status="queued") == [2, 1]
    assert found(status=["dead", "done"]) == [3, 0]
    assert found(kind="mail", status="queued") == [2]
    assert found(due_at_gte="2026-11-21T09:01:00Z", due_at_lt="2026-11-21T09:03:00Z") == [2, 1]
    page = api.admin.get("/v1/jobs", params={"limit": 3}).json()
    assert page["has_more"]
    assert found(limit=3, cursor=page["next_cursor"]) == [0]


# --- Cancelled, tried again -------------------------------------------------------------------------------------------


def test_a_cancelled_job_is_never_done_and_stays_cancelled(api: Api) -> None:
    path = a_job(api)
    done: list[JobContext] = []

    first, second = (api.admin.post(f"{path}/cancel") for _ in range(2))
    do_all(api, done.append)

    assert (first.status_code, first.json()["status"], second.json()) == (200, "cancelled", first.json())
    assert done == []
    with transaction(api.engine, writes=False) as db:
        assert db.execute(select(event.c.act).where(event.c.object_type == "job")).scalars().all() == ["job.cancelled"]


def test_a_running_job_that_is_cancelled_stops_at_its_next_progress_and_its_end_counts_for_nothing(api: Api) -> None:
    path = a_job(api)
    went_on = []

    def long(context: JobContext) -> None:
        api.admin.post(f"{path}/cancel")
        context.progress(50)
        went_on.append("on")

    do_all(api, long)

    found = api.admin.get(path).json()
    assert went_on == []
    assert (found["status"], found["leased_until"], found["last_error"]) == ("cancelled", None, None)


def test_a_running_job_that_is_cancelled_is_told_at_the_next_beat_of_its_worker(api: Api) -> None:
    path, told = a_job(api), threading.Event()

    def long(context: JobContext) -> None:
        if context.over.wait(PATIENCE_SECONDS):
            told.set()

    worker = Worker(api.engine, api.settings, api.clock, {"mail": long})
    thread = threading.Thread(target=worker.run_one)
    thread.start()
    while api.admin.get(path).json()["status"] != "running":
        time.sleep(0.01)
    api.admin.post(f"{path}/cancel")
    worker.beat()
    thread.join(PATIENCE_SECONDS)

    assert told.is_set()
    assert api.admin.get(path).json()["status"] == "cancelled"


@pytest.mark.parametrize("gone", ["dead", "cancelled"])
def test_a_job_that_is_tried_again_is_as_if_it_had_never_been_tried(api: Api, gone: str) -> None:
    path = a_job(api, max_attempts=2)
    if gone == "dead":
        do_all(api, fails)
        api.clock.advance(MINUTE)
        do_all(api, fails)
    else:
        api.admin.post(f"{path}/cancel")
    assert api.admin.get(path).json()["status"] == gone

    again = api.admin.post(f"{path}/retry")
    done: list[JobContext] = []
    do_all(api, done.append)

    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (200, "queued", 0)
    found = api.admin.get(path).json()
    assert (found["status"], found["attempts"], len(done)) == ("done", 1, 1)
