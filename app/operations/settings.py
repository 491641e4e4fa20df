"""Change the rules of the house."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.models.tables import call, installation
from app.operations.capacity import rules_changed
from app.operations.changes import before_and_after, check_admin, check_version, differing
from app.operations.events import tell
from app.queries.house_rules import house_rules
from app.rules.access import Actor
from app.vocabulary import CallStatus


def patch_settings(
    db: DbSession, *, changes: Mapping[str, Any], expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Change what is given and return the row of the installation. Admins do. Under another ceiling upcoming calls
    offer the seats that it leaves; nobody who sits is thrown out. Locks the installation, then those calls.
    """
    check_admin(actor)
    before = house_to_change(db, expected_version)
    after = amend_house(db, before, changes, actor=actor, now=now)
    if after.own_side_ceiling != before.own_side_ceiling:
        ahead = (call.c.status == CallStatus.SCHEDULED) & (call.c.starts_at > now)
        rules_changed(db, ahead, seats_only=True, actor=actor, now=now)
    return after


def house_to_change(db: DbSession, expected_version: int | None) -> Any:
    """Return the row of the installation, locked, for whoever checked that the actor may change it. Raises Stale."""
    found = db.execute(select(installation).with_for_update(key_share=True)).one()
    check_version(found, expected_version)
    return found


def amend_house(db: DbSession, found: Any, changes: Mapping[str, Any], *, actor: Actor, now: datetime) -> Any:
    """Set what differs from the locked row, count the version and tell; return the row as it then is. Without any, do
    nothing.
    """
    new = differing(found, changes)
    if not new:
        return found
    version = found.version + 1
    db.execute(update(installation).values(**new, version=version))
    tell(db, "settings.changed", found.id, version=version, actor=actor, now=now, detail=before_and_after(found, new))
    return house_rules(db)
