"""Read where somebody is signed in, and by which identities they can sign in."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import browser_session, sign_in_identity
from app.queries.access import session_works
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.rules.access import Actor, decides_access

_TOLD = ("id", "device", "address", "signed_in_by", "created_at", "seen_at", "expires_at")
_SHOWN = [browser_session.c[name] for name in _TOLD]


def list_sessions(
    db: DbSession, page: PageRequest, *, person_id: str | None, actor: Actor, now: datetime
) -> PageOf[Any]:
    """Return a page of the browser sessions of somebody that are not over, newest first. Raises NotFound unless they
    are the actor's own, or the actor decides who gets in. A key of nobody has none.
    """
    if person_id is not None and not decides_access(actor) and (actor.person_id != person_id or actor.behind):
        raise NotFound
    order = Order(browser_session.c.created_at, browser_session.c.id, descending=True)
    return fetch(db, _alive(person_id, now=now), page, order)


def sessions_in_use(db: DbSession, person_id: str, *, now: datetime) -> list[Any]:
    """Return where somebody is signed in, the one that was used last first."""
    return list(db.execute(_alive(person_id, now=now).order_by(browser_session.c.seen_at.desc(), browser_session.c.id)))


def identity_at(db: DbSession, issuer: str, *, person_id: str) -> datetime | None:
    """Return since when somebody can sign in at this provider; None when they can't."""
    mine = sign_in_identity.c.issuer == issuer, sign_in_identity.c.person_id == person_id
    linked = select(sign_in_identity.c.linked_at).where(*mine).order_by(sign_in_identity.c.linked_at).limit(1)
    return db.execute(linked).scalar()


def _alive(person_id: str | None, *, now: datetime) -> Select[Any]:
    return select(*_SHOWN).where(browser_session.c.person_id == person_id, session_works(now=now))
