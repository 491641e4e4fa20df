"""Looks at what the database holds: claims and seats that add up, work that is done, an audit that nobody changed."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select, text

from app.db import transaction
from app.doctor.findings import Unwell, reading
from app.models.tables import call, claim, event, job, mail_trouble, notice, seat
from app.operations.announcing import PASSED_OVER
from app.queries.audit_chain import check, newest_seals
from app.vocabulary import LIVE_SEATS, JobStatus, NoticeStatus

LONGEST_SILENCE = timedelta(minutes=1)
"""A worker announces events within a second."""
LONGEST_WAIT = timedelta(minutes=5)
"""A worker that runs takes a due job within seconds; a match run may keep it for a few minutes."""
WORKERS_SEEN = timedelta(hours=1)
"""Periodic work sees to it that at least one worker has a job in that time."""
LATELY = timedelta(days=7)
"""For how long what went wrong once is worth telling."""
SEALS_CHECKED = 100
"""Of the newest, a few hours of a busy house: `earshot audit verify` looks at all of them."""
_AUDIT_GUARDS = {
    "audit_seal_facts_stay",
    "audit_seal_purge_stays",
    "audit_seal_stays",
    "event_facts_stay",
    "event_seal_stays",
    "event_stays",
}
_SQLITE_GUARDS = {"audit_seal_is_new", "event_is_new"}


def claims(engine: Engine) -> str:
    """Look for active claims that start before an earlier one of the same person ends: O(n log n)."""
    earlier_end = func.max(claim.c.ends_at).over(
        partition_by=claim.c.person_id, order_by=[claim.c.starts_at, claim.c.id], rows=(None, -1)
    )
    each = select(claim.c.starts_at, earlier_end.label("earlier_end")).where(claim.c.active).subquery()
    with reading(engine) as connection:
        overlapping = connection.execute(
            select(func.count()).select_from(each).where(each.c.starts_at < each.c.earlier_end)
        ).scalar_one()
    if overlapping:
        raise Unwell(f"{overlapping} active claims overlap another one of the same person.")
    return "nobody is in two places at once"


def seats(engine: Engine) -> str:
    """Say that the seats taken of each call are those that it has: O(calls + seats)."""
    live = (
        select(func.count())
        .where(seat.c.call_id == call.c.id, seat.c.status.in_(LIVE_SEATS))
        .correlate(call)
        .scalar_subquery()
    )
    with reading(engine) as connection:
        wrong = connection.execute(select(call.c.id).where(call.c.seats_taken != live).order_by(call.c.id)).scalars()
        calls = list(wrong)
    if calls:
        raise Unwell(f"{len(calls)} calls count other seats than they have, {calls[0]} first.")
    return "every call counts the seats that it has"


def mail_troubles(engine: Engine) -> str:
    """Count the addresses that mail does not reach. That is no fault of the house."""
    with reading(engine) as connection:
        troubles = connection.execute(select(func.count()).select_from(mail_trouble)).scalar_one()
    return f"{troubles}: GET /v1/mail-troubles says why" if troubles else "none"


def mail_lost(engine: Engine, now: datetime) -> str:
    """Count the mails that the relay refused, or that came back. That one address is wrong is no fault of the house."""
    lost = notice.c.status.in_((NoticeStatus.REFUSED, NoticeStatus.BOUNCED)), notice.c.updated_at > now - LATELY
    last = select(notice.c.why).where(*lost).order_by(notice.c.updated_at.desc(), notice.c.id.desc()).limit(1)
    with reading(engine) as connection:
        number = connection.execute(select(func.count()).select_from(notice).where(*lost)).scalar_one()
        why = connection.execute(last).scalar()
    if number:
        return f"{number} in {LATELY.days} days, last: {why}. Mend the address; if it is all mail, look at the relay"
    return "none"


def dead_jobs(engine: Engine) -> str:
    """Look for jobs that were given up."""
    dead = select(job.c.kind, func.count()).where(job.c.status == JobStatus.DEAD)
    with reading(engine) as connection:
        found = connection.execute(dead.group_by(job.c.kind).order_by(job.c.kind)).all()
    if found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found)
        raise Unwell(
            f"Jobs that were given up: {kinds}. GET /v1/jobs?status=dead says why; "
            "once that is mended, POST /v1/jobs/{id}/retry runs one again."
        )
    return "none"


def waiting_jobs(engine: Engine, now: datetime) -> str:
    """Look for jobs that should have run by now."""
    with reading(engine) as connection:
        oldest = connection.execute(
            select(func.min(job.c.due_at)).where(job.c.status == JobStatus.QUEUED, job.c.due_at <= now)
        ).scalar()
    if oldest is None:
        return "none is due"
    if now - oldest > LONGEST_WAIT:
        minutes = (now - oldest) // timedelta(minutes=1)
        raise Unwell(f"The oldest has been due for {minutes} minutes: is a worker running?")
    return f"the oldest has been due for {(now - oldest) // timedelta(seconds=1)} seconds"


def workers(engine: Engine, now: datetime) -> str:
    """Name the workers that had a job lately. None is no fault: `serve` may be all there is."""
    seen = select(job.c.worker).where(job.c.worker.is_not(None), job.c.updated_at > now - WORKERS_SEEN).distinct()
    with reading(engine) as connection:
        workers = list(connection.execute(seen.order_by(job.c.worker)).scalars())
    return f"seen within the hour: {', '.join(workers) or 'none'}"


def events(engine: Engine, now: datetime) -> str:
    """Look for events that nobody was told of."""
    with reading(engine) as connection:
        oldest = connection.execute(select(func.min(event.c.at)).where(text("announced = false"))).scalar()
    if oldest is not None and now - oldest > LONGEST_SILENCE:
        minutes = (now - oldest) // timedelta(minutes=1)
        raise Unwell(f"The oldest that nobody was told of is {minutes} minutes old: is a worker running?")
    return "all announced" if oldest is None else "about to be announced"


def passed_over(engine: Engine, now: datetime) -> str:
    """Look for events that somebody was not told of, because what they are about could not be read."""
    mine = event.c.act == PASSED_OVER, event.c.at > now - LATELY
    with reading(engine) as connection:
        first, number = connection.execute(select(func.min(event.c.object_id), func.count()).where(*mine)).one()
    if number:
        raise Unwell(
            f"{number} in the last {LATELY.days} days, {first} first: what they are about can't be read, and the log "
            "of the worker says why. Once that is mended, POST /v1/webhook-endpoints/{id}/replay tells an endpoint."
        )
    return "none"


def audit(engine: Engine, now: datetime) -> str:
    """Say that the schema itself keeps the audit append-only (migration 0008), and that the newest seals hold."""
    if engine.dialect.name == "sqlite":
        query, guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'", _AUDIT_GUARDS | _SQLITE_GUARDS
    else:
        query, guards = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'O'", _AUDIT_GUARDS
    with reading(engine) as connection:
        missing = guards - set(connection.execute(text(query)).scalars())
    if missing:
        raise Unwell(f"The schema has lost {', '.join(sorted(missing))}: what happened can be changed. Put it back.")
    with transaction(engine, writes=False) as db:
        checked = check(db, since=newest_seals(db, SEALS_CHECKED), now=now)
    if checked.broken:
        raise Unwell(f"{checked.broken} Somebody changed what the audit says: compare with a backup.")
    return f"the newest {SEALS_CHECKED} seals hold, the last is {checked.number}"
