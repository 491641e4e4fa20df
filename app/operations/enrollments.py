"""Change who is on which side of a program, and how many mentees a mentor takes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, insert, or_, select

from app import ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden
from app.models import Enrollment
from app.models.tables import enrollment, match, person, preference
from app.operations.changes import UnknownReference, amend, check_version
from app.operations.events import tell, tell_many
from app.operations.leaving import leave_matches
from app.operations.match_runs import rematch_soon
from app.operations.match_settings import NotEnrolled
from app.operations.matches import hold_programs
from app.operations.programs import check_runs_program
from app.queries import people, programs
from app.queries.rows import in_parts, row_for_update
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
    made = enroll_many(db, [(person_id, side, capacity)], program_id=program_id, actor=actor, now=now)
    return db.get_one(Enrollment, made[0])


def enroll_many(
    db: DbSession, several: Sequence[tuple[str, Side, int]], *, program_id: str, actor: Actor, now: datetime
) -> list[str]:
    """Put people, as (id, side, capacity), on sides of a program as `enroll` does, and return the ids of the enrolments
    in the same order, by a few statements per thousand.
    """
    programs.program_by_id(db, program_id)
    check_runs_program(actor, program_id)
    for part in in_parts(who for who, _, _ in several):
        here = select(person.c.id).where(person.c.id.in_(part), people.visible(actor))
        if len(db.execute(here).all()) < len(part):
            raise UnknownReference(faults=(Fault("/person_id", "unknown", "There is no such person."),))
    if known := _enrolled(db, program_id, several):
        raise AlreadyEnrolled("Change that enrolment.", extra={"enrollment_id": known})
    same = {"program_id": program_id, "version": 1, "created_at": now, "updated_at": now}
    rows = [
        {"id": ids.new("enr", now), "person_id": who, "side": side, "capacity": capacity, **same}
        for who, side, capacity in several
    ]
    made = [str(row["id"]) for row in rows]
    if rows:
        db.execute(insert(enrollment), rows)
    tell_many(db, "enrollment.created", [(enrollment_id, 1) for enrollment_id in made], actor=actor, now=now)
    if any(side is Side.MENTOR and capacity for _, side, capacity in several):
        rematch_soon(db, program_id, RunCause.PLACE_FREED, now)
    return made


def _enrolled(db: DbSession, program_id: str, several: Sequence[tuple[str, Side, int]]) -> str | None:
    """Return the enrolment of one of these people who is on that side already."""
    wanted = {(who, side) for who, side, _ in several}
    columns = enrollment.c.id, enrollment.c.person_id, enrollment.c.side
    for part in in_parts(who for who, _ in wanted):
        query = select(*columns).where(enrollment.c.program_id == program_id, enrollment.c.person_id.in_(part))
        for found in db.execute(query):
            if (found.person_id, found.side) in wanted:
                enrollment_id: str = found.id
                return enrollment_id
    return None


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
