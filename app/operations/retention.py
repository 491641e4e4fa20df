"""Delete what was kept long enough, a batch at a time, and say what went.

What counts as over and from when is said by `rules/retention.py`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, insert, or_, select, update

from app import ids
from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid
from app.models.tables import (
    browser_session,
    busy,
    calendar_entry,
    calendar_reply,
    call,
    claim,
    delivery,
    delivery_attempt,
    event_detail,
    external_identity,
    file_import,
    file_import_row,
    hand,
    hold,
    idempotency_record,
    job,
    match,
    match_run,
    notice,
    operation,
    participant,
    plan_run,
    plan_seat,
    power_hour,
    power_hour_part,
    proposed_match,
    seat,
    series,
    session,
    waitlist_entry,
)
from app.operations.events import tell
from app.operations.sealing import give_up_seal
from app.operations.settings import amend_house, house_to_change
from app.queries.house_rules import house_rules
from app.rules.access import SYSTEM, Actor, decides_access
from app.rules.retention import faults
from app.vocabulary import DeliveryStatus, JobStatus, NoticeStatus, RunStatus, WorkStatus

BATCH = 500
REPORT = "retention"
"""The kind of operation that says what was deleted."""
_ENDED = (WorkStatus.SUCCEEDED, WorkStatus.FAILED, WorkStatus.CANCELLED)
_RUNS_ENDED = (RunStatus.DRAFT, RunStatus.PUBLISHED, RunStatus.FAILED, RunStatus.CANCELLED)

Purge = Callable[[DbSession, datetime, datetime], int]


class OutOfBounds(Invalid):
    """Something is kept for as long as no house may choose."""

    code = "retention_out_of_bounds"
    title = "That is not how long this may be kept"


def patch_retention(
    db: DbSession, *, days: Mapping[str, int | None], expected_version: int | None, actor: Actor, now: datetime
) -> Any:
    """Choose how long kinds of record are kept, None as they ship, and return the row of the installation. Only who
    decides access may: what is gone is gone. Locks the installation.
    """
    if not decides_access(actor):
        raise Forbidden("Only an admin says how long things are kept.")
    if wrong := tuple(Fault(f"/days/{kind}", code, detail) for kind, code, detail in faults(days)):
        raise OutOfBounds("See `errors` for each kind.", faults=wrong)
    found = house_to_change(db, expected_version)
    chosen = {name: count for name, count in {**found.retention_days, **days}.items() if count is not None}
    return amend_house(db, found, {"retention_days": chosen}, actor=actor, now=now)


def purge(db: DbSession, *, kind: str, before: datetime, now: datetime) -> int:
    """Delete some records of this kind that were over before then, and return how many; 0: none is left."""
    return _PURGES[kind](db, before, now)


def report(db: DbSession, *, deleted: Mapping[str, int], now: datetime) -> None:
    """Say how many of each kind went, if any did: as an operation that ended, and in the audit."""
    gone = {kind: count for kind, count in deleted.items() if count}
    if not gone:
        return
    done: dict[str, Any] = {"id": ids.new("op", now), "kind": REPORT, "status": WorkStatus.SUCCEEDED, "progress": 100}
    db.execute(insert(operation).values(**done, result={"deleted": gone}, created_at=now, updated_at=now))
    found = house_rules(db)
    tell(db, "retention.purged", found.id, version=found.version, actor=SYSTEM, now=now, detail={"deleted": gone})


def _being_undone() -> Select[tuple[str]]:
    at_work = operation.c.status.not_in(_ENDED)
    return select(file_import.c.id).join(operation, operation.c.id == file_import.c.operation_id).where(at_work)


def _rows(table: Table, *conditions: Callable[[datetime], ColumnElement[bool]]) -> Purge:
    """Return what deletes rows of one table that nothing refers to."""
    keys = list(table.primary_key.columns)

    def some(db: DbSession, before: datetime, _now: datetime) -> int:
        over = select(*keys).where(*(condition(before) for condition in conditions)).limit(BATCH)
        # Locked: what somebody makes live again at this moment is passed over.
        found = db.execute(over.with_for_update(skip_locked=True)).all()
        for values in _by_leading_key(found):
            same = [column == value for column, value in zip(keys[:-1], values[:-1], strict=True)]
            db.execute(delete(table).where(*same, keys[-1].in_(values[-1])))
        return len(found)

    return some


def _by_leading_key(rows: Any) -> list[tuple[Any, ...]]:
    """Return keys that differ in their last column as one, with all of those: one statement deletes them."""
    together: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        together.setdefault(tuple(row[:-1]), []).append(row[-1])
    return [(*leading, last) for leading, last in together.items()]


def _deliveries(db: DbSession, before: datetime, _now: datetime) -> int:
    over = (
        delivery.c.id < ids.earliest("dlv", before),  # its key tells when it was made: nothing younger is looked at
        delivery.c.status != DeliveryStatus.WAITING,
        delivery.c.updated_at < before,
    )
    query = select(delivery.c.id).where(*over).limit(BATCH).with_for_update(skip_locked=True)
    gone = list(db.execute(query).scalars())
    if gone:
        db.execute(delete(delivery_attempt).where(delivery_attempt.c.delivery_id.in_(gone)))
        db.execute(delete(delivery).where(delivery.c.id.in_(gone)))
    return len(gone)


def _calls(db: DbSession, before: datetime, _now: datetime) -> int:
    over = call.c.starts_at < before, call.c.ends_at < before  # the first is in an index
    gone = list(db.execute(select(call.c.id).where(*over).order_by(call.c.starts_at).limit(BATCH // 10)).scalars())
    if not gone:
        return 0
    of_calls = select(session.c.id).where(session.c.call_id.in_(gone))
    meetings = select(session.c.id).where(or_(session.c.call_id.in_(gone), session.c.follows_id.in_(of_calls)))
    for table in (plan_seat, waitlist_entry, hand, seat):
        db.execute(delete(table).where(table.c.call_id.in_(gone)))
    db.execute(delete(calendar_entry).where(calendar_entry.c.call_id.in_(gone)))
    _delete_sessions(db, list(db.execute(meetings.order_by(session.c.follows_id.is_(None))).scalars()))
    db.execute(delete(external_identity).where(external_identity.c.object_id.in_(gone)))
    db.execute(delete(call).where(call.c.id.in_(gone)))
    return len(gone)


def _sessions(db: DbSession, before: datetime, _now: datetime) -> int:
    goes_on = select(session.c.series_id).where(session.c.series_id.is_not(None), session.c.ends_at >= before)
    over = select(session.c.id).where(
        session.c.call_id.is_(None),
        session.c.follows_id.is_(None),
        session.c.starts_at < before,  # in an index
        session.c.ends_at < before,
        or_(session.c.series_id.is_(None), session.c.series_id.not_in(goes_on)),
    )
    gone = list(db.execute(over.order_by(session.c.starts_at).limit(BATCH)).scalars())
    _delete_sessions(db, gone)
    empty = series.c.created_at < before, series.c.id.not_in(_series_in_use())
    finished = list(db.execute(select(series.c.id).where(*empty)).scalars())
    db.execute(delete(calendar_entry).where(calendar_entry.c.series_id.in_(finished)))
    db.execute(delete(series).where(series.c.id.in_(finished)))
    db.execute(delete(calendar_reply).where(calendar_reply.c.received_at < before))
    of_hours = calendar_entry.c.power_hour_id.is_not(None), calendar_entry.c.ends_at < before
    db.execute(delete(calendar_entry).where(*of_hours))
    hours = select(power_hour.c.id).where(power_hour.c.ends_at < before)
    db.execute(delete(power_hour_part).where(power_hour_part.c.power_hour_id.in_(hours)))
    db.execute(delete(power_hour).where(power_hour.c.ends_at < before))
    return len(gone)


def _series_in_use() -> Select[tuple[str]]:
    return select(session.c.series_id).where(session.c.series_id.is_not(None))


def _delete_sessions(db: DbSession, session_ids: list[str]) -> None:
    """Delete sessions whose seats are gone, debriefs before what they follow."""
    for table in (calendar_entry, claim, hold, participant):
        db.execute(delete(table).where(table.c.session_id.in_(session_ids)))
    db.execute(delete(session).where(session.c.id.in_(session_ids), session.c.follows_id.is_not(None)))
    db.execute(delete(session).where(session.c.id.in_(session_ids)))


def _match_runs(db: DbSession, before: datetime, _now: datetime) -> int:
    of_it = select(match.c.id).where(match.c.run_id == match_run.c.id)
    gone = _runs_over(db, match_run, before, in_use=of_it)
    db.execute(delete(proposed_match).where(proposed_match.c.run_id.in_(gone)))
    db.execute(delete(match_run).where(match_run.c.id.in_(gone)))
    return len(gone)


def _plan_runs(db: DbSession, before: datetime, _now: datetime) -> int:
    of_it = select(plan_seat.c.id).where(plan_seat.c.run_id == plan_run.c.id, plan_seat.c.seat_id.is_not(None))
    gone = _runs_over(db, plan_run, before, in_use=of_it)
    db.execute(delete(plan_seat).where(plan_seat.c.run_id.in_(gone)))
    db.execute(update(plan_run).where(plan_run.c.replans_id.in_(gone)).values(replans_id=None))
    db.execute(delete(plan_run).where(plan_run.c.id.in_(gone)))
    return len(gone)


def _runs_over(db: DbSession, table: Table, before: datetime, *, in_use: Select[tuple[str]]) -> list[str]:
    """Lock and return runs that nobody works at and of which nothing stands. What is being published is passed over."""
    over = table.c.status.in_(_RUNS_ENDED), table.c.updated_at < before, ~in_use.exists()
    query = select(table.c.id).where(*over).order_by(table.c.id).limit(BATCH // 10)
    return list(db.execute(query.with_for_update(skip_locked=True)).scalars())


def _operations(db: DbSession, before: datetime, _now: datetime) -> int:
    used = (
        select(table.c.operation_id).where(table.c.operation_id == operation.c.id)
        for table in (job, match_run, plan_run, file_import)
    )
    over = operation.c.status.in_(_ENDED), operation.c.updated_at < before, *(~one.exists() for one in used)
    gone = list(db.execute(select(operation.c.id).where(*over).limit(BATCH)).scalars())
    db.execute(delete(operation).where(operation.c.id.in_(gone)))
    return len(gone)


def _imports(db: DbSession, before: datetime, _now: datetime) -> int:
    over = file_import.c.id < ids.earliest("imp", before), file_import.c.updated_at < before
    has_rows = select(file_import_row.c.import_id).where(file_import_row.c.import_id == file_import.c.id).exists()
    gone = list(db.execute(select(file_import.c.id).where(*over, ~has_rows).limit(BATCH)).scalars())
    db.execute(delete(file_import).where(file_import.c.id.in_(gone)))
    return len(gone)


def _events(db: DbSession, before: datetime, now: datetime) -> int:
    return give_up_seal(db, before=before, now=now)


_PURGES: Mapping[str, Purge] = {
    "idempotency": _rows(idempotency_record, lambda before: idempotency_record.c.created_at < before),
    "jobs": _rows(
        job,
        lambda _before: job.c.status.in_((JobStatus.DONE, JobStatus.CANCELLED)),
        lambda before: job.c.updated_at < before,
    ),
    "deliveries": _deliveries,
    "notices": _rows(
        notice,
        lambda before: notice.c.id < ids.earliest("ntc", before),
        lambda _before: notice.c.status != NoticeStatus.WAITING,
        lambda before: notice.c.updated_at < before,
    ),
    "import_rows": _rows(
        file_import_row,
        lambda before: file_import_row.c.import_id < ids.earliest("imp", before),
        lambda _before: file_import_row.c.import_id.not_in(_being_undone()),
    ),
    "imports": _imports,
    # Kept for a day at least, so one that was not used for so long is over.
    "browser_sessions": _rows(browser_session, lambda before: browser_session.c.seen_at < before),
    "busy": _rows(busy, lambda before: busy.c.ends_at < before),
    "match_runs": _match_runs,
    "plan_runs": _plan_runs,
    "operations": _operations,
    "event_details": _rows(event_detail, lambda before: event_detail.c.event_id < ids.earliest("evt", before)),
    "calls": _calls,
    "sessions": _sessions,
    "events": _events,
}
