"""Clear away what is of no more use: old answers, finished jobs, and holds, links and sign-ins that are over."""

from datetime import datetime, timedelta

from sqlalchemy import Delete, delete, or_

from app.models.tables import browser_session, hold, idempotency_record, job, sign_in_link
from app.operations import idempotency
from app.queries.access import IDLE_LIFE
from app.vocabulary import JobStatus

JOBS_KEPT = timedelta(days=7)
"""How long jobs that are done or cancelled can be looked at. Dead ones stay: somebody should see to them."""
HOLDS_KEPT = timedelta(days=1)
"""No hold lasts longer than an hour."""
_OVER = (JobStatus.DONE, JobStatus.CANCELLED)


def clearing(*, now: datetime) -> tuple[Delete, ...]:
    """Return what clears up, each to be run in a transaction of its own, so that writers wait for one at most."""
    return (
        delete(idempotency_record).where(idempotency_record.c.created_at < now - idempotency.KEPT),
        delete(job).where(job.c.status.in_(_OVER), job.c.updated_at < now - JOBS_KEPT),
        delete(hold).where(hold.c.created_at < now - HOLDS_KEPT),
        delete(sign_in_link).where(or_(sign_in_link.c.used_at.is_not(None), sign_in_link.c.expires_at <= now)),
        delete(browser_session).where(
            or_(browser_session.c.expires_at <= now, browser_session.c.seen_at <= now - IDLE_LIFE)
        ),
    )
