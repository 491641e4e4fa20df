"""Say who runs which program."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert

from app.db import DbSession
from app.errors import Forbidden, Invalid, NotFound
from app.models.tables import program_manager
from app.operations.events import tell
from app.queries import people, programs
from app.queries.people import lock_people
from app.rules.access import Actor, decides_access
from app.vocabulary import PersonStatus, Role

_RUNNING = (Role.PROGRAM_MANAGER, Role.ADMIN)


class NoProgramManager(Invalid):
    """The person's role does not let them run a program."""

    code = "no_program_manager"
    title = "Their role does not let them run a program"


def add_manager(db: DbSession, *, program_id: str, person_id: str, actor: Actor, now: datetime) -> Any:
    """Let a person run a program and return the row that says so. Admins do. Refused as `no_program_manager` for who
    has another role, or has left. Repeating it changes nothing. Locks the person.
    """
    program = programs.program_by_id(db, program_id)
    _check_decides(actor)
    found = people.person_by_id(db, person_id, actor=actor)
    found = lock_people(db, [found.id])[found.id]
    if found.role not in _RUNNING or found.status is PersonStatus.LEFT:
        raise NoProgramManager("Give them the role `program_manager` first; admins run every program as it is.")
    if known := programs.manager_by_id(db, program_id, person_id):
        return known
    db.execute(insert(program_manager).values(program_id=program_id, person_id=person_id, created_at=now))
    _tell(db, "program.manager_added", program, person_id, actor=actor, now=now)
    return programs.manager_by_id(db, program_id, person_id)


def remove_manager(db: DbSession, *, program_id: str, person_id: str, actor: Actor, now: datetime) -> None:
    """Let a person run a program no longer: from their next request on. Admins do. Raises NotFound for who does not."""
    program = programs.program_by_id(db, program_id)
    _check_decides(actor)
    mine = program_manager.c.program_id == program_id, program_manager.c.person_id == person_id
    if db.execute(delete(program_manager).where(*mine).returning(program_manager.c.person_id)).first() is None:
        raise NotFound
    _tell(db, "program.manager_removed", program, person_id, actor=actor, now=now)


def _check_decides(actor: Actor) -> None:
    if not decides_access(actor):
        raise Forbidden("Only an admin says who runs a program.")


def _tell(db: DbSession, act: str, program: Any, person_id: str, *, actor: Actor, now: datetime) -> None:
    detail = {"person_id": person_id}
    tell(db, act, program.id, version=program.version, actor=actor, now=now, detail=detail)
