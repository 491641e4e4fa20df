"""Import people from a file: who they are, whom they report to, when they work, what they can do and want to hear."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import Problem
from app.models.tables import availability, enrollment, person, person_skill, program, skill, team
from app.operations import availability as hours
from app.operations import enrollments, people, person_skills, teams
from app.operations.changes import check_admin
from app.operations.imports import SOURCE, ImportReport, Tally, all_or_none, ids_by_email, ids_by_external_id
from app.queries import people as people_queries
from app.queries.rows import in_parts
from app.rules.access import Actor
from app.rules.csv_files import PeopleFile, PersonRow, RowError
from app.rules.skills import SkillState

CAN_TEACH = 4
"""At this level somebody teaches unless the file says what they teach."""


def import_people(
    db: DbSession,
    file: PeopleFile,
    *,
    source: str = SOURCE,
    skip_bad: bool = False,
    dry_run: bool = False,
    actor: Actor,
    now: datetime,
) -> ImportReport:
    """Create or change people, found by external id, else by e-mail address; what the file does not say is kept.

    `as` enrols in the default program. Levels that are not listed are kept; wishes and what they teach are replaced.
    Teams are made by name. Importing a file twice changes nothing. Locks the people who change.
    """
    check_admin(actor)
    return all_or_none(
        db,
        file.errors,
        lambda: _people(db, file.rows, source=source, actor=actor, now=now),
        skip_bad=skip_bad,
        dry_run=dry_run,
    )


@dataclass(frozen=True, slots=True)
class _House:
    """What is known of the people in a file, kept up to date while its rows are written."""

    by_external_id: dict[str, str]
    by_email: dict[str, str]
    people: dict[str, Any]
    teams: dict[str, str]
    hours: dict[str, Any]
    skills: dict[str, dict[str, SkillState]]
    enrollments: dict[tuple[str, str], Any]
    known_skills: frozenset[str]
    program_id: str

    def person_id(self, row: PersonRow) -> str | None:
        """Who the row is about; None is somebody new."""
        return self.by_external_id.get(row.external_id or "") or self.by_email.get(row.email)


def _people(db: DbSession, rows: Sequence[PersonRow], *, source: str, actor: Actor, now: datetime) -> Tally:
    house = _house(db, rows, source)
    about = [house.person_id(row) for row in rows]  # before any of them changes an address
    changing = [who for row, who in zip(rows, about, strict=True) if who and not _says_nothing_new(row, who, house)]
    for part in in_parts(sorted(changing)):
        people_queries.lock_people(db, part)
    tally = Tally()
    written: set[str] = set()
    for row, known in zip(rows, about, strict=True):  # after their managers: nobody reports to one not there yet
        if bad := _unknown(row, house):
            tally.errors += bad
            continue
        if known in written:
            tally.refuse(row.line, "email", "duplicate", "Another row is about this person.")
            continue
        if known and _says_nothing_new(row, known, house):
            tally.rows["unchanged"] += 1
            written.add(known)
            continue
        try:
            with db.begin_nested():
                who, team_id = _write_person(db, row, known, house, source=source, actor=actor, now=now)
        except Problem as problem:
            db.expire_all()
            tally.refused(row.line, problem)
            continue
        if known:
            house.by_email.pop(house.people[known].email, None)
        house.by_email[row.email] = who
        if row.team and team_id:
            house.teams[row.team] = team_id
        written.add(who)
        tally.rows["updated" if known else "created"] += 1
    return tally


def _house(db: DbSession, rows: Sequence[PersonRow], source: str) -> _House:
    """Read what the rows refer to, by about ten statements per thousand."""
    by_external_id = ids_by_external_id(db, "person", source, (row.external_id for row in rows if row.external_id))
    emails = [row.email for row in rows] + [row.manager_email for row in rows if row.manager_email]
    house = _House(
        by_external_id=by_external_id,
        by_email=ids_by_email(db, emails),
        people={},
        teams={},
        hours={},
        skills={},
        enrollments={},
        known_skills=frozenset(db.execute(select(skill.c.slug)).scalars()),
        program_id=db.execute(select(program.c.id).where(program.c.is_default)).scalar_one(),
    )
    for part in in_parts(row.team for row in rows if row.team):
        house.teams.update({found.name: found.id for found in db.execute(select(team).where(team.c.name.in_(part)))})
    for part in in_parts(who for row in rows if (who := house.person_id(row))):
        house.people.update({found.id: found for found in db.execute(select(person).where(person.c.id.in_(part)))})
        mine = select(availability).where(availability.c.person_id.in_(part))
        house.hours.update({found.person_id: found for found in db.execute(mine)})
        for found in db.execute(select(person_skill).where(person_skill.c.person_id.in_(part))):
            state = SkillState(found.level, found.wants, found.teaches)
            house.skills.setdefault(found.person_id, {})[found.skill] = state
        enrolled = enrollment.c.program_id == house.program_id, enrollment.c.person_id.in_(part)
        for found in db.execute(select(enrollment).where(*enrolled)):
            house.enrollments[found.person_id, found.side] = found
    return house


def _unknown(row: PersonRow, house: _House) -> list[RowError]:
    errors = [
        RowError(row.line, column, "unknown", f"`{column}` names a skill that there is not.")
        for column, slugs in (
            ("skills", [slug for slug, _ in row.levels]),
            ("wants", [slug for slug, _ in row.wants]),
            ("teaches", row.teaches),
        )
        if not house.known_skills.issuperset(slugs)
    ]
    if row.manager_email and row.manager_email not in house.by_email:
        detail = "`manager_email` is nobody here, nor anybody in a good row of this file."
        errors.append(RowError(row.line, "manager_email", "unknown", detail))
    return errors


def _says_nothing_new(row: PersonRow, who: str, house: _House) -> bool:
    found = house.people[who]
    fields = _person_fields(row, house, team_id=house.teams.get(row.team or ""))
    enrolled = house.enrollments.get((who, row.side)) if row.side else None
    return (
        (row.external_id is None or row.external_id in house.by_external_id)
        and (row.team is None or row.team in house.teams)
        and all(getattr(found, name) == value for name, value in fields.items())
        and (not row.weekly or house.hours[who].weekly == [list(span) for span in row.weekly])
        and _skills(row, house.skills.get(who, {})) == house.skills.get(who, {})
        and (row.side is None or (enrolled is not None and row.capacity in (None, enrolled.capacity)))
    )


def _person_fields(row: PersonRow, house: _House, *, team_id: str | None) -> dict[str, Any]:
    """Name what the row says as a person's fields are named."""
    said = {
        "role": row.role,
        "team_id": team_id,
        "manager_id": house.by_email.get(row.manager_email) if row.manager_email else None,
        "started_on": row.started_on,
        "grade": row.grade,
        "languages": list(row.languages) or None,
        "segments": list(row.segments) or None,
    }
    return {
        "name": row.name,
        "email": row.email,
        "time_zone": row.time_zone,
        **{name: value for name, value in said.items() if value is not None},
    }


