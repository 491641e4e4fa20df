"""Look up API keys: whose the presented one is, and who may know of which."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, false, or_, select, true

from app import credentials
from app.db import DbSession
from app.errors import Unauthenticated
from app.models.tables import api_key, person
from app.queries.access import actor_of
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.rules.access import Actor, sees_the_house
from app.vocabulary import PersonStatus, Role


class KeyOver(Unauthenticated):
    """The key was right once: it has expired, was revoked or rotated, or its person has left. Answered like any other
    that is not right.
    """

    noted = True


class KeyMadeUp(Unauthenticated):
    """The key has a checksum that no slip of the hand meets, and is none of ours. Answered like any other."""

    noted = True


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """Who asks with a key, and how often they may; None: as often as the house lets any key."""

    actor: Actor
    requests_per_minute: int | None


_SHOWN = select(
    api_key.c.digest,
    api_key.c.previous_digest,
    api_key.c.previous_until,
    api_key.c.role,
    api_key.c.person_id,
    api_key.c.scopes,
    api_key.c.requests_per_minute,
    api_key.c.expires_at,
    api_key.c.revoked_at,
    person.c.status,
    person.c.role.label("person_role"),
).outerjoin(person, person.c.id == api_key.c.person_id)


def key_in_use(db: DbSession, presented: credentials.PresentedKey, *, now: datetime) -> KeyInUse:
    """Return who asks with this key. Raises KeyMadeUp when it never was right, and KeyOver when it was once."""
    found = db.execute(_SHOWN.where(api_key.c.id == presented.key_id)).first()
    if found is None:
        raise KeyMadeUp
    current = credentials.same(found.digest, presented.digest)
    before = credentials.same(found.previous_digest or "", presented.digest)
    if not current and not before:
        raise KeyMadeUp
    if not (current or _overlaps(found, now)) or _over(found, now):
        raise KeyOver(by=presented.key_id)
    # A rep's key stays one, whoever it belongs to; any other with a person does what that person's role may now.
    role = found.role if found.role is Role.REP or found.person_id is None else found.person_role
    scopes = None if found.scopes is None else frozenset(found.scopes)
    actor = actor_of(db, credential_id=presented.key_id, role=role, person_id=found.person_id, scopes=scopes)
    return KeyInUse(actor, found.requests_per_minute)


def _overlaps(found: Row[Any], now: datetime) -> bool:
    return found.previous_until is not None and found.previous_until > now


def _over(found: Row[Any], now: datetime) -> bool:
    expired = found.expires_at is not None and found.expires_at <= now
    return expired or found.revoked_at is not None or found.status is PersonStatus.LEFT


_NAMED = select(api_key, person.c.name.label("person_name"), person.c.status.label("person_status")).outerjoin(
    person, person.c.id == api_key.c.person_id
)


@dataclass(frozen=True, slots=True)
class KeyListed:
    """A key as an operator looks at it."""

    id: str
    name: str
    email: str | None
    """Of who it acts as."""
    role: Role
    scopes: list[str] | None
    last_used_at: datetime | None
    expires_at: datetime | None


def keys_listed(db: DbSession, *, now: datetime) -> list[KeyListed]:
    """Return every key that works, the oldest first. One statement."""
    columns = api_key.c.id, api_key.c.name, person.c.email, api_key.c.role, api_key.c.scopes
    query = select(*columns, api_key.c.last_used_at, api_key.c.expires_at)
    query = query.outerjoin(person, person.c.id == api_key.c.person_id).where(*_works(now))
    return [KeyListed(*row) for row in db.execute(query.order_by(api_key.c.created_at, api_key.c.id))]


def _works(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the keys that let anybody in, of a query that knows the people behind them."""
    return (
        api_key.c.revoked_at.is_(None),
        or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > now),
        or_(person.c.status.is_(None), person.c.status != PersonStatus.LEFT),
    )


def visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the keys this actor may know of: their own, or all."""
    if sees_the_house(actor):
        return true()
    return false() if actor.person_id is None else api_key.c.person_id == actor.person_id


def key_by_id(db: DbSession, key_id: str, *, actor: Actor) -> Any:
    """Return one key's row. Raises NotFound when absent or not for this actor."""
    return first_row(db, select(api_key).where(api_key.c.id == key_id, visible(actor)))


def key_with_name(db: DbSession, key_id: str, *, actor: Actor) -> Any:
    """Return one key's row, with name and status of whom it acts as. Raises NotFound as `key_by_id` does."""
    return first_row(db, _NAMED.where(api_key.c.id == key_id, visible(actor)))


def key_for_update(db: DbSession, key_id: str, *, actor: Actor) -> Any:
    """Return one key's row, locked. Raises NotFound when absent or not for this actor."""
    query = select(api_key).where(api_key.c.id == key_id, visible(actor))
    return first_row(db, query.with_for_update(key_share=True))


def list_keys(
    db: DbSession, page: PageRequest, *, person_id: str | None = None, working_at: datetime | None = None, actor: Actor
) -> PageOf[Any]:
    """Return a page of the keys that the actor may know of, with whom each acts as, oldest first; of those that work
    then, if an instant is given. One statement.
    """
    query = _NAMED.where(visible(actor))
    if person_id is not None:
        query = query.where(api_key.c.person_id == person_id)
    if working_at is not None:
        query = query.where(*_works(working_at))
    return fetch(db, query, page, Order(api_key.c.created_at, api_key.c.id))
