"""What runs later: what was given up, what runs, what is due, and the operations that people wait for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Forbidden, NotFound
from app.house import House
from app.operations import jobs_by_hand
from app.queries import jobs
from app.queries.jobs import JobFilter
from app.queries.pages import PageOf
from app.rules.access import runs_the_house, sees_the_house
from app.vocabulary import JobStatus, WorkStatus
from app.web import weeks
from app.web.addresses import Address
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page
from app.web.lists import brief, request_for

router = page_router()

Do = Literal["retry", "cancel", "cancel-operation"]

_SAID = {
    "retry": "It is in the queue again, as if it had never been tried.",
    "cancel": "The job is cancelled. What it had done by then stays done.",
    "cancel-operation": "The operation is cancelled, and its run with it.",
}
_WHY_NOT = {
    "job_over": "The job is over: there is nothing to cancel.",
    "job_not_over": "The job is not over: there is nothing to try again.",
    "job_queued_anew": "A later job in the queue does the same. It will do the work.",
    "operation_over": "The operation has ended. Start a new one in its place.",
}
KINDS: Mapping[str, str] = {
    "address_mail": "Tell an old address that there is another",
    "calendar_refresh": "Read somebody’s calendar",
    "calendars": "See which calendars are to be read",
    "calls_by_clock": "Begin and end calls by the clock",
    "counter_mail": "Mail that another time was suggested",
    "erase_person": "Erase somebody",
    "give_way": "Let sessions give way",
    "housekeeping": "Tidy up",
    "import_undo": "Undo an import",
    "invite_mail": "Mail an invite",
    "mailbox": "Read replies to invites",
    "match_run": "Match mentees with mentors",
    "matches": "Look after matches",
    "notice_mail": "Mail a notice",
    "plan_publish": "Book the seats of a plan",
    "plan_run": "Plan a week",
    "rematch": "Find another match",
    "reminders": "Send reminders",
    "reminders_ahead": "See who is to be reminded",
    "reseal": "Seal secrets with the newest key",
    "seal": "Seal the audit",
    "settle_call": "Settle a call that changed",
    "settle_session": "Settle a session that changed",
    "sign_in_mail": "Mail a sign-in link",
    "webhook_replay": "Replay events to an endpoint",
    "webhooks": "Send webhooks",
    "webhooks_slow": "Send webhooks to a slow endpoint",
}
"""What jobs and operations do, by their kind."""
_SECTIONS: tuple[tuple[JobStatus, str, str], ...] = (
    (JobStatus.DEAD, "Given up", "Nothing was given up. What fails is tried again by itself, later and later."),
    (JobStatus.RUNNING, "Running now", "Nothing runs at this moment."),
    (JobStatus.QUEUED, "Due next", "Nothing waits."),
)
_TITLES = {status: title for status, title, _ in _SECTIONS} | {
    JobStatus.DONE: "Done, of the last seven days",
    JobStatus.CANCELLED: "Cancelled",
}
_OPERATIONS: Mapping[WorkStatus, str] = {
    WorkStatus.QUEUED: "waits",
    WorkStatus.RUNNING: "runs",
    WorkStatus.SUCCEEDED: "done",
    WorkStatus.FAILED: "failed",
    WorkStatus.CANCELLED: "cancelled",
}
_FEW = 8
"""Of each section; its own page has the rest."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in a list."""

    id: str
    title: str
    about: str
    """What it is told apart by: its singleton key, or when it was due as periodic work."""
    when: str
    tries: str
    error: str
    may_retry: bool
    may_cancel: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Jobs of one status."""

    status: JobStatus
    title: str
    nothing: str
    rows: tuple[JobRow, ...]
    following: str | None
    """The cursor of the page after this; None: this is all."""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """Long work that somebody waits for."""

    id: str
    title: str
    state: str
    status: WorkStatus
    progress: int
    error: str
    when: str
    may_cancel: bool


@router.get("/jobs")
def show_jobs(
    db: ReadDb,
    the: TheHouse,
    now: Now,
    viewer: SignedIn,
    status: str = "",
    kind: str = "",
    cursor: str = "",
    said: str = "",
    job: str = "",
) -> Response:
    """Show what was given up first, then what runs and what is due; or all jobs of one status or kind."""
    _check_sees(viewer)
    address = _address(status, kind, cursor)
    undo = address.but(do="retry", job=job) if said == "cancel" and _can_be_retried(db, job, viewer) else ""
    return _jobs_page(db, address, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""), undo=undo)


@router.post("/jobs")
def change_jobs(
    do: Do,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    job: str = "",
    operation: str = "",
    status: str = "",
    kind: str = "",
) -> Response:
    """Try a job again, or cancel it or what waits for it. A refusal is said on the page."""
    _check_sees(viewer)
    if not runs_the_house(viewer.actor):
        raise Forbidden("An auditor only looks.")
    address = _address(status, kind)
    try:
        database.written(the.engine, lambda db: _act(db, do, job, operation, viewer=viewer, now=now))
    except Conflict as refused:
        with database.transaction(the.engine, writes=False) as reading:
            why = _WHY_NOT[refused.code]
            return _jobs_page(reading, address, the=the, viewer=viewer, now=now, refused=why)
    return RedirectResponse(address.but(said=do, job=job if do == "cancel" else None), 303)


def _act(db: DbSession, do: Do, job_id: str, operation_id: str, *, viewer: Viewer, now: datetime) -> None:
    match do:
        case "retry":
            jobs_by_hand.retry_job(db, job_id=job_id, actor=viewer.actor, now=now)
        case "cancel":
            jobs_by_hand.cancel_job(db, job_id=job_id, actor=viewer.actor, now=now)
        case "cancel-operation":
            jobs_by_hand.cancel_operation(db, operation_id=operation_id, actor=viewer.actor, now=now)
        case _:
            assert_never(do)


def _check_sees(viewer: Viewer) -> None:
    if not sees_the_house(viewer.actor):
        raise NotFound


def _address(status: str, kind: str, cursor: str = "") -> Address:
    """Return the address of a list. What is no status or kind that there is filters nothing."""
    query = {"status": status if status in list(JobStatus) else "", "kind": kind if kind in KINDS else ""}
    return Address("/jobs", {name: value for name, value in {**query, "cursor": cursor}.items() if value})


def _can_be_retried(db: DbSession, job_id: str, viewer: Viewer) -> bool:
    """Whether a job was cancelled and can be queued again: where somebody waited for it, nobody does any more."""
    found = jobs.job_by_id(db, job_id, actor=viewer.actor)
    return found.status is JobStatus.CANCELLED and found.operation_id is None


def _jobs_page(
    db: DbSession,
    address: Address,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    refused: str = "",
    said: str = "",
    undo: str = "",
) -> Response:
    zone, query = viewer.person.time_zone, address.query
    is_filtered = "status" in query or "kind" in query
    return page(
        "jobs.html",
        status=409 if refused else 200,
        viewer=viewer.face,
        said=said,
        undo=undo,
        refused=refused,
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        address=address,
        is_filtered=is_filtered,
        sections=_filtered(db, address, the, viewer, now) if is_filtered else _first(db, the, viewer, now),
        operations=[] if is_filtered else _operations(db, the, viewer, now),
        statuses=[("", "Any state"), *((one.value, title) for one, title in _TITLES.items())],
        kinds=[("", "Any work"), *sorted(KINDS.items(), key=lambda one: one[1])],
        may_change=runs_the_house(viewer.actor),
    )


def _first(db: DbSession, the: House, viewer: Viewer, now: datetime) -> Sequence[Section]:
    """Return the beginning of each section: what failed comes first."""
    found = []
    for status, title, nothing in _SECTIONS:
        address, wanted = Address("/jobs", {"status": status.value}), JobFilter(status=(status,))
        request, soonest = request_for(address, the, limit=_FEW), status is JobStatus.QUEUED
        listed = jobs.list_jobs(db, wanted, request, soonest=soonest, actor=viewer.actor)
        found.append(_section(status, title, nothing, listed, viewer, now))
    return found


def _filtered(db: DbSession, address: Address, the: House, viewer: Viewer, now: datetime) -> Sequence[Section]:
    """Return all jobs of a status or kind as one section."""
    query = address.query
    status = JobStatus(query["status"]) if "status" in query else None
    kind = query.get("kind")
    wanted = JobFilter(status=(status,) if status else (), kind=(kind,) if kind else ())
    soonest = status is JobStatus.QUEUED
    listed = jobs.list_jobs(db, wanted, request_for(address, the), soonest=soonest, actor=viewer.actor)
    title = _TITLES[status] if status else KINDS[kind or ""]
    return [_section(status or JobStatus.DONE, title, "No job is like this.", listed, viewer, now)]


def _section(
    status: JobStatus, title: str, nothing: str, listed: PageOf[Any], viewer: Viewer, now: datetime
) -> Section:
    may_change, zone = runs_the_house(viewer.actor), viewer.person.time_zone
    rows = tuple(_row(row, zone, may_change=may_change, now=now) for row in listed.rows)
    return Section(status, title, nothing, rows, listed.next_cursor)


def _row(row: Any, zone: str, *, may_change: bool, now: datetime) -> JobRow:
    is_over = row.status in (JobStatus.DEAD, JobStatus.CANCELLED)
    return JobRow(
        id=row.id,
        title=KINDS.get(row.kind, row.kind),
        about=row.occurrence or row.singleton or row.operation_id or row.id,
        when=_when(row, zone, now=now),
        tries=f"{row.attempts}\u00a0of\u00a0{row.max_attempts}" if row.attempts else "",
        error=row.last_error or "",
        may_retry=may_change and is_over and row.operation_id is None,
        may_cancel=may_change and row.status in (JobStatus.QUEUED, JobStatus.RUNNING),
    )


def _when(row: Any, zone: str, *, now: datetime) -> str:
    changed = brief(row.updated_at, zone, now=now)
    match row.status:
        case JobStatus.QUEUED:
            return f"Due {brief(row.due_at, zone, now=now)}" if row.due_at > now else "Due now"
        case JobStatus.RUNNING:
            return f"Since {changed}"
        case JobStatus.DEAD:
            return f"Given up {changed}"
        case JobStatus.CANCELLED:
            return f"Cancelled {changed}"
        case _:
            return f"Done {changed}"


def _operations(db: DbSession, the: House, viewer: Viewer, now: datetime) -> Sequence[OperationRow]:
    request = request_for(Address("/jobs", {}), the, limit=_FEW)
    found = jobs.list_operations(db, request, status=(), kind=(), actor=viewer.actor)
    may_change = runs_the_house(viewer.actor)
    return [
        OperationRow(
            id=row.id,
            title=KINDS.get(row.kind, row.kind),
            state=_OPERATIONS[row.status],
            status=row.status,
            progress=row.progress,
            error=(row.error or {}).get("detail", ""),
            when=brief(row.updated_at, viewer.person.time_zone, now=now),
            may_cancel=may_change and row.status in (WorkStatus.QUEUED, WorkStatus.RUNNING),
        )
        for row in found.rows
    ]
