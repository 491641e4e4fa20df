"""Say who runs which program."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from app.db import DbSession
from app.errors import Forbidden, Invalid, NotFound
from app.models.tables import program, program_manager
from app.operations.events import tell
from app.queries import people, programs
from app.queries.people import lock_people
from app.rules.access import Actor, decides_access, manages_programs
from app.vocabulary import PersonStatus, Role


class NoProgramManager(Invalid):
    """The person's role does not let them run a program."""

    code = "no_program_manager"
    title = "Their role does not let them run a program"


def add_manager(db: DbSession, *, program_id: str, person_id: str, actor: Actor, now: datetime) -> Any:
    """Let a person run a program and return the row that says so. Admins do. Refused as `no_program_manager` for who
    has another role, or has left. Repeating it changes nothing. Locks the person.
    """
    managed = programs.program_by_id(db, program_id)
    _check_decides(actor)
    found = people.person_by_id(db, person_id, actor=actor)
    found = lock_people(db, [found.id])[found.id]
    if not may_be_down(found.role) or found.status is PersonStatus.LEFT:
        raise NoProgramManager("Give them the role `program_manager` first; admins run every program as it is.")
    if known := programs.manager_by_id(db, program_id, person_id):
        return known
    db.execute(insert(program_manager).values(program_id=program_id, person_id=person_id, created_at=now))
    _tell(db, "program.manager_added", managed, person_id, actor=actor, now=now)
    return programs.manager_by_id(db, program_id, person_id)


def remove_manager(db: DbSession, *, program_id: str, person_id: str, actor: Actor, now: datetime) -> None:
    """Let a person run a program no longer: from their next request on. Admins do. Raises NotFound for who does not."""
    managed = programs.program_by_id(db, program_id)
    _check_decides(actor)
    mine = program_manager.c.program_id == program_id, program_manager.c.person_id == person_id
    if db.execute(delete(program_manager).where(*mine).returning(program_manager.c.person_id)).first() is None:
        raise NotFound
    _tell(db, "program.manager_removed", managed, person_id, actor=actor, now=now)


def take_off_programs(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """Let somebody run no program any more, who has left or has a role by now that runs none: what they run after they
    come back is decided anew. The person is locked.
    """
    theirs = delete(program_manager).where(program_manager.c.person_id == person_id)
    gone = db.execute(theirs.returning(program_manager.c.program_id)).scalars().all()
    if not gone:
        return
    for one in db.execute(select(program).where(program.c.id.in_(gone)).order_by(program.c.id)):
        _tell(db, "program.manager_removed", one, person_id, actor=actor, now=now)


def may_be_down(role: Role) -> bool:
    """Whether somebody of this role may be put down as running a program."""
    return manages_programs(role) or role is Role.ADMIN


def _check_decides(actor: Actor) -> None:
    if not decides_access(actor):
        raise Forbidden("Only an admin says who runs a program.")


def _tell(db: DbSession, act: str, managed: Any, person_id: str, *, actor: Actor, now: datetime) -> None:
    detail = {"person_id": person_id}
    tell(db, act, managed.id, version=managed.version, actor=actor, now=now, detail=detail)
