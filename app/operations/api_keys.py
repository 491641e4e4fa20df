"""Hand out API keys, change, rotate and revoke them. What a key holds is shown once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, update

from app import credentials, ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Invalid
from app.models.tables import api_key, person
from app.operations.changes import UnknownReference, before_and_after, check_version, differing, from_to
from app.operations.events import tell
from app.queries import api_keys
from app.rules.access import SYSTEM, Actor, decides_access, may_stand_in_for
from app.vocabulary import PersonStatus, Role

NOTED_EVERY = timedelta(minutes=1)
"""How often the use of a key is noted: reading should not be writing."""
_WITHOUT_A_PERSON = (Role.ADMIN, Role.AUDITOR, Role.INTEGRATION)


class KeyRevoked(Conflict):
    """A key that was revoked stays so."""

    code = "key_revoked"
    title = "This key was revoked"


@dataclass(frozen=True, slots=True)
class Issued:
    """A key's row, and what is shown once."""

    key: Any
    secret: str


def create_api_key(
    db: DbSession,
    *,
    name: str,
    role: Role,
    person_id: str | None,
    scopes: Sequence[str] | None = None,
    requests_per_minute: int | None = None,
    expires_at: datetime | None = None,
    actor: Actor,
    now: datetime,
) -> str:
    """Make a key and return it; this is the only time that it can be seen. Whether the actor may is not asked."""
    key_id = ids.new("key", now)
    shown, digest = credentials.new_api_key(key_id)
    made = {
        "name": name,
        "role": role,
        "person_id": person_id,
        "scopes": None if scopes is None else sorted(set(scopes)),
        "requests_per_minute": requests_per_minute,
        "expires_at": expires_at,
    }
    db.execute(insert(api_key).values(id=key_id, digest=digest, version=1, created_at=now, **made))
    tell(db, "api_key.created", key_id, version=1, actor=actor, now=now, detail=from_to({}, made))
    return shown


def issue_api_key(
    db: DbSession,
    *,
    name: str,
    role: Role | None,
    person_id: str | None,
    scopes: Sequence[str] | None,
    requests_per_minute: int | None,
    expires_at: datetime | None,
    actor: Actor,
    now: datetime,
) -> Issued:
    """Make a key for somebody who may have it. People make keys for themselves that let in no further than they are let
    in now; admins make them for anybody, and for programs. No `role` is all that the person may.
    """
    _check_stands_for_themselves(actor)
    if requests_per_minute is not None:
        _check_decides(actor, "Only an admin says how often a key may ask.")
    given = (
        _role_for_a_program(role, scopes, actor=actor) if person_id is None else _role_for(db, person_id, role, actor)
    )
    _check_ahead(expires_at, now)
    _check_outlasts_nothing(db, expires_at, actor=actor)
    secret = create_api_key(
        db,
        name=name,
        role=given,
        person_id=person_id,
        scopes=scopes,
        requests_per_minute=requests_per_minute,
        expires_at=expires_at,
        actor=actor,
        now=now,
    )
    return Issued(api_keys.key_by_id(db, credentials.key_id_of(secret), actor=actor), secret)


