"""Change teams, and follow what a CRM says about them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from app import ids
from app.db import DbSession
from app.models import Team
from app.models.tables import person, plan_run, power_hour, team
from app.operations.changes import NameTaken, amend, check_admin, check_complete, check_unused, check_version
from app.operations.events import tell, tell_many
from app.operations.external import Upserted, forget, identify, known_id
from app.queries import teams
from app.queries.rows import in_parts, row_for_update
from app.rules.access import Actor

_TAKEN = "Change that team, or use another name."


def create_team(db: DbSession, *, name: str, refs: Iterable[tuple[str, str]] = (), actor: Actor, now: datetime) -> Team:
    """Add a team. Refused as `name_taken`."""
    team_id = ids.new("team", now)
    create_teams(db, {name: team_id}, actor=actor, now=now)
    identify(db, "team", team_id, refs)
    return db.get_one(Team, team_id)


def create_teams(db: DbSession, new: Mapping[str, str], *, actor: Actor, now: datetime) -> None:
    """Add teams: the id that each gets, by name. Refused as `name_taken`. A few statements per thousand."""
    check_admin(actor)
    for part in in_parts(new):
        if db.execute(select(team.c.id).where(team.c.name.in_(part)).limit(1)).first():
            raise NameTaken(_TAKEN)
    same = {"version": 1, "created_at": now, "updated_at": now}
    if new:
        db.execute(insert(team), [{"id": team_id, "name": name, **same} for name, team_id in new.items()])
    tell_many(db, "team.created", [(team_id, 1) for team_id in new.values()], actor=actor, now=now)


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
    """Delete a team. Refused as `in_use` while somebody is in it, or a plan run or power hour was made for it."""
    check_admin(actor)
    found = row_for_update(db, Team, team_id)
    check_version(found, expected_version)
    check_unused(
        db,
        select(person.c.id).where(person.c.team_id == team_id),
        select(plan_run.c.id).where(plan_run.c.team_id == team_id),
        select(power_hour.c.id).where(power_hour.c.team_id == team_id),
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
        raise NameTaken(_TAKEN)
