"""Change programs: the weights of their matching, what forbids a pair, and who must say yes to one."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from app import ids
from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid
from app.models import Program
from app.operations.changes import NameTaken, amend, check_admin, check_version
from app.operations.events import tell
from app.queries import programs
from app.queries.rows import row_for_update
from app.rules.access import Actor, runs_program
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.vocabulary import MatchApproval


class WeightsAllZero(Invalid):
    """No criterion would count."""

    code = "weights_all_zero"
    title = "At least one criterion must have a weight"


def check_runs_program(actor: Actor, program_id: str) -> None:
    """Raise Forbidden unless the actor runs this program."""
    if not runs_program(actor, program_id):
        raise Forbidden("Who runs the program does that. Name one that you run, or ask an admin.")


def create_program(
    db: DbSession,
    *,
    name: str,
    weights: Mapping[str, int | None],
    constraints: Mapping[str, Any] = MappingProxyType({}),
    approval: MatchApproval = MatchApproval.NONE,
    requests_open: bool = True,
    actor: Actor,
    now: datetime,
) -> Program:
    """Add a program. Admins do. Refused as `name_taken`."""
    check_admin(actor)
    _check_name(db, None, name)
    made = Program(
        id=ids.new("prg", now),
        name=name,
        weights=_weights({}, weights),
        constraints=_merged({}, constraints),
        approval=approval,
        requests_open=requests_open,
        created_at=now,
        updated_at=now,
    )
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
    """Change what is given; weights and constraints are merged, and null makes one of them what it is as it ships.
    Matches that stand or wait are as they were. Who runs the program does. Locks it.
    """
    programs.program_by_id(db, program_id)
    check_runs_program(actor, program_id)
    found = row_for_update(db, Program, program_id)
    check_version(found, expected_version)
    values = dict(changes)
    if "name" in values:
        _check_name(db, program_id, values["name"])
    if "weights" in values:
        values["weights"] = _weights(found.weights, values["weights"])
    if "constraints" in values:
        values["constraints"] = _merged(found.constraints, values["constraints"])
    amend(db, found, values, act="program.changed", object_id=program_id, actor=actor, now=now)
    return found


def _merged(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted({**known, **given}.items()) if value is not None}


def _weights(known: Mapping[str, int], given: Mapping[str, int | None]) -> dict[str, int]:
    merged = _merged(known, given)
    if not any({**DEFAULT_WEIGHTS, **merged}.values()):
        fault = Fault("/weights", "all_zero", "At least one criterion must have a weight.")
        raise WeightsAllZero("Give one criterion more than 0.", faults=(fault,))
    return merged


def _check_name(db: DbSession, program_id: str | None, name: str) -> None:
    if programs.id_by_name(db, name) not in (None, program_id):
        raise NameTaken("Change that program, or use another name.")
