"""Change accounts, and follow what a CRM says about them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from app import ids
from app.db import DbSession, Retryable
from app.models import Account
from app.models.tables import account, call
from app.operations.capacity import lock_calls_where, rules_changed
from app.operations.changes import amend, check_admin, check_complete, check_unused, check_version, differing
from app.operations.events import tell, tell_many
from app.operations.external import Upserted, forget, identify, known_id, known_ids, outdated
from app.queries.rows import row_for_update
from app.rules.access import Actor

ON_CALLS = frozenset({"name", "segment", "observers_allowed", "seat_capacity", "own_side_ceiling"})
"""What an account says on or about its calls."""


def create_account(
    db: DbSession, *, fields: Mapping[str, Any], refs: Iterable[tuple[str, str]] = (), actor: Actor, now: datetime
) -> Account:
    """Add an account. Several may have one name."""
    check_admin(actor)
    made = Account(id=ids.new("acc", now), created_at=now, updated_at=now, **fields)
    db.add(made)
    db.flush()
    identify(db, "account", made.id, refs)
    tell(db, "account.created", made.id, version=made.version, actor=actor, now=now)
    return made


def create_accounts(
    db: DbSession, segments: Mapping[str, str | None], *, actor: Actor, now: datetime
) -> dict[str, str]:
    """Add accounts, given the segment of each by name, and return their ids by name. Two round trips for all."""
    check_admin(actor)
    same = {"observers_allowed": True, "version": 1, "created_at": now, "updated_at": now}
    rows = [{"id": ids.new("acc", now), "name": name, "segment": one, **same} for name, one in segments.items()]
    if rows:
        db.execute(insert(account), rows)
    tell_many(db, "account.created", [(str(row["id"]), 1) for row in rows], actor=actor, now=now)
    return {str(row["name"]): str(row["id"]) for row in rows}


def patch_account(
    db: DbSession,
    *,
    account_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Account:
    """Change what is given; its upcoming calls offer what it now allows. Locks the account, then those calls."""
    check_admin(actor)
    found = row_for_update(db, Account, account_id)
    check_version(found, expected_version)
    _apply(db, found, changes, actor=actor, now=now)
    return found


def delete_account(
    db: DbSession, *, account_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Delete an account. Refused as `in_use` when a call, even a past one, was with it."""
    check_admin(actor)
    found = row_for_update(db, Account, account_id)
    check_version(found, expected_version)
    check_unused(db, select(call.c.id).where(call.c.account_id == account_id))
    forget(db, "account", account_id)
    db.delete(found)
    db.flush()
    tell(db, "account.deleted", account_id, version=found.version + 1, actor=actor, now=now)


def upsert_account(
    db: DbSession, *, source: str, external_id: str, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> Upserted:
    """Create or change the account that `source` calls `external_id`. Repeating it changes nothing, and neither does
    an `external_updated_at` older than the one we know.
    """
    check_admin(actor)
    known = known_id(db, "account", source, external_id)
    if known is None:
        check_complete(changes, "name")
        made = create_account(db, fields=changes, refs=[(source, external_id)], actor=actor, now=now)
        return Upserted("created", made.id, tuple(sorted(changes)))
    found = row_for_update(db, Account, known)
    if outdated(found.external_updated_at, changes.get("external_updated_at")):
        return Upserted("unchanged", known)
    changed = _apply(db, found, changes, actor=actor, now=now)
    return Upserted("updated" if changed else "unchanged", known, changed)


def lock_for_upserts(
    db: DbSession, several: Sequence[tuple[tuple[str, str], Mapping[str, Any]]], *, actor: Actor
) -> None:
    """Lock what upserting all of these, as (source, external id) and changes, is going to lock."""
    check_admin(actor)
    known = known_ids(db, "account", (ref for ref, _ in several))
    locked = select(account).where(account.c.id.in_(sorted(known.values()))).order_by(account.c.id)
    rows = {row.id: row for row in db.execute(locked.with_for_update(key_share=True))}
    if rows.keys() != set(known.values()):
        raise Retryable("an account was deleted meanwhile")
    showing = {
        account_id
        for ref, changes in several
        if (account_id := known.get(ref)) and ON_CALLS.intersection(differing(rows[account_id], changes))
    }
    if showing:
        lock_calls_where(db, call.c.account_id.in_(sorted(showing)))


def _apply(
    db: DbSession, found: Account, changes: Mapping[str, Any], *, actor: Actor, now: datetime
) -> tuple[str, ...]:
    if ON_CALLS.intersection(differing(found, changes)):
        lock_calls_where(db, call.c.account_id == found.id)
    changed = amend(db, found, changes, act="account.changed", object_id=found.id, actor=actor, now=now)
    if ON_CALLS.intersection(changed):
        rules_changed(db, call.c.account_id == found.id, actor=actor, now=now)
    return changed
