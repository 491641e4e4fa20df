"""Let people in: one-time sign-in links. Each secret is shown once."""

from datetime import datetime, timedelta

from sqlalchemy import update

from app import credentials, ids
from app.db import DbSession
from app.errors import Gone
from app.models import BrowserSession, SignInLink
from app.models.tables import sign_in_link
from app.operations.browser_sessions import BROWSER_LIFE
from app.operations.events import tell
from app.queries.access import usable_link
from app.rules.access import Actor
from app.vocabulary import Role

LINK_LIFE = timedelta(minutes=15)


class LinkUsed(Gone):
    """The sign-in link was used, has expired, or never was."""

    code = "link_used"
    title = "This sign-in link is used up"


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
