"""Import people from a file: who they are, whom they report to, when they work, what they can do and want to hear."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import select

from app import ids
from app.db import DbSession, Retryable
from app.errors import Problem
from app.models.tables import availability, enrollment, person, person_skill, program, skill, team
from app.operations import availability as hours
from app.operations import enrollments, people, person_skills, teams
from app.operations.changes import check_admin, differing
from app.operations.imports import (
    SOURCE,
    ImportReport,
    OnlyWritingTells,
    Tally,
    all_or_none,
    ids_by_email,
    ids_by_external_id,
)
from app.operations.people import NewPerson
from app.operations.remembered_imports import Written
from app.queries import people as people_queries
from app.queries.imports import let_go_by_undo
from app.queries.rows import in_parts
from app.rules.access import Actor
from app.rules.csv_cells import WeeklyHours
from app.rules.csv_files import PeopleFile, PersonRow, RowError
from app.rules.skills import SkillState
from app.vocabulary import PersonStatus, Role, Side

CAN_TEACH = 4
"""At this level somebody teaches unless the file says what they teach."""
_MAY_BE_REFUSED = frozenset({"email", "role", "manager_id", "status"})
"""What of somebody who is here others have a say in."""


def import_people(
    db: DbSession,
    file: PeopleFile,
    *,
    source: str = SOURCE,
    skip_bad: bool = False,
    dry_run: bool = False,
    reads_only: bool = False,
    file_name: str | None = None,
    actor: Actor,
    now: datetime,
) -> ImportReport:
    """Create or change people, found by external id, else by e-mail address; what the file does not say is kept.

    `as` enrols in the default program. Levels that are not listed are kept; wishes and what they teach are replaced.
    Teams are made by name. Importing a file twice changes nothing. Who was let go by the undo of an import comes back.
    Locks the people who change. A dry run may be one that `reads_only`, and raises OnlyWritingTells where that is not
    enough.
    """
    check_admin(actor)
    work = _Import(db, _house(db, file.rows, source), source=source, reads_only=reads_only, actor=actor, now=now)
    return all_or_none(
        db,
        file.errors,
        lambda: work.carry_out(file.rows),
        kind="people",
        file_name=file_name,
        skip_bad=skip_bad,
        dry_run=dry_run,
        actor=actor,
        now=now,
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
    let_go: set[str]
    """Who left only because an import was undone."""

    def person_id(self, row: PersonRow) -> str | None:
        """Who the row is about; None is somebody new."""
        return self.by_external_id.get(row.external_id or "") or self.by_email.get(row.email)


@dataclass(slots=True)
class _Newcomers:
    """Whom the file adds, and what it says of them, until they are written: all at once, by a few statements."""

    teams: dict[str, str] = field(default_factory=dict)
    """Ids of new teams by name."""
    people: dict[str, NewPerson] = field(default_factory=dict)
    """By address; whom others report to come first."""
    hours: dict[str, WeeklyHours] = field(default_factory=dict)
    skills: dict[str, dict[str, SkillState]] = field(default_factory=dict)
    sides: list[tuple[str, Side, int]] = field(default_factory=list)

    def named_by(self, row: PersonRow) -> bool:
        """Whether the row refers to somebody or something that is not written yet."""
        return row.manager_email in self.people or row.team in self.teams


@dataclass(slots=True)
class _Import:
    """One file on its way in: what becomes of a row is decided in its turn, and who is new is written together."""

    db: DbSession
    house: _House
    source: str
    reads_only: bool
    actor: Actor
    now: datetime
    newcomers: _Newcomers = field(default_factory=_Newcomers)

    def carry_out(self, rows: Sequence[PersonRow]) -> Tally:
        house = self.house
        about = [house.person_id(row) for row in rows]  # before any of them changes an address
        self._lock(who for row, who in zip(rows, about, strict=True) if who and not _says_nothing_new(row, who, house))
        tally = Tally()
        written: set[str] = set()
        for row, known in zip(rows, about, strict=True):  # after their managers: nobody reports to one not there yet
            if bad := _unknown(row, house):
                tally.errors += bad
            elif known in written:
                tally.refuse(row.line, "email", "duplicate", "Another row is about this person.")
            elif known and _says_nothing_new(row, known, house):
                tally.rows["unchanged"] += 1
                written.add(known)
            else:
                before = _before(row, known, house, self.source) if known else {}
                try:
                    who = self._change(row, known) if known else self._add(row)
                except Problem as problem:
                    tally.refused(row.line, problem)
                else:
                    written.add(who)
                    tally.rows["updated" if known else "created"] += 1
                    tally.written.append(Written("person", who, known is None, before))
        self._write_newcomers()
        return tally

    def _lock(self, changing: Iterable[str]) -> None:
        if not self.reads_only:
            for part in in_parts(sorted(changing)):
                people_queries.lock_people(self.db, part)

    def _add(self, row: PersonRow) -> str:
        """Take down somebody new. Raises what adding them would."""
        skills = _skills(row, {})
        people.check_new_role(row.role or Role.REP, self.actor)
        person_skills.check_teaching(skills)
        house, new = self.house, self.newcomers
        if row.team and row.team not in house.teams:
            house.teams[row.team] = new.teams[row.team] = ids.new("team", self.now)
        who = ids.new("per", self.now)
        fields = _person_fields(row, house, team_id=house.teams.get(row.team or ""))
        refs = ((self.source, row.external_id),) if row.external_id else ()
        new.people[row.email] = NewPerson(who, fields, refs)
        if row.weekly:
            new.hours[who] = row.weekly
        if skills:
            new.skills[who] = skills
        if row.side:
            new.sides.append((who, row.side, 1 if row.capacity is None else row.capacity))
        house.by_email[row.email] = who
        return who

    def _write_newcomers(self) -> None:
        """Write whoever was taken down. What stands in their way, somebody else has written meanwhile."""
        new, self.newcomers = self.newcomers, _Newcomers()
        if self.reads_only or not new.people:
            return
        db, by = self.db, _By(actor=self.actor, now=self.now)
        try:
            teams.create_teams(db, new.teams, **by)
            people.create_people(db, list(new.people.values()), **by)
            hours.set_first_hours(db, new.hours, **by)
            person_skills.set_first_skills(db, new.skills, **by)
            enrollments.enroll_many(db, new.sides, program_id=self.house.program_id, **by)
        except Problem as problem:
            raise Retryable(problem.code, refusal=problem) from problem

    def _change(self, row: PersonRow, known: str) -> str:
        """Change somebody who is here, with all that belongs to them. Raises what refuses it, with nothing changed."""
        house = self.house
        if self.reads_only:
            team_id = _told(row, known, house, now=self.now)
        else:
            if self.newcomers.named_by(row):
                self._write_newcomers()
            try:
                with self.db.begin_nested():
                    team_id = _change_person(
                        self.db, row, known, house, source=self.source, actor=self.actor, now=self.now
                    )
            except Problem:
                self.db.expire_all()
                raise
        house.by_email.pop(house.people[known].email, None)
        house.by_email[row.email] = known
        if row.team and team_id:
            house.teams[row.team] = team_id
        return known


class _By(TypedDict):
    """Who does it, and when."""

    actor: Actor
    now: datetime


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
        let_go=set(),
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
        house.let_go.update(let_go_by_undo(db, part))
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
    fields = _fields_of(row, who, house, team_id=house.teams.get(row.team or ""))
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


def _fields_of(row: PersonRow, who: str, house: _House, *, team_id: str | None) -> dict[str, Any]:
    """Name what is to hold of somebody who is here: what the row says, and that they are back."""
    back = {"status": PersonStatus.ACTIVE} if who in house.let_go else {}
    return {**_person_fields(row, house, team_id=team_id), **back}


def _before(row: PersonRow, who: str, house: _House, source: str) -> dict[str, Any]:
    """Return what the row is going to change of somebody, as it is: their fields, and what else belongs to them."""
    found = house.people[who]
    new = differing(found, _fields_of(row, who, house, team_id=house.teams.get(row.team or "")))
    if row.team and row.team not in house.teams:
        new["team_id"] = None  # a team that is going to be made
    before: dict[str, Any] = {"fields": {name: getattr(found, name) for name in new}}
    if row.external_id and row.external_id not in house.by_external_id:
        before["external"] = (source, row.external_id)
    own = house.hours[who]
    if row.weekly and own.weekly != [list(span) for span in row.weekly]:
        before["hours"] = {
            "weekly": own.weekly,
            "exceptions": own.exceptions,
            "buffers": (own.buffer_before_minutes, own.buffer_after_minutes),
        }
    skills = house.skills.get(who, {})
    if _skills(row, skills) != skills:
        before["skills"] = {slug: (one.level, one.wants, one.teaches) for slug, one in skills.items()}
    enrolled = house.enrollments.get((who, row.side)) if row.side else None
    if row.side and (enrolled is None or row.capacity not in (None, enrolled.capacity)):
        capacity = enrolled.capacity if enrolled else None
        before["side"] = {"program_id": house.program_id, "side": row.side, "capacity": capacity}
    return before


def _told(row: PersonRow, known: str, house: _House, *, now: datetime) -> str | None:
    """Raise what changing somebody would, and return the id of their team, by what was read. Whether they may have
    another role, address or manager only changing them tells.
    """
    team_id = house.teams.get(row.team) or ids.new("team", now) if row.team else None
    fields = _fields_of(row, known, house, team_id=team_id)
    if differing(house.people[known], fields).keys() & _MAY_BE_REFUSED:
        raise OnlyWritingTells
    before = house.skills.get(known, {})
    if (skills := _skills(row, before)) != before:
        person_skills.check_teaching(skills)
    return team_id


def _change_person(
    db: DbSession, row: PersonRow, who: str, house: _House, *, source: str, actor: Actor, now: datetime
) -> str | None:
    """Change one person with all that belongs to them; return the id of their team."""
    team_id = house.teams.get(row.team) if row.team else None
    if row.team and team_id is None:
        team_id = teams.create_team(db, name=row.team, actor=actor, now=now).id
    fields = _fields_of(row, who, house, team_id=team_id)
    if row.external_id:
        people.upsert_person(db, source=source, external_id=row.external_id, changes=fields, actor=actor, now=now)
    else:
        people.patch_person(db, person_id=who, changes=fields, actor=actor, now=now)
    if row.weekly:
        hours.set_availability(
            db,
            person_id=who,
            time_zone=row.time_zone,
            weekly=row.weekly,
            exceptions=house.hours[who].exceptions,
            buffers=(house.hours[who].buffer_before_minutes, house.hours[who].buffer_after_minutes),
            actor=actor,
            now=now,
        )
    before = house.skills.get(who, {})
    if (skills := _skills(row, before)) != before:
        person_skills.set_skills(db, person_id=who, skills=skills, actor=actor, now=now)
    _enroll(db, row, who, house, actor=actor, now=now)
    return team_id


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
