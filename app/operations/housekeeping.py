"""Clear away what is of no more use to anybody: holds and sign-in links that are over, messages that were heard."""

from datetime import datetime, timedelta

from sqlalchemy import Delete, delete, or_

from app.models.tables import dialler_message, hold, sign_in_link

HOLDS_KEPT = timedelta(days=1)
"""No hold lasts longer than an hour."""
MESSAGES_KEPT = timedelta(days=7)
"""Of diallers, by their ids: what is signed is not taken for new so long after."""


def clearing(*, now: datetime) -> tuple[Delete, ...]:
    """Return what clears up, each to be run in a transaction of its own, so that writers wait for one at most. What is
    kept for a while for those who ask goes by `operations/retention.py`.
    """
    return (
        delete(hold).where(hold.c.created_at < now - HOLDS_KEPT),
        delete(dialler_message).where(dialler_message.c.heard_at < now - MESSAGES_KEPT),
        delete(sign_in_link).where(or_(sign_in_link.c.used_at.is_not(None), sign_in_link.c.expires_at <= now)),
    )
