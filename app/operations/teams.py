"""Change teams, and follow what a CRM says about them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app import ids
from app.db import DbSession
from app.models import Team
from app.models.tables import person, plan_run
from app.operations.changes import NameTaken, amend, check_admin, check_complete, check_unused, check_version
from app.operations.events import tell
from app.operations.external import Upserted, forget, identify, known_id
from app.queries import teams
from app.queries.rows import row_for_update
from app.rules.access import Actor


def create_team(db: DbSession, *, name: str, refs: Iterable[tuple[str, str]] = (), actor: Actor, now: datetime) -> Team:
    """Add a team. Refused as `name_taken`."""
    check_admin(actor)
    _check_name(db, None, {"name": name})
    made = Team(id=ids.new("team", now), name=name, created_at=now, updated_at=now)
    db.add(made)
    db.flush()
    identify(db, "team", made.id, refs)
    tell(db, "team.created", made.id, version=made.version, actor=actor, now=now)
    return made


def patch_team(
    db: DbSession,
    *,
    team_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Team:
    """Change what is given. Locks the team."""
    check_admin(actor)
    found = row_for_update(db, Team, team_id)
    check_version(found, expected_version)
    _check_name(db, team_id, changes)
    amend(db, found, changes, act="team.changed", object_id=team_id, actor=actor, now=now)
    return found


def delete_team(
    db: DbSession, *, team_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Delete a team. Refused as `in_use` while somebody is in it or a plan run was made for it."""
    check_admin(actor)
    found = row_for_update(db, Team, team_id)
    check_version(found, expected_version)
    check_unused(
        db,
        select(person.c.id).where(person.c.team_id == team_id),
        select(plan_run.c.id).where(plan_run.c.team_id == team_id),
    )
    forget(db, "team", team_id)
    db.delete(found)
    db.flush()
    tell(db, "team.deleted", team_id, version=found.version + 1, actor=actor, now=now)


def upsert_team(
    db: DbSession, *, source: str, external_id: str, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> Upserted:
    """Create or change the team that `source` calls `external_id`. Repeating it changes nothing.
    A team with the same name gets the new identity.
    """
    check_admin(actor)
    ref = (source, external_id)
    known = known_id(db, "team", *ref)
    identified = known is not None
    if known is None and "name" in changes:
        known = teams.id_by_name(db, changes["name"])
    if known is None:
        check_complete(changes, "name")
        made = create_team(db, name=changes["name"], refs=[ref], actor=actor, now=now)
        return Upserted("created", made.id, tuple(sorted(changes)))
    found = row_for_update(db, Team, known)
    _check_name(db, known, changes)
    if not identified:
        identify(db, "team", known, [ref])
    also = () if identified else ("external",)
    changed = amend(db, found, changes, act="team.changed", object_id=known, actor=actor, now=now, also=also)
    return Upserted("updated" if changed else "unchanged", known, changed)


def _check_name(db: DbSession, team_id: str | None, changes: Mapping[str, Any]) -> None:
    if "name" in changes and teams.id_by_name(db, changes["name"]) not in (None, team_id):
        raise NameTaken("Change that team, or use another name.")
