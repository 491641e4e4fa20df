"""Change programs and the weights of their matching."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app import ids
from app.db import DbSession
from app.errors import Fault, Invalid
from app.models import Program
from app.operations.changes import NameTaken, amend, check_admin, check_version
from app.operations.events import tell
from app.queries import programs
from app.queries.rows import row_for_update
from app.rules.access import Actor
from app.rules.matching.problem import DEFAULT_WEIGHTS


class WeightsAllZero(Invalid):
    """No criterion would count."""

    code = "weights_all_zero"
    title = "At least one criterion must have a weight"


def create_program(
    db: DbSession, *, name: str, weights: Mapping[str, int | None], actor: Actor, now: datetime
) -> Program:
    """Add a program. Refused as `name_taken`."""
    check_admin(actor)
    _check_name(db, None, name)
    made = Program(id=ids.new("prg", now), name=name, weights=_merged({}, weights), created_at=now, updated_at=now)
    db.add(made)
    db.flush()
    tell(db, "program.created", made.id, version=made.version, actor=actor, now=now)
    return made


def patch_program(
    db: DbSession,
    *,
    program_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Program:
    """Change what is given; weights are merged, and null gives a criterion the weight that ships. Locks the program."""
    check_admin(actor)
    found = row_for_update(db, Program, program_id)
    check_version(found, expected_version)
    values = dict(changes)
    if "name" in values:
        _check_name(db, program_id, values["name"])
    if "weights" in values:
        values["weights"] = _merged(found.weights, values["weights"])
    amend(db, found, values, act="program.changed", object_id=program_id, actor=actor, now=now)
    return found


def _merged(known: Mapping[str, int], given: Mapping[str, int | None]) -> dict[str, int]:
    merged = {name: weight for name, weight in sorted({**known, **given}.items()) if weight is not None}
    if not any({**DEFAULT_WEIGHTS, **merged}.values()):
        fault = Fault("/weights", "all_zero", "At least one criterion must have a weight.")
        raise WeightsAllZero("Give one criterion more than 0.", faults=(fault,))
    return merged


def _check_name(db: DbSession, program_id: str | None, name: str) -> None:
    if programs.id_by_name(db, name) not in (None, program_id):
        raise NameTaken("Change that program, or use another name.")
