"""Programs, enrolments, and what programs say of pairs."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.errors import Forbidden, NotFound, Stale
from app.operations import enrollments, pair_rules, program_managers
from app.operations import programs as operations
from app.operations.changes import NameTaken, UnknownReference
from app.operations.enrollments import AlreadyEnrolled
from app.operations.match_settings import NotEnrolled
from app.operations.pair_rules import AlreadyForced
from app.operations.program_managers import NoProgramManager
from app.operations.programs import WeightsAllZero
from app.queries import programs
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.programs import (
    CreateEnrollment,
    CreateProgram,
    EnrollmentRead,
    PairRuleRead,
    PatchEnrollment,
    PatchProgram,
    ProgramManagerRead,
    ProgramRead,
    PutPairRule,
)
from app.schemas.shapes import Listing
from app.vocabulary import Side

router = APIRouter(prefix="/v1/programs", tags=["programs"], route_class=Route)


@router.get("", operation_id="programs_list", responses=refusals())
def list_programs(db: ReadDb, _actor: CurrentActor, page: Page, answer: Answer) -> Listing[ProgramRead]:
    """List the programs, oldest first."""
    found = programs.list_programs(db, page)
    data = [ProgramRead.of(row) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "", status_code=201, operation_id="programs_create", responses=refusals(Forbidden, NameTaken, WeightsAllZero)
)
def create_program(body: CreateProgram, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> ProgramRead:
    """Add a program."""
    made = operations.create_program(
        db,
        name=body.name,
        weights=body.weights.model_dump(exclude_unset=True),
        constraints=body.constraints.model_dump(exclude_unset=True),
        approval=body.approval,
        requests_open=body.requests_open,
        actor=actor,
        now=now,
    )
    return answer.created(f"/v1/programs/{made.id}", made.version, ProgramRead.of(made))


@router.get("/{program_id}", operation_id="programs_get", responses=refusals(NotFound))
def get_program(program_id: str, db: ReadDb, _actor: CurrentActor, answer: Answer) -> ProgramRead:
    """Read one program."""
    found = programs.program_by_id(db, program_id)
    return answer.version(found.version, ProgramRead.of(found))


@router.patch(
    "/{program_id}",
    operation_id="programs_patch",
    responses=refusals(Forbidden, NotFound, NameTaken, Stale, WeightsAllZero),
)
def patch_program(
    program_id: str, body: PatchProgram, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> ProgramRead:
    """Change a program (JSON Merge Patch): absent keeps, and so it does within the weights and the constraints."""
    changes = body.model_dump(exclude_unset=True)
    found = operations.patch_program(
        db, program_id=program_id, changes=changes, expected_version=if_match, actor=actor, now=now
    )
    return answer.version(found.version, ProgramRead.of(found))


@router.get("/{program_id}/enrollments", operation_id="enrollments_list", responses=refusals(NotFound))
def list_enrollments(
    program_id: str,
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    side: Annotated[list[Side], Query(alias="as")] = [],
    person_id: Annotated[list[str], Query()] = [],
) -> Listing[EnrollmentRead]:
    """List the enrolments you may see, oldest first: your own, of who reports to you, and of programs that you run."""
    programs.program_by_id(db, program_id)
    wanted = programs.EnrollmentFilter(tuple(side), tuple(person_id))
    found = programs.list_enrollments(db, program_id, wanted, page, actor=actor)
    data = [EnrollmentRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "/{program_id}/enrollments",
    status_code=201,
    operation_id="enrollments_create",
    responses=refusals(Forbidden, NotFound, AlreadyEnrolled, UnknownReference),
)
def enroll(
    program_id: str, body: CreateEnrollment, db: Db, now: Now, actor: CurrentActor, answer: Answer
) -> EnrollmentRead:
    """Put a person on one side of a program. One person may be on both."""
    made = enrollments.enroll(
        db,
        program_id=program_id,
        person_id=body.person_id,
        side=body.side,
        capacity=body.capacity,
        actor=actor,
        now=now,
    )
    place = f"/v1/programs/{program_id}/enrollments/{made.id}"
    return answer.created(place, made.version, EnrollmentRead.model_validate(made))


@router.get("/{program_id}/enrollments/{enrollment_id}", operation_id="enrollments_get", responses=refusals(NotFound))
def get_enrollment(
    program_id: str, enrollment_id: str, db: ReadDb, actor: CurrentActor, answer: Answer
) -> EnrollmentRead:
    """Read one enrolment."""
    found = programs.enrollment_by_id(db, program_id, enrollment_id, actor=actor)
    return answer.version(found.version, EnrollmentRead.model_validate(found))


@router.patch(
    "/{program_id}/enrollments/{enrollment_id}",
    operation_id="enrollments_patch",
    responses=refusals(Forbidden, NotFound, Stale),
)
def patch_enrollment(
    program_id: str,
    enrollment_id: str,
    body: PatchEnrollment,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
) -> EnrollmentRead:
    """Say how many mentees a mentor takes from now on; matches that stand are kept. Mentors set their own, and whoever
    leads them.
    """
    found = enrollments.set_capacity(
        db,
        program_id=program_id,
        enrollment_id=enrollment_id,
        capacity=body.capacity,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return answer.version(found.version, EnrollmentRead.model_validate(found))


@router.delete(
    "/{program_id}/enrollments/{enrollment_id}",
    status_code=204,
    operation_id="enrollments_delete",
    responses=refusals(Forbidden, NotFound, Stale),
)
def withdraw(program_id: str, enrollment_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch) -> None:
    """Take a person off their side of a program. The matches that they have there end."""
    enrollments.withdraw(
        db, program_id=program_id, enrollment_id=enrollment_id, expected_version=if_match, actor=actor, now=now
    )


@router.get("/{program_id}/managers", operation_id="program_managers_list", responses=refusals(NotFound))
def list_managers(
    program_id: str, db: ReadDb, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[ProgramManagerRead]:
    """List those who run a program besides admins. Who runs it sees them."""
    programs.program_by_id(db, program_id)
    found = programs.managers_of(db, program_id, page, actor=actor)
    return answer.page(found, [ProgramManagerRead.model_validate(row) for row in found.rows])


@router.put(
    "/{program_id}/managers/{person_id}",
    operation_id="program_managers_put",
    responses=refusals(Forbidden, NotFound, NoProgramManager),
)
def put_manager(program_id: str, person_id: str, db: Db, now: Now, actor: CurrentActor) -> ProgramManagerRead:
    """Let a person run a program: its rules, runs, matches and enrolments. Their role is `program_manager`."""
    found = program_managers.add_manager(db, program_id=program_id, person_id=person_id, actor=actor, now=now)
    return ProgramManagerRead.model_validate(found)


@router.delete(
    "/{program_id}/managers/{person_id}",
    status_code=204,
    operation_id="program_managers_delete",
    responses=refusals(Forbidden, NotFound),
)
def delete_manager(program_id: str, person_id: str, db: Db, now: Now, actor: CurrentActor) -> None:
    """Let a person run a program no longer."""
    program_managers.remove_manager(db, program_id=program_id, person_id=person_id, actor=actor, now=now)


@router.get("/{program_id}/pair-rules", operation_id="pair_rules_list", responses=refusals(NotFound))
def list_pair_rules(
    program_id: str, db: ReadDb, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[PairRuleRead]:
    """List the pairs that every match run of the program forces or avoids, oldest first."""
    programs.program_by_id(db, program_id)
    found = programs.list_pair_rules(db, program_id, page, actor=actor)
    data = [PairRuleRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.put(
    "/{program_id}/pair-rules",
    operation_id="pair_rules_put",
    responses=refusals(Forbidden, NotFound, AlreadyForced, NotEnrolled),
)
def put_pair_rule(program_id: str, body: PutPairRule, db: Db, now: Now, actor: CurrentActor) -> PairRuleRead:
    """Force or forbid a pair in every match run of the program from now on. A match of theirs stays until the next."""
    found = pair_rules.put_pair_rule(
        db,
        program_id=program_id,
        mentee_id=body.mentee_id,
        mentor_id=body.mentor_id,
        kind=body.kind,
        actor=actor,
        now=now,
    )
    return PairRuleRead.model_validate(found)


@router.delete(
    "/{program_id}/pair-rules",
    status_code=204,
    operation_id="pair_rules_delete",
    responses=refusals(Forbidden, NotFound),
)
def delete_pair_rule(
    program_id: str,
    db: Db,
    now: Now,
    actor: CurrentActor,
    mentee_id: Annotated[str, Query(max_length=48, examples=["per_01jd6x0000e8r9sv4kz2m7n5qa"])],
    mentor_id: Annotated[str, Query(max_length=48, examples=["per_01jd6x0000e8r9sv4kz2m7n5qb"])],
) -> None:
    """Say nothing of a pair any more."""
    pair_rules.delete_pair_rule(
        db, program_id=program_id, mentee_id=mentee_id, mentor_id=mentor_id, actor=actor, now=now
    )
