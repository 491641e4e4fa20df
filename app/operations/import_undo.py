"""Undo an import: put back, thing by thing, what it changed and nobody has changed since."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from app.db import DbSession
from app.errors import Conflict, Problem, Stale, Unavailable
from app.models.tables import availability, enrollment, file_import, file_import_row, person
from app.operations import operations
from app.operations.accounts import patch_account
from app.operations.availability import set_availability
from app.operations.calls import cancel_call, patch_call
from app.operations.changes import amend, check_admin
from app.operations.enrollments import set_capacity, withdraw
from app.operations.events import tell
from app.operations.external import forget
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.queries import imports
from app.queries.access import check_acts
from app.queries.imports import PUT_BACK, STAYED
from app.queries.rows import first_row
from app.rules.access import Actor
from app.rules.skills import SkillState
from app.vocabulary import ImportStatus, PersonStatus, Role

KIND = "import_undo"
"""Of the job and its operation."""
_READ: Mapping[str, Any] = {
    "starts_at": datetime.fromisoformat,
    "ends_at": datetime.fromisoformat,
    "started_on": date.fromisoformat,
    "role": Role,
    "status": PersonStatus,
}
"""How values that JSON has no word for are read back."""
_MOST_WORDS = 300


class AlreadyUndone(Conflict):
    """The import was undone."""

    code = "already_undone"
    title = "This import was undone already"


class TooLateToUndo(Conflict):
    """What the import changed is not kept any more."""

    code = "too_late_to_undo"
    title = "It is too late to undo this import"


def start_undo(db: DbSession, *, import_id: str, actor: Actor, now: datetime) -> Any:
    """Queue the undo of an import and return the import. While it is being undone, repeating it changes nothing; an
    undo that stopped half-way goes on where it stopped. Locks the import.
    """
    imports.import_by_id(db, import_id, actor=actor)
    check_acts(actor)
    check_admin(actor)
    locked = _locked(db, import_id)
    found = imports.import_by_id(db, import_id, actor=actor)
    status = imports.status_of(found)
    if status is ImportStatus.UNDONE:
        raise AlreadyUndone("What could be put back was put back.")
    if status is ImportStatus.UNDOING:
        return found
    until = found.created_at + imports.undo_window(db)
    if until <= now:
        raise TooLateToUndo(f"It could be undone until {until:%d %B %Y, %H:%M} UTC.")
    payload = {
        "import_id": import_id,
        "credential_id": actor.credential_id,
        "role": actor.role,
        "person_id": actor.person_id,
        "behind": actor.behind,
    }
    operation_id = operations.begin(db, KIND, payload, now=now)
    _advance(db, locked, "import.undoing", {"operation_id": operation_id}, actor=actor, now=now)
    return imports.import_by_id(db, import_id, actor=actor)


def put_back_next(db: DbSession, *, import_id: str, actor: Actor, now: datetime) -> int | None:
    """Put back the last thing that an import wrote and that was not tried so far, and note what became of it. Return
    how much is done, in percent; None when all is. Safe to repeat. Locks the import, then what the change locks.
    """
    found = _locked(db, import_id)
    untried = file_import_row.c.import_id == import_id, file_import_row.c.outcome.is_(None)
    query = select(file_import_row).where(*untried).order_by(file_import_row.c.position.desc()).limit(1)
    row = db.execute(query).first()
    if row is None:
        return None
    same = file_import_row.c.import_id == import_id, file_import_row.c.position == row.position
    outcome = _tried(db, row, actor=actor, now=now)
    db.execute(update(file_import_row).where(*same).values(**outcome))
    column = file_import.c[outcome["outcome"]]
    db.execute(update(file_import).where(file_import.c.id == import_id).values({column: column + 1}))
    done: int = found.put_back + found.stayed
    position: int = row.position
    return 100 * done // (done + position + 1)


def finish_undo(db: DbSession, *, import_id: str, actor: Actor, now: datetime) -> None:
    """Say that everything was tried. Repeating it changes nothing. Locks the import."""
    found = _locked(db, import_id)
    if found.undone_at is not None:
        return
    _advance(db, found, "import.undone", {"undone_at": now}, actor=actor, now=now)
    result = {"import_id": import_id, "put_back": found.put_back, "stayed": found.stayed}
    operations.succeed(db, found.operation_id, result=result, now=now)


def _locked(db: DbSession, import_id: str) -> Any:
    return first_row(db, select(file_import).where(file_import.c.id == import_id).with_for_update(key_share=True))


def _advance(db: DbSession, found: Any, act: str, values: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    version = found.version + 1
    db.execute(
        update(file_import).where(file_import.c.id == found.id).values(**values, version=version, updated_at=now)
    )
    tell(db, act, found.id, version=version, actor=actor, now=now)


def _tried(db: DbSession, row: Any, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Put one thing back, whole or not at all, and return what is to be noted."""
    try:
        with db.begin_nested():
            _put_back(db, row, actor=actor, now=now)
            db.flush()
    except Unavailable:
        raise
    except Stale:
        db.expire_all()
        return {"outcome": STAYED, "code": "changed_since", "why": "It has changed since the import."}
    except Problem as problem:
        db.expire_all()
        return {"outcome": STAYED, "code": problem.code, "why": f"{problem.title}. {problem.detail}"[:_MOST_WORDS]}
    if row.object_type != "person":
        return {"outcome": PUT_BACK}
    version = db.execute(select(person.c.version).where(person.c.id == row.object_id)).scalar_one()
    return {"outcome": PUT_BACK, "versions": {"person": version}}  # by which an import knows whom to bring back