def _write_person(
    db: DbSession, row: PersonRow, known: str | None, house: _House, *, source: str, actor: Actor, now: datetime
) -> tuple[str, str | None]:
    """Create or change one person with all that belongs to them; return their id and that of their team."""
    team_id = house.teams.get(row.team) if row.team else None
    if row.team and team_id is None:
        team_id = teams.create_team(db, name=row.team, actor=actor, now=now).id
    fields = _person_fields(row, house, team_id=team_id)
    if known is None:  # not an upsert: that takes a lock for each new identity, and a file may hold thousands
        refs = [(source, row.external_id)] if row.external_id else []
        who = people.create_person(db, fields=fields, external=refs, actor=actor, now=now).id
    elif row.external_id:
        who = people.upsert_person(
            db, source=source, external_id=row.external_id, changes=fields, actor=actor, now=now
        ).id
    else:
        who = people.patch_person(db, person_id=known, changes=fields, actor=actor, now=now).id
    exceptions = house.hours[who].exceptions if who in house.hours else {}
    if row.weekly:
        hours.set_availability(
            db,
            person_id=who,
            time_zone=row.time_zone,
            weekly=row.weekly,
            exceptions=exceptions,
            actor=actor,
            now=now,
        )
    before = house.skills.get(who, {})
    if (skills := _skills(row, before)) != before:
        person_skills.set_skills(db, person_id=who, skills=skills, actor=actor, now=now)
    _enroll(db, row, who, house, actor=actor, now=now)
    return who, team_id


def _skills(row: PersonRow, before: Mapping[str, SkillState]) -> dict[str, SkillState]:
    """What stands after the row: levels that it does not list are kept, wishes and teaching are replaced if given."""
    after = dict(before)
    if row.wants:
        after = {slug: replace(state, wants=0) for slug, state in after.items()}
    if row.teaches:
        after = {slug: replace(state, teaches=False) for slug, state in after.items()}
    none = SkillState()
    for slug, level in row.levels:
        new = slug not in before and not row.teaches
        state = after.get(slug, none)
        after[slug] = replace(state, level=level, teaches=state.teaches or (new and level >= CAN_TEACH))
    for slug, wants in row.wants:
        after[slug] = replace(after.get(slug, none), wants=wants)
    for slug in row.teaches:
        after[slug] = replace(after.get(slug, none), teaches=True)
    return {slug: state for slug, state in after.items() if state != none or slug in before}


def _enroll(db: DbSession, row: PersonRow, who: str, house: _House, *, actor: Actor, now: datetime) -> None:
    if row.side is None:
        return
    enrolled = house.enrollments.get((who, row.side))
    if enrolled is None:
        enrollments.enroll(
            db,
            program_id=house.program_id,
            person_id=who,
            side=row.side,
            capacity=1 if row.capacity is None else row.capacity,
            actor=actor,
            now=now,
        )
    elif row.capacity is not None:
        enrollments.set_capacity(
            db,
            program_id=house.program_id,
            enrollment_id=enrolled.id,
            capacity=row.capacity,
            actor=actor,
            now=now,
        )
