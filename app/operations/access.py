"""Hand out credentials: API keys, one-time sign-in links and browser sessions. Each secret is shown once."""

from datetime import datetime, timedelta

from sqlalchemy import delete, update

from app import credentials, ids
from app.db import DbSession
from app.errors import Gone
from app.models import ApiKey, BrowserSession, SignInLink
from app.models.tables import browser_session, sign_in_link
from app.operations.events import tell
from app.queries.access import IDLE_LIFE, usable_link
from app.rules.access import Actor
from app.vocabulary import Role

LINK_LIFE = timedelta(minutes=15)
BROWSER_LIFE = timedelta(days=7)
NOTED_EVERY = timedelta(minutes=1)
"""How often the use of a browser session is noted: looking at pages should not be writing."""


class LinkUsed(Gone):
    """The sign-in link was used, has expired, or never was."""

    code = "link_used"
    title = "This sign-in link is used up"


def create_api_key(db: DbSession, *, name: str, role: Role, person_id: str | None, actor: Actor, now: datetime) -> str:
    """Make a key and return it; this is the only time that it can be seen."""
    key_id = ids.new("key", now)
    shown, digest = credentials.new_api_key(key_id)
    db.add(ApiKey(id=key_id, name=name, role=role, person_id=person_id, digest=digest, created_at=now))
    db.flush()
    tell(db, "api_key.created", key_id, version=1, actor=actor, now=now)
    return shown


def create_sign_in_link(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> str:
    """Make a link that signs this person in once within 15 minutes, and return its secret."""
    secret = ids.secret()
    link = SignInLink(
        id=ids.new("lnk", now),
        person_id=person_id,
        digest=credentials.digest(secret),
        created_at=now,
        expires_at=now + LINK_LIFE,
    )
    db.add(link)
    db.flush()
    tell(db, "sign_in_link.created", link.id, version=1, actor=actor, now=now)
    return secret


def redeem_sign_in_link(db: DbSession, *, secret: str, now: datetime) -> str:
    """Use up a link and return the secret of a new browser session. Refused as `link_used`; of two rivals one wins."""
    used = db.execute(
        update(sign_in_link).where(usable_link(secret, now=now)).values(used_at=now).returning(sign_in_link.c.person_id)
    ).first()
    if used is None:
        raise LinkUsed("Ask for a new one: `earshot login-link EMAIL`.")
    shown = ids.secret()
    session = BrowserSession(
        id=ids.new("web", now),
        person_id=used.person_id,
        digest=credentials.digest(shown),
        created_at=now,
        seen_at=now,
        expires_at=now + BROWSER_LIFE,
    )
    db.add(session)
    db.flush()
    actor = Actor(credential_id=session.id, role=Role.REP, person_id=used.person_id)
    tell(db, "person.signed_in", used.person_id, version=1, actor=actor, now=now)
    return shown


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
