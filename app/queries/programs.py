"""Read programs, which everybody may see, and enrolments, in the scope of who asks."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, true

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import enrollment, pair_rule, program, program_manager
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.scopes import acted_for
from app.rules.access import Actor, sees_program, sees_the_house
from app.vocabulary import Side


@dataclass(frozen=True, slots=True)
class EnrollmentFilter:
    """Which enrolments of a program: values of one field are alternatives, fields are all required."""

    side: tuple[Side, ...] = ()
    person_id: tuple[str, ...] = ()


def program_by_id(db: DbSession, program_id: str) -> Any:
    """Return one program's row. Raises NotFound."""
    return first_row(db, select(program).where(program.c.id == program_id))


def id_by_name(db: DbSession, name: str) -> str | None:
    """Return the id of the program with exactly this name."""
    found: str | None = db.execute(select(program.c.id).where(program.c.name == name)).scalar()
    return found


def list_programs(db: DbSession, page: PageRequest) -> PageOf[Any]:
    """Return a page of programs, oldest first. One statement."""
    return fetch(db, select(program), page, Order(program.c.created_at, program.c.id))


def list_pair_rules(db: DbSession, program_id: str, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of what a program says of pairs, oldest first. Raises NotFound: who is kept apart is for those to
    know who see the program from inside. One statement.
    """
    if not sees_program(actor, program_id):
        raise NotFound
    query = select(pair_rule).where(pair_rule.c.program_id == program_id)
    return fetch(db, query, page, Order(pair_rule.c.id, pair_rule.c.id))


def managers_of(db: DbSession, program_id: str, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of those who run a program, by when they were put down. Raises NotFound for who does not see it
    from inside. One statement.
    """
    if not sees_program(actor, program_id):
        raise NotFound
    query = select(program_manager).where(program_manager.c.program_id == program_id)
    return fetch(db, query, page, Order(program_manager.c.created_at, program_manager.c.person_id))


def manager_by_id(db: DbSession, program_id: str, person_id: str) -> Any | None:
    """Return the row that says that somebody runs a program; None when there is none."""
    mine = program_manager.c.program_id == program_id, program_manager.c.person_id == person_id
    return db.execute(select(program_manager).where(*mine)).first()


def visible_enrollments(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for the enrolments this actor may see: of themselves, of who reports to them, and of the
    programs that they run.
    """
    if sees_the_house(actor):
        return true()
    return acted_for(actor, enrollment.c.person_id) | enrollment.c.program_id.in_(sorted(actor.programs))


def enrollment_by_id(db: DbSession, program_id: str, enrollment_id: str, *, actor: Actor) -> Any:
    """Return one enrolment's row. Raises NotFound when it is absent, of another program or not for this actor."""
    query = select(enrollment).where(enrollment.c.id == enrollment_id, enrollment.c.program_id == program_id)
    return first_row(db, query.where(visible_enrollments(actor)))


def list_enrollments(
    db: DbSession, program_id: str, wanted: EnrollmentFilter, page: PageRequest, *, actor: Actor
) -> PageOf[Any]:
    """Return a page of the enrolments in a program that the actor may see, oldest first. One statement."""
    query = select(enrollment).where(enrollment.c.program_id == program_id, visible_enrollments(actor))
    if wanted.side:
        query = query.where(enrollment.c.side.in_(wanted.side))
    if wanted.person_id:
        query = query.where(enrollment.c.person_id.in_(wanted.person_id))
    return fetch(db, query, page, Order(enrollment.c.created_at, enrollment.c.id))
