"""Look up who a credential belongs to."""

from datetime import datetime, timedelta

from sqlalchemy import select

from app import credentials
from app.db import DbSession
from app.models.tables import api_key, browser_session, person
from app.rules.access import Actor
from app.vocabulary import PersonStatus

IDLE_LIFE = timedelta(hours=8)
"""A browser session unused for so long is over. Use is noted once a minute, so it may end that earlier."""


def actor_for_key(db: DbSession, presented: credentials.PresentedKey, *, now: datetime) -> Actor | None:
    """Return the actor behind an API key; None when it is unknown, wrong, expired, revoked, or its person has left."""
    found = db.execute(
        select(
            api_key.c.digest,
            api_key.c.role,
            api_key.c.person_id,
            api_key.c.expires_at,
            api_key.c.revoked_at,
            person.c.status,
        )
        .outerjoin(person, person.c.id == api_key.c.person_id)
        .where(api_key.c.id == presented.key_id)
    ).first()
    if found is None or not credentials.same(found.digest, presented.digest):
        return None
    if found.revoked_at or (found.expires_at and found.expires_at <= now) or found.status is PersonStatus.LEFT:
        return None
    return Actor(credential_id=presented.key_id, role=found.role, person_id=found.person_id)


def actor_for_browser(db: DbSession, secret: str, *, now: datetime) -> Actor | None:
    """Return the actor behind a browser's session cookie; None when it is unknown, over, unused for too long, or its
    person has left.
    """
    found = db.execute(
        select(
            browser_session.c.id,
            browser_session.c.person_id,
            browser_session.c.expires_at,
            browser_session.c.seen_at,
            person.c.role,
            person.c.status,
        )
        .join(person, person.c.id == browser_session.c.person_id)
        .where(browser_session.c.digest == credentials.digest(secret))
    ).first()
    if found is None or found.expires_at <= now or found.seen_at <= now - IDLE_LIFE:
        return None
    if found.status is PersonStatus.LEFT:
        return None
    return Actor(credential_id=found.id, role=found.role, person_id=found.person_id)


def browser_seen_at(db: DbSession, secret: str, *, now: datetime) -> datetime | None:
    """Return when a browser session was last noted to be in use; None when there is none, or it is over."""
    lasts = browser_session.c.expires_at > now, browser_session.c.seen_at > now - IDLE_LIFE
    query = select(browser_session.c.seen_at).where(browser_session.c.digest == credentials.digest(secret), *lasts)
    found: datetime | None = db.execute(query).scalar()
    return found
