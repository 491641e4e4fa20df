"""Change who is on which side of a program, and how many mentees a mentor takes."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, delete, or_, select

from app import ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden
from app.models import Enrollment
from app.models.tables import enrollment, match, person, preference
from app.operations.changes import UnknownReference, amend, check_version
from app.operations.events import tell
from app.operations.leaving import leave_matches
from app.operations.match_runs import rematch_soon
from app.operations.match_settings import NotEnrolled
from app.operations.matches import hold_programs
from app.operations.programs import check_runs_program
from app.queries import people, programs
from app.queries.rows import row_for_update
from app.rules.access import Actor, may_act_for, runs_program
from app.vocabulary import RunCause, Side


class AlreadyEnrolled(Conflict):
    """The person is on this side of the program."""

    code = "already_enrolled"
    title = "They are enrolled on this side already"


def enroll(
    db: DbSession, *, program_id: str, person_id: str, side: Side, capacity: int, actor: Actor, now: datetime
) -> Enrollment:
    """Put a person on one side of a program; a mentor may be the one for whom somebody waits. Who runs the program
    does. Refused as `already_enrolled`, naming the enrolment.
    """
    programs.program_by_id(db, program_id)
    check_runs_program(actor, program_id)
    if db.execute(select(person.c.id).where(person.c.id == person_id, people.visible(actor))).first() is None:
        raise UnknownReference(faults=(Fault("/person_id", "unknown", "There is no such person."),))
    known = db.execute(
        select(enrollment.c.id).where(
            enrollment.c.program_id == program_id, enrollment.c.person_id == person_id, enrollment.c.side == side
        )
    ).scalar()
    if known is not None:
        raise AlreadyEnrolled("Change that enrolment.", extra={"enrollment_id": known})
    made = Enrollment(
        id=ids.new("enr", now),
        program_id=program_id,
        person_id=person_id,
        side=side,
        capacity=capacity,
        created_at=now,
        updated_at=now,
    )
    db.add(made)
    db.flush()
    tell(db, "enrollment.created", made.id, version=made.version, actor=actor, now=now)
    if side is Side.MENTOR and capacity:
        rematch_soon(db, program_id, RunCause.PLACE_FREED, now)
    return made


def set_capacity(
    db: DbSession,
    *,
    program_id: str,
    enrollment_id: str,
    capacity: int,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Enrollment:
    """Say how many mentees a mentor takes from now on; matches that stand are kept, and more places may be for
    somebody who waits. Mentors say it themselves, their managers for them, and who runs the program for all. Locks the
    program's matches, then the enrolment.
    """
    seen = programs.enrollment_by_id(db, program_id, enrollment_id, actor=actor)
    if not (runs_program(actor, program_id) or (seen.side is Side.MENTOR and may_act_for(actor, seen.person_id))):
        raise Forbidden("Mentors set their own capacity; who runs the program changes the rest.")
    hold_programs(db, [program_id])  # a run that is being published counts on what it has read
    found = row_for_update(db, Enrollment, enrollment_id)
    check_version(found, expected_version)
    more = seen.side is Side.MENTOR and capacity > found.capacity
    changes = {"capacity": capacity}
    amend(db, found, changes, act="enrollment.changed", object_id=enrollment_id, actor=actor, now=now)
    if more:
        rematch_soon(db, program_id, RunCause.PLACE_FREED, now)
    return found


def withdraw(
    db: DbSession,
    *,
    program_id: str,
    enrollment_id: str,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Take a person off their side of a program: the matches that they have there end, and whom they would like, or who
    would like them, is forgotten. Who runs the program does. Locks its matches, then the enrolment.
    """
    seen = programs.enrollment_by_id(db, program_id, enrollment_id, actor=actor)
    check_runs_program(actor, program_id)
    hold_programs(db, [program_id])  # a run that is being published counts on what it has read
    found = row_for_update(db, Enrollment, enrollment_id)
    check_version(found, expected_version)
    on_this_side = (match.c.mentee_id if seen.side is Side.MENTEE else match.c.mentor_id) == seen.person_id
    also = match.c.program_id == program_id, on_this_side
    leave_matches(db, person_id=seen.person_id, also=also, actor=actor, now=now)
    wishes = and_(preference.c.person_id == seen.person_id, preference.c.side == seen.side)
    wished_for = and_(preference.c.preferred_id == seen.person_id, preference.c.side != seen.side)
    db.execute(delete(preference).where(preference.c.program_id == program_id, or_(wishes, wished_for)))
    db.delete(found)
    db.flush()
    tell(db, "enrollment.deleted", enrollment_id, version=found.version + 1, actor=actor, now=now)


def check_enrolled(db: DbSession, program_id: str, sides: Mapping[str, tuple[str, Side]]) -> None:
    """Raise NotEnrolled unless these people are on these sides of a program, given by JSON pointer."""
    query = select(enrollment.c.person_id, enrollment.c.side).where(enrollment.c.program_id == program_id)
    query = query.where(enrollment.c.person_id.in_([who for who, _ in sides.values()]))
    known = {(row.person_id, row.side) for row in db.execute(query)}
    missing = [pointer for pointer, there in sides.items() if there not in known]
    if missing:
        raise NotEnrolled(
            faults=tuple(Fault(one, "not_enrolled", "is not in the program on that side") for one in missing)
        )
