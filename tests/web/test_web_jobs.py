"""The jobs of the house in a browser: what was given up first, tried again or cancelled there."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.jobs import HANDLERS
from app.models.tables import job, operation
from app.operations import operations
from app.operations.jobs import enqueue
from app.vocabulary import JobStatus, Role, WorkStatus
from app.web.pages.jobs import KINDS
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import page


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return a_browser(site, Role.ADMIN)


def a_browser(site: Site, role: Role) -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Ada Weber", role=role).id
    return site.signed_in(person_id)


def a_job(site: Site, kind: str = "housekeeping", **changes: Any) -> str:
    with site.db() as db:
        enqueue(db, kind, {}, singleton=f"{kind}:of_the_test", now=NOW)
        found: str = db.execute(select(job.c.id).where(job.c.kind == kind)).scalar_one()
        if changes:
            db.execute(update(job).where(job.c.id == found).values(**changes))
    return found


def an_operation(site: Site) -> str:
    with site.db() as db:
        return operations.begin(db, "match_run", {"run_id": "mrn_none"}, now=NOW)


def status_of(site: Site, job_id: str) -> JobStatus:
    with site.db() as db:
        found: JobStatus = db.execute(select(job.c.status).where(job.c.id == job_id)).scalar_one()
    return found


def press(browser: httpx.Client, do: str, **of: str) -> httpx.Response:
    return browser.post("/jobs", params={"do": do, **of}, headers=OURS)


def test_every_kind_of_work_has_words() -> None:
    assert HANDLERS.keys() == KINDS.keys()


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_nobody_else_finds_the_jobs(site: Site, role: Role) -> None:
    job_id, browser = a_job(site), a_browser(site, role)

    page(browser, "/jobs", status=404)
    assert press(browser, "cancel", job=job_id).status_code == 404
    assert status_of(site, job_id) is JobStatus.QUEUED


def test_an_auditor_looks_and_changes_nothing(site: Site) -> None:
    job_id, browser = a_job(site, status=JobStatus.DEAD, last_error="RuntimeError: no"), a_browser(site, Role.AUDITOR)

    shown = page(browser, "/jobs")

    assert "RuntimeError: no" in shown.text
    assert not [form for form in shown.all("form") if form.get("action", "").startswith("/jobs?")]
    assert press(browser, "retry", job=job_id).status_code == 403
    assert status_of(site, job_id) is JobStatus.DEAD


def test_what_was_given_up_comes_first_with_why(site: Site, admin: httpx.Client) -> None:
    a_job(site, "housekeeping")
    a_job(site, "invite_mail", status=JobStatus.DEAD, attempts=8, last_error="MailUnavailable: no answer")

    text = page(admin, "/jobs").text

    assert text.index("Given up What") < text.index("MailUnavailable: no answer") < text.index("Due next What")
    assert "8 of 8" in text


def test_a_job_is_tried_again(site: Site, admin: httpx.Client) -> None:
    job_id = a_job(site, status=JobStatus.DEAD, attempts=8)

    answer = press(admin, "retry", job=job_id, status="dead")

    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?status=dead&said=retry")
    assert status_of(site, job_id) is JobStatus.QUEUED
    assert "in the queue again" in page(admin, answer.headers["location"]).text


def test_a_job_that_was_cancelled_can_be_put_back(site: Site, admin: httpx.Client) -> None:
    job_id = a_job(site)

    answer = press(admin, "cancel", job=job_id)
    shown = page(admin, answer.headers["location"])
    undo = next(form["action"] for form in shown.all("form") if "data-undo" in form)
    cancelled = status_of(site, job_id)
    admin.post(undo, headers=OURS)

    assert (cancelled, status_of(site, job_id)) == (JobStatus.CANCELLED, JobStatus.QUEUED)


def test_an_address_alone_offers_to_undo_nothing(site: Site, admin: httpx.Client) -> None:
    job_id = a_job(site)

    assert "data-undo" not in page(admin, f"/jobs?said=cancel&job={job_id}").answer.text


def test_a_refusal_says_why_and_changes_nothing(site: Site, admin: httpx.Client) -> None:
    job_id = a_job(site, status=JobStatus.DONE)

    answer = press(admin, "cancel", job=job_id)

    assert answer.status_code == 409
    assert "there is nothing to cancel" in answer.text
    assert status_of(site, job_id) is JobStatus.DONE


def test_an_operation_is_cancelled_with_its_job_and_neither_comes_back(site: Site, admin: httpx.Client) -> None:
    operation_id = an_operation(site)

    answer = press(admin, "cancel-operation", operation=operation_id)
    again = press(admin, "cancel-operation", operation=operation_id)

    with site.db() as db:
        status = db.execute(select(operation.c.status).where(operation.c.id == operation_id)).scalar_one()
        job_id = db.execute(select(job.c.id).where(job.c.operation_id == operation_id)).scalar_one()
    assert (status, status_of(site, job_id)) == (WorkStatus.CANCELLED, JobStatus.CANCELLED)
    assert (answer.status_code, again.status_code) == (303, 303)
    assert press(admin, "retry", job=job_id).status_code == 409


def test_filters_stand_in_the_address_and_unknown_ones_filter_nothing(site: Site, admin: httpx.Client) -> None:
    a_job(site, "housekeeping")
    a_job(site, "reminders")

    of_one_kind = page(admin, "/jobs?kind=housekeeping&status=").text
    of_any = page(admin, "/jobs?kind=nonsense&status=nonsense").text

    assert "housekeeping:of_the_test" in of_one_kind
    assert "reminders:of_the_test" not in of_one_kind
    assert "reminders:of_the_test" in of_any


def test_a_long_list_goes_on(site: Site, admin: httpx.Client) -> None:
    with site.db() as db:
        for number in range(51):
            enqueue(db, "reminders", {}, singleton=f"reminders:{number:02}.", now=NOW)

    first = page(admin, "/jobs?status=queued")
    onward = next(link["href"] for link in first.all("a") if link.get("rel") == "next")

    shown = first.text + page(admin, onward).text
    assert [number for number in range(51) if f"reminders:{number:02}." not in shown] == []
