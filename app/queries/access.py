"""Look up who a credential belongs to."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, literal, or_, select

from app import credentials
from app.db import DbSession
from app.errors import Forbidden
from app.models.tables import browser_session, person, program_manager, sign_in_link
from app.rules.access import Actor, acts, leads, manages_programs, may_stand_in, may_stand_in_for
from app.vocabulary import PersonStatus, Role


class CannotActFor(Forbidden):
    """This credential acts on nobody's behalf, or not on that of this person."""

    code = "cannot_act_for"
    title = "This credential may not act on behalf of that person"
    noted = True


class OnlyReads(Forbidden):
    """An auditor asks to change something."""

    code = "only_reads"
    title = "An auditor looks at everything and changes nothing"


IDLE_LIFE = timedelta(hours=8)
"""A browser session unused for so long is over. Use is noted once a minute, so it may end that earlier."""


def _works(now: Any, used_since: Any) -> ColumnElement[bool]:
    return and_(
        browser_session.c.ended_at.is_(None),
        browser_session.c.expires_at > now,
        browser_session.c.seen_at > used_since,
    )


_NOW, _USED_SINCE = (bindparam(name, type_=browser_session.c.seen_at.type) for name in ("now", "used_since"))
# What each request of a browser asks for is built once: SQLAlchemy takes longer to build a statement than to run it.
_IN_USE = (
    select(
        browser_session.c.id,
        browser_session.c.person_id,
        browser_session.c.acts_for_id,
        browser_session.c.seen_at,
        person.c.role,
    )
    .join(person, person.c.id == browser_session.c.person_id)
    .where(
        browser_session.c.digest == bindparam("digest"), _works(_NOW, _USED_SINCE), person.c.status != PersonStatus.LEFT
    )
)
_PERSON = select(person).where(person.c.id == bindparam("person_id"))


def session_works(*, now: datetime) -> ColumnElement[bool]:
    """Return the condition for the browser sessions that are not over: not ended, too old, or unused for too long."""
    return _works(now, now - IDLE_LIFE)


def check_acts(actor: Actor) -> None:
    """Raise OnlyReads for who sees what they ask to change, and changes nothing: that it is not there would be no news
    to them.
    """
    if not acts(actor):
        raise OnlyReads("An admin does it, or gives you another role.")


def browser_in_use(db: DbSession, secret: str, *, now: datetime) -> tuple[Actor, datetime] | None:
    """Return the actor behind a browser's session cookie, and when its use was last noted; None when it is unknown,
    over, unused for too long, or its person has left.
    """
    found = db.execute(
        _IN_USE, {"digest": credentials.digest(secret), "now": now, "used_since": now - IDLE_LIFE}
    ).first()
    if found is None:
        return None
    actor = actor_of(db, credential_id=found.id, role=found.role, person_id=found.person_id)
    if found.acts_for_id is not None:
        with suppress(CannotActFor):  # that one has left, say: the browser is its own person's again
            actor = acting_for(db, actor, found.acts_for_id)
    return actor, found.seen_at


def person_behind(db: DbSession, actor: Actor) -> Any:
    """Return the row of who asks, None for nobody in person. One statement."""
    return None if actor.person_id is None else db.execute(_PERSON, {"person_id": actor.person_id}).first()


def ended_session(db: DbSession, secret: str) -> str | None:
    """Return the id of the browser session with this secret when somebody ended it; None for any other."""
    mine = browser_session.c.digest == credentials.digest(secret), browser_session.c.ended_at.is_not(None)
    return db.execute(select(browser_session.c.id).where(*mine)).scalar()


def actor_of(
    db: DbSession,
    *,
    credential_id: str,
    role: Role,
    person_id: str | None,
    scopes: frozenset[str] | None = None,
    behind: str | None = None,
) -> Actor:
    """Return who asks, with those who report to them when they lead, and the programs that they run when they do: one
    statement more.
    """
    reports = programs = frozenset[str]()
    if person_id is not None and leads(role):
        led = _below(person_id)
        if manages_programs(role):
            managed = select(literal("program"), program_manager.c.program_id)
            led = led.union_all(managed.where(program_manager.c.person_id == person_id))
        found = db.execute(led).all()
        reports = frozenset(one for kind, one in found if kind == "person") - {person_id}
        programs = frozenset(one for kind, one in found if kind == "program")
    return Actor(credential_id, role, person_id, scopes, reports, programs, behind)


def acting_for(db: DbSession, actor: Actor, person_id: str) -> Actor:
    """Return the actor as this person, with no more than that person may do and no more than their own scopes let them.
    Refused as `cannot_act_for`, whoever is meant: somebody absent, left, admin or auditor is no different.
    """
    found = db.execute(select(person.c.role, person.c.status).where(person.c.id == person_id)).first()
    if (
        not may_stand_in(actor)
        or found is None
        or found.status is PersonStatus.LEFT
        or not may_stand_in_for(found.role)
        or person_id == actor.person_id
    ):
        raise CannotActFor("Admins act on behalf of reps and managers who are here.", by=actor.credential_id)
    return actor_of(
        db,
        credential_id=actor.credential_id,
        role=found.role,
        person_id=person_id,
        scopes=actor.scopes,
        behind=actor.name,
    )


def _below(person_id: str) -> Any:
    """Return the query of everybody below somebody in the manager tree, in which a circle ends."""
    below = select(person.c.id).where(person.c.manager_id == person_id).cte("below", recursive=True)
    below = below.union(select(person.c.id).where(person.c.manager_id == below.c.id))
    return select(literal("person"), below.c.id)


def usable_link(secret: str, *, now: datetime) -> ColumnElement[bool]:
    """Return the condition for the sign-in link with this secret, while it can be used in some browser."""
    return and_(
        sign_in_link.c.digest == credentials.digest(secret),
        sign_in_link.c.used_at.is_(None),
        sign_in_link.c.expires_at > now,
        sign_in_link.c.person_id.in_(select(person.c.id).where(person.c.status != PersonStatus.LEFT)),
    )


def opened_by(asked: str | None) -> ColumnElement[bool]:
    """Return the condition for the sign-in links that a browser may use, which keeps this secret since it asked: those
    that it asked for, and those that nobody's did.
    """
    anybodys = sign_in_link.c.browser_digest.is_(None)
    return or_(anybodys, sign_in_link.c.browser_digest == credentials.digest(asked)) if asked else anybodys


def link_to_use(db: DbSession, secret: str, *, asked: str | None, now: datetime) -> Any:
    """Return whom a sign-in link would sign in, as `name`, and whether in this browser, as `is_here`; None when it
    can't be used, or not any more.
    """
    query = select(person.c.name, opened_by(asked).label("is_here"))
    query = query.join(sign_in_link, sign_in_link.c.person_id == person.c.id)
    return db.execute(query.where(usable_link(secret, now=now))).first()
