"""Clear away what is of no more use: old answers, finished jobs, webhooks and notices, and holds, links and sign-ins
that are over.
"""

from datetime import datetime, timedelta

from sqlalchemy import Delete, delete, or_, select

from app import ids
from app.models.tables import (
    browser_session,
    delivery,
    delivery_attempt,
    hold,
    idempotency_record,
    job,
    notice,
    sign_in_link,
)
from app.operations import idempotency
from app.queries.access import IDLE_LIFE
from app.vocabulary import DeliveryStatus, JobStatus, NoticeStatus

JOBS_KEPT = timedelta(days=7)
"""How long jobs that are done or cancelled can be looked at. Dead ones stay: somebody should see to them."""
HOLDS_KEPT = timedelta(days=1)
"""No hold lasts longer than an hour."""
DELIVERIES_KEPT = timedelta(days=30)
"""How long one can see what was sent to an endpoint, or given up, and how that went. What waits stays."""
NOTICES_KEPT = timedelta(days=90)
_OVER = (JobStatus.DONE, JobStatus.CANCELLED)


def clearing(*, now: datetime) -> tuple[Delete, ...]:
    """Return what clears up, each to be run in this order and in a transaction of its own, so that writers wait for one
    at most.
    """
    # These are many and large. Their keys tell when they were made, so nothing younger is looked at.
    sent_before, told_before = now - DELIVERIES_KEPT, now - NOTICES_KEPT
    sent = (
        delivery.c.id < ids.earliest("dlv", sent_before),
        delivery.c.status != DeliveryStatus.WAITING,
        delivery.c.updated_at < sent_before,
    )
    return (
        delete(idempotency_record).where(idempotency_record.c.created_at < now - idempotency.KEPT),
        delete(job).where(job.c.status.in_(_OVER), job.c.updated_at < now - JOBS_KEPT),
        delete(hold).where(hold.c.created_at < now - HOLDS_KEPT),
        delete(sign_in_link).where(or_(sign_in_link.c.used_at.is_not(None), sign_in_link.c.expires_at <= now)),
        delete(browser_session).where(
            or_(browser_session.c.expires_at <= now, browser_session.c.seen_at <= now - IDLE_LIFE)
        ),
        delete(delivery_attempt).where(delivery_attempt.c.delivery_id.in_(select(delivery.c.id).where(*sent))),
        # One that somebody sends again between these two waits, or is younger.
        delete(delivery).where(*sent),
        delete(notice).where(
            notice.c.id < ids.earliest("ntc", told_before),
            notice.c.status != NoticeStatus.WAITING,
            notice.c.updated_at < told_before,
        ),
    )
