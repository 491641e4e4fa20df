"""Keep browsers signed in, end that, and let admins act on somebody's behalf with theirs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, update

from app import credentials, ids
from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.models import BrowserSession
from app.models.tables import browser_session, sign_in_link
from app.operations.events import tell, tell_many
from app.queries.access import acting_for, session_works
from app.rules.access import Actor, decides_access
from app.vocabulary import Role, SignedInBy

BROWSER_LIFE = timedelta(days=7)
NOTED_EVERY = timedelta(minutes=1)
"""How often the use of a browser session is noted: looking at pages should not be writing."""


class OnBehalf(Forbidden):
    """Somebody acts on behalf of whom this is about, and only that person decides about it."""

    code = "on_behalf"
    title = "Nobody does this on somebody else's behalf"


@dataclass(frozen=True, slots=True)
class Browser:
    """What we see of a browser that asks to be let in."""

    device: str = ""
    """Browser and system, in words."""
    address: str = ""
    """From where it asks."""
    old_session: str | None = None
    """The secret of the session that it had."""


def start_session(db: DbSession, *, person_id: str, by: SignedInBy, browser: Browser, now: datetime) -> str:
    """Sign somebody in and return the secret of the new session; the one that this browser had is over."""
    if browser.old_session:
        sign_out(db, secret=browser.old_session, now=now)
    secret = ids.secret()
    made = BrowserSession(
        id=ids.new("web", now),
        person_id=person_id,
        digest=credentials.digest(secret),
        signed_in_by=by,
        device=browser.device,
        address=browser.address,
        created_at=now,
        seen_at=now,
        expires_at=now + BROWSER_LIFE,
    )
    db.add(made)
    db.flush()
    tell(db, "person.signed_in", person_id, version=1, actor=Actor(made.id, Role.REP, person_id), now=now)
    return secret


def note_use(db: DbSession, *, secret: str, now: datetime) -> None:
    """Note that a browser session is in use, unless it is over. It lasts no longer than it would have at most."""
    db.execute(
        update(browser_session)
        .where(
            browser_session.c.digest == credentials.digest(secret),
            session_works(now=now),
            browser_session.c.seen_at < now,
        )
        .values(seen_at=now)
    )


def sign_out(db: DbSession, *, secret: str, now: datetime) -> None:
    """End a browser session. Does nothing when it is over already."""
    mine = browser_session.c.digest == credentials.digest(secret)
    found = db.execute(browser_session.select().where(mine)).first()
    if found is not None:
        _end(db, mine, actor=Actor(found.id, Role.REP, found.person_id), now=now)


def end_session(db: DbSession, *, session_id: str, actor: Actor, now: datetime) -> None:
    """End one browser session of the actor's own. Raises NotFound when it is over, or somebody else's."""
    check_own(actor)
    mine = browser_session.c.id == session_id, browser_session.c.person_id == actor.person_id
    if not _end(db, *mine, actor=actor, now=now):
        raise NotFound


def sign_out_elsewhere(db: DbSession, *, actor: Actor, now: datetime) -> int:
    """End every browser session of the actor but the one that asks, if a browser does; return how many that were."""
    check_own(actor)
    others = browser_session.c.person_id == actor.person_id, browser_session.c.id != actor.credential_id
    return _end(db, *others, actor=actor, now=now)


def sign_out_everywhere(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """End every browser session of somebody who may no longer do what they could when they signed in."""
    _end(db, browser_session.c.person_id == person_id, actor=actor, now=now)


def end_links(db: DbSession, *, person_id: str, now: datetime) -> None:
    """End the sign-in links that somebody has not used yet."""
    unused = sign_in_link.c.person_id == person_id, sign_in_link.c.used_at.is_(None), sign_in_link.c.expires_at > now
    db.execute(update(sign_in_link).where(*unused).values(expires_at=now))


def sign_out_person(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """End every browser session of somebody, as an admin. Raises NotFound for everybody else."""
    if not decides_access(actor):
        raise NotFound
    sign_out_everywhere(db, person_id=person_id, actor=actor, now=now)


def act_for(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """Let what this browser does be done on behalf of somebody, until they stop or sign out. Refused as
    `cannot_act_for`. Acts on behalf say who really did them.
    """
    acting_for(db, actor, person_id)
    db.execute(update(browser_session).where(browser_session.c.id == actor.credential_id).values(acts_for_id=person_id))
    tell(db, "person.acting_begun", person_id, version=1, actor=actor, now=now)


def stop_acting(db: DbSession, *, actor: Actor, now: datetime) -> None:
    """Let this browser act for its own person again. Safe to repeat."""
    if actor.behind is None or actor.person_id is None:
        return
    db.execute(update(browser_session).where(browser_session.c.id == actor.credential_id).values(acts_for_id=None))
    tell(db, "person.acting_ended", actor.person_id, version=1, actor=actor, now=now)


def check_own(actor: Actor) -> None:
    """Raise OnBehalf for who acts as somebody else: how one signs in is nobody else's business."""
    if actor.behind is not None:
        raise OnBehalf("Stop acting on their behalf first.")


def _end(db: DbSession, *which: ColumnElement[bool], actor: Actor, now: datetime) -> int:
    """End those that are not over and tell it; return how many. They stay for a while: the audit says from where."""
    alive = browser_session.c.ended_at.is_(None), browser_session.c.expires_at > now
    ended = update(browser_session).where(*which, *alive).values(ended_at=now, acts_for_id=None)
    over = [(session_id, 1) for session_id in db.execute(ended.returning(browser_session.c.id)).scalars()]
    tell_many(db, "browser_session.ended", sorted(over), actor=actor, now=now)
    return len(over)
