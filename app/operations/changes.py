"""What changes of every noun have in common: who may, of which version, what differs, what still uses it."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Protocol

from sqlalchemy import Select

from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Invalid, Stale
from app.operations.entries import shown_anew
from app.operations.events import Detail, tell
from app.rules.access import Actor, runs_the_house
from app.rules.personal import RECORDS, Holds

SECRETS = frozenset({"meeting_url"}.union(*(record.having(Holds.SECRET) for record in RECORDS.values())))
"""Fields whose values nobody reads in the audit: whoever has the URL of a calendar, an endpoint or a meeting is in."""


class UnknownReference(Invalid):
    """A referenced object does not exist."""

    code = "unknown_reference"
    title = "Something that is referred to does not exist"


class InUse(Conflict):
    """Something else refers to it."""

    code = "in_use"
    title = "Something else still uses this"


class NameTaken(Conflict):
    """Another object of this kind has this name."""

    code = "name_taken"
    title = "Another one has this name"


class SlugTaken(Conflict):
    """Another object of this kind has this slug."""

    code = "slug_taken"
    title = "Another one has this slug"


class Versioned(Protocol):
    """A row whose changes are counted."""

    version: int
    updated_at: datetime


def check_admin(actor: Actor) -> None:
    """Raise Forbidden unless the actor administers everything."""
    if not runs_the_house(actor):
        raise Forbidden("Only an admin does that.")


def check_version(found: Versioned, expected: int | None) -> None:
    """Raise Stale when the client read another version than this one; None expects any."""
    if expected not in (None, found.version):
        raise Stale("Read it again, then change it.")


def check_complete(changes: Mapping[str, Any], *required: str) -> None:
    """Raise Invalid, naming what is missing, when an upsert has too little for something new."""
    if missing := [name for name in required if name not in changes]:
        faults = tuple(Fault(f"/{name}", "required", "is required") for name in missing)
        raise Invalid("Something new needs more.", faults=faults)


def check_unused(db: DbSession, *uses: Select[Any]) -> None:
    """Raise InUse when one of these selects finds a row."""
    if any(db.execute(use.limit(1)).first() for use in uses):
        raise InUse("Take it off everything that refers to it, then delete it.")


def differing(row: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the changes that say something new."""
    return {name: value for name, value in changes.items() if getattr(row, name) != value}


def amend(
    db: DbSession,
    row: Versioned,
    changes: Mapping[str, Any],
    *,
    act: str,
    object_id: str,
    actor: Actor,
    now: datetime,
    also: Iterable[str] = (),
) -> tuple[str, ...]:
    """Set what differs, count the version and tell; return the names that changed, sorted. Without any, do nothing.

    The audit gets the values before and after. `also` names fields that answers show and that changed in other tables.
    Calendar entries that show one of them are locked and shown anew: lock the calls that follow first.
    """
    new = differing(row, changes)
    changed = tuple(sorted({*new, *also}))
    if not changed:
        return ()
    detail = before_and_after(row, new, also=also)
    for name, value in new.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = now
    db.flush()
    shown_anew(db, act.partition(".")[0], object_id, changed, now=now)
    tell(db, act, object_id, version=row.version, actor=actor, now=now, detail=detail)
    return changed


def before_and_after(row: Any, new: Mapping[str, Any], *, also: Iterable[str] = ()) -> Detail:
    """Return what the audit says of a change, before it is made: the names of what differs, and the values before and
    after of all that is in the row and no secret.
    """
    shown = sorted(new.keys() - SECRETS)
    before, after = {name: getattr(row, name) for name in shown}, {name: new[name] for name in shown}
    return {**from_to(before, after), "changed": sorted({*new, *also})}


def from_to(before: Mapping[str, Any], after: Mapping[str, Any]) -> Detail:
    """Return what the audit says of values that are in no row of their own, before and after: of what is new nothing
    was before, of what is deleted nothing is after. For no secrets.
    """
    return {
        "changed": sorted(name for name in {*before, *after} if before.get(name) != after.get(name)),
        "before": {name: plain(value) for name, value in before.items()},
        "after": {name: plain(value) for name, value in after.items()},
    }


def plain(value: Any) -> Any:
    """Return a value of a row as JSON has it."""
    if isinstance(value, date | time):  # an instant is a date too
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value
