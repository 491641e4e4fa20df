"""Clear away what is of no more use to anybody: holds and sign-in links that are over."""

from datetime import datetime, timedelta

from sqlalchemy import Delete, delete, or_

from app.models.tables import hold, sign_in_link

HOLDS_KEPT = timedelta(days=1)
"""No hold lasts longer than an hour."""


def clearing(*, now: datetime) -> tuple[Delete, ...]:
    """Return what clears up, each to be run in a transaction of its own, so that writers wait for one at most. What is
    kept for a while for those who ask goes by `operations/retention.py`.
    """
    return (
        delete(hold).where(hold.c.created_at < now - HOLDS_KEPT),
        delete(sign_in_link).where(or_(sign_in_link.c.used_at.is_not(None), sign_in_link.c.expires_at <= now)),
    )