def patch_api_key(
    db: DbSession,
    *,
    key_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Change name, scopes, expiry or how often it may ask; return the row. Refused as `key_revoked`. Locks the key."""
    found = _to_change(db, key_id, expected_version, actor=actor)
    if "scopes" in changes and changes["scopes"] is not None:
        changes = {**changes, "scopes": sorted(set(changes["scopes"]))}
    new = differing(found, changes)
    if "requests_per_minute" in new:
        _check_decides(actor, "Only an admin says how often a key may ask.")
    if "expires_at" in new:
        _check_ahead(new["expires_at"], now)
        _check_outlasts_nothing(db, new["expires_at"], actor=actor)
    if "scopes" in new:
        _check_scoped(found.role, new["scopes"])
    if new:
        _change(db, found, "api_key.changed", actor=actor, now=now, **new)
    return api_keys.key_by_id(db, key_id, actor=actor)


def rotate_api_key(
    db: DbSession,
    *,
    key_id: str,
    overlap: timedelta,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Issued:
    """Give a key another secret. The one before works for `overlap` too, any older one no more. Refused as
    `key_revoked`. Locks the key.
    """
    found = _to_change(db, key_id, expected_version, actor=actor)
    _check_outlasts_nothing(db, found.expires_at, actor=actor)
    if found.person_id is not None:
        _check_disguise(found.person_id, found.role, actor=actor)
    secret, digest = credentials.new_api_key(key_id)
    values = {"digest": digest, "previous_digest": found.digest, "previous_until": now + overlap}
    _change(db, found, "api_key.rotated", actor=actor, now=now, **values)
    return Issued(api_keys.key_by_id(db, key_id, actor=actor), secret)


def revoke_api_key(
    db: DbSession, *, key_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """End a key at once and for good, and return its row. Repeating it changes nothing. Locks the key."""
    found = api_keys.key_for_update(db, key_id, actor=actor)
    check_version(found, expected_version)
    if not decides_access(actor) and not _is_of(found, actor):
        raise Forbidden("Only an admin revokes the keys of others.")
    if found.revoked_at is None:
        _change(db, found, "api_key.revoked", actor=actor, now=now, revoked_at=now)
    return api_keys.key_by_id(db, key_id, actor=actor)


def revoke_keys_of(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> int:
    """End every key that acts as this person and return how many did. Locks them, in order of their ids."""
    alive = api_key.c.person_id == person_id, api_key.c.revoked_at.is_(None)
    rows = db.execute(select(api_key).where(*alive).order_by(api_key.c.id).with_for_update(key_share=True)).all()
    for found in rows:
        _change(db, found, "api_key.revoked", actor=actor, now=now, revoked_at=now)
    return len(rows)


def note_key_use(db: DbSession, *, key_id: str, now: datetime) -> None:
    """Note that a key was used. It is a read: no event and no version."""
    unnoted = or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at <= now - NOTED_EVERY)
    db.execute(update(api_key).where(api_key.c.id == key_id, unnoted).values(last_used_at=now))


def _role_for_a_program(role: Role | None, scopes: Sequence[str] | None, *, actor: Actor) -> Role:
    _check_decides(actor, "Only an admin makes keys for programs: name the person that yours acts as.")
    if role not in _WITHOUT_A_PERSON:
        raise _invalid("/role", "not_without_a_person", "Without a person it is of an integration, auditor or admin.")
    _check_scoped(role, scopes)
    return role


def _role_for(db: DbSession, person_id: str, role: Role | None, actor: Actor) -> Role:
    """Return the role of a key that acts as this person: theirs, or that of a rep. Who may do less just now than the
    person, as with a rep's key of a manager, gives no more than they have.
    """
    own = actor.person_id == person_id
    if not own:
        _check_decides(actor, "You make keys for yourself.")
    query = select(person.c.role, person.c.status).where(person.c.id == person_id)
    found = db.execute(query).first()
    if found is None or found.status is PersonStatus.LEFT:
        why = "There is no such person here."
        raise UnknownReference(why, faults=(Fault("/person_id", "unknown", why),))
    most = actor.role if own else found.role
    if role not in (None, Role.REP, most):
        raise _invalid("/role", "not_theirs", f"A key that acts as them is of role {most} or rep.")
    _check_disguise(person_id, role or most, actor=actor)
    return role or most


def _to_change(db: DbSession, key_id: str, expected_version: int | None, *, actor: Actor) -> Any:
    """Return the row of a key that the actor may change, locked: their own, if it lets in no further than they are let
    in now, or any for admins.
    """
    found = api_keys.key_for_update(db, key_id, actor=actor)
    check_version(found, expected_version)
    _check_stands_for_themselves(actor)
    if not decides_access(actor) and not (_is_of(found, actor) and found.role in (Role.REP, actor.role)):
        raise Forbidden("Only an admin changes the keys of others, and those that may do more than you.")
    if found.revoked_at is not None:
        raise KeyRevoked("Make another one.")
    return found


def _is_of(found: Any, actor: Actor) -> bool:
    """Whether a key acts as the person who asks. One of nobody is nobody's own, not even of who is nobody too."""
    return found.person_id is not None and found.person_id == actor.person_id


def _check_stands_for_themselves(actor: Actor) -> None:
    if actor.behind is not None:
        raise Forbidden("Keys are made by who they act as, not on their behalf.")


def _check_disguise(person_id: str, role: Role, *, actor: Actor) -> None:
    """Refuse to hand out what acts as somebody else who sees everything: the audit would name the wrong one. Who runs
    the machine may (`earshot key`).
    """
    if person_id != actor.person_id and actor != SYSTEM and not may_stand_in_for(role):
        raise Forbidden("Who sees everything makes such keys for themselves; a key of role rep can be made for them.")


def _check_decides(actor: Actor, why: str) -> None:
    if not decides_access(actor):
        raise Forbidden(why)


def _check_scoped(role: Role, scopes: Sequence[str] | None) -> None:
    if role is Role.INTEGRATION and scopes is None:
        raise _invalid("/scopes", "required", "An integration has scopes: what it is let into, such as calls:write.")


def _check_ahead(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise _invalid("/expires_at", "past", "A key works until an instant ahead.")


def _check_outlasts_nothing(db: DbSession, expires_at: datetime | None, *, actor: Actor) -> None:
    """Refuse to let a key that expires make one that works for longer: it would live for ever that way. Only admins say
    how long keys work, and who is signed in says it of their own.
    """
    if decides_access(actor):
        return
    own = db.execute(select(api_key.c.expires_at).where(api_key.c.id == actor.credential_id)).scalar()
    if own is not None and (expires_at is None or expires_at > own):
        why = f"The key that asks expires at {own:%Y-%m-%dT%H:%M:%SZ}, and gives nothing that works for longer."
        raise _invalid("/expires_at", "outlasts", why)


def _invalid(pointer: str, code: str, why: str) -> Invalid:
    return Invalid(why, faults=(Fault(pointer, code, why),))


def _change(db: DbSession, found: Any, act: str, *, actor: Actor, now: datetime, **values: Any) -> None:
    version = found.version + 1
    db.execute(update(api_key).where(api_key.c.id == found.id).values(version=version, **values))
    tell(db, act, found.id, version=version, actor=actor, now=now, detail=before_and_after(found, values))
