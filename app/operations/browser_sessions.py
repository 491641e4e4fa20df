"""Keep browsers signed in, and end that."""

from datetime import datetime, timedelta

from sqlalchemy import delete, update

from app import credentials
from app.db import DbSession
from app.models.tables import browser_session
from app.queries.access import IDLE_LIFE

BROWSER_LIFE = timedelta(days=7)
NOTED_EVERY = timedelta(minutes=1)
"""How often the use of a browser session is noted: looking at pages should not be writing."""


def note_use(db: DbSession, *, secret: str, now: datetime) -> None:
    """Note that a browser session is in use, unless it is over. It lasts no longer than it would have at most."""
    db.execute(
        update(browser_session)
        .where(
            browser_session.c.digest == credentials.digest(secret),
            browser_session.c.seen_at > now - IDLE_LIFE,
            browser_session.c.seen_at < now,
            browser_session.c.expires_at > now,
        )
        .values(seen_at=now)
    )


def sign_out_everywhere(db: DbSession, *, person_id: str) -> None:
    """End every browser session of somebody who may no longer do what they could when they signed in."""
    db.execute(delete(browser_session).where(browser_session.c.person_id == person_id))


def sign_out(db: DbSession, *, secret: str) -> None:
    """End a browser session. Does nothing when it is over already."""
    db.execute(delete(browser_session).where(browser_session.c.digest == credentials.digest(secret)))