def _put_back(db: DbSession, row: Any, *, actor: Actor, now: datetime) -> None:
    """Take back one row by the operation that is there for it. Raises Stale when somebody has changed it since."""
    expected = row.versions.get(row.object_type)
    by: Any = {"actor": actor, "now": now}
    if row.object_type == "person":
        _put_back_person(db, row, actor=actor, now=now)
    elif row.object_type == "account":
        patch_account(db, account_id=row.object_id, changes=row.before, expected_version=expected, **by)
    elif row.created:
        cancel_call(db, call_id=row.object_id, expected_version=expected, **by)
        forget(db, "call", row.object_id, row.before["external"])  # so that the file, mended, makes it anew
    else:
        patch_call(db, call_id=row.object_id, changes=_read(row.before), expected_version=expected, **by)


def _put_back_person(db: DbSession, row: Any, *, actor: Actor, now: datetime) -> None:
    """Let somebody new leave, or put back what was changed of them, with their hours, skills and side of a program."""
    who, before = row.object_id, row.before
    fields = {"status": PersonStatus.LEFT} if row.created else _read(before["fields"])
    by: Any = {"actor": actor, "now": now}
    leaves = {name: value for name, value in fields.items() if name == "status"}
    found = patch_person(db, person_id=who, changes=leaves, expected_version=row.versions["person"], **by)
    hours = db.execute(select(availability).where(availability.c.person_id == who)).one()
    if (row.created or "hours" in before) and hours.version != row.versions["hours"]:
        raise Stale("Their hours have changed.")
    patch_person(db, person_id=who, changes=fields, **by)
    if "hours" in before:
        of_the_day = {day: [tuple(one) for one in ranges] for day, ranges in before["hours"]["exceptions"].items()}
        weekly, buffers = ([tuple(one) for one in before["hours"]["weekly"]], tuple(before["hours"]["buffers"]))
        given: Any = {"weekly": weekly, "exceptions": of_the_day, "buffers": buffers}
        set_availability(db, person_id=who, time_zone=found.time_zone, **given, **by)
    if "skills" in before:
        skills = {slug: SkillState(level, wants, teaches) for slug, (level, wants, teaches) in before["skills"].items()}
        set_skills(db, person_id=who, skills=skills, **by)
    if "external" in before:
        forget(db, "person", who, before["external"])
        amend(db, found, {}, act="person.changed", object_id=who, also=("external",), **by)
    if "side" in before:
        _put_back_side(db, who, before["side"], expected_version=row.versions.get("side"), actor=actor, now=now)


def _put_back_side(
    db: DbSession, who: str, before: Mapping[str, Any], *, expected_version: int | None, actor: Actor, now: datetime
) -> None:
    """Take somebody off a side of a program, or give them as many places as they had."""
    program_id, side = before["program_id"], before["side"]
    mine = enrollment.c.program_id == program_id, enrollment.c.person_id == who, enrollment.c.side == side
    enrollment_id = db.execute(select(enrollment.c.id).where(*mine)).scalar()
    if enrollment_id is None or expected_version is None:
        raise Stale("They are not on that side any more.")
    given: Any = {"expected_version": expected_version, "actor": actor, "now": now}
    if before["capacity"] is None:
        withdraw(db, program_id=program_id, enrollment_id=enrollment_id, **given)
    else:
        capacity = before["capacity"]
        set_capacity(db, program_id=program_id, enrollment_id=enrollment_id, capacity=capacity, **given)


def _read(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as rows have them, from JSON."""
    return {
        name: _READ[name](value) if value is not None and name in _READ else value for name, value in before.items()
    }
