"""Change who works here: create, change, and follow what a CRM says about people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, insert, or_, select

from app import ids
from app.db import DbSession, one_at_a_time
from app.errors import Conflict, Fault, Forbidden, Invalid
from app.models import Person
from app.models.tables import availability, call, person, seat, team
from app.operations import following
from app.operations.api_keys import revoke_keys_of
from app.operations.availability import OFFICE_HOURS, zone_changed
from app.operations.browser_sessions import end_links, sign_out_everywhere
from app.operations.capacity import lock_calls_where, rules_changed
from app.operations.changes import UnknownReference, amend, check_admin, check_complete, check_version, differing
from app.operations.events import tell_many
from app.operations.external import Upserted, identify, identify_many, known_id, known_ids, outdated
from app.operations.jobs import SOON, enqueue
from app.operations.leaving import forget_calendars, leave_matches, leave_sessions, lock_company
from app.operations.power_hours import leave_power_hours
from app.operations.program_managers import may_be_down, take_off_programs
from app.operations.settling import settle_waits_of
from app.queries import people
from app.queries.access import check_acts
from app.queries.rows import in_parts, row_for_update
from app.rules.access import Actor, decides_access, may_change_look, runs_the_house
from app.vocabulary import LIVE_SEATS, PersonStatus, Role

OWN_FIELDS = frozenset(
    {
        "time_zone",
        "languages",
        "seat_capacity",
        "seat_approval",
        "observe_per_day",
        "observe_per_week",
        "host_per_day",
        "host_per_week",
        "host_gap_minutes",
        "sessions_per_day",
        "sessions_per_week",
        "door_default",
        "shortcuts",
    }
)
"""What people change about themselves."""
_LOOK = frozenset({"time_zone", "shortcuts"})
"""How pages look to somebody: on which clock, with which keys."""
_TAKES_PART = frozenset(
    {
        "status",
        "time_zone",
        "seat_approval",
        "observe_per_day",
        "observe_per_week",
        "host_per_day",
        "host_per_week",
        "host_gap_minutes",
    }
)
"""What decides whether somebody may sit in, or have company on their calls."""
_NEW = {
    name: field.get_default(call_default_factory=True)
    for name, field in Person.model_fields.items()
    if not field.is_required()
}
"""What holds of somebody new until it is said otherwise, by column."""
_ADMIN_ALONE = "Only an admin says who may do more than a rep, and how they get in. An integration keeps reps."
_TAKEN = "Change that person, or use another address."
_TREE, _ADMINS = "manager tree", "admins"


class EmailTaken(Conflict):
    """Somebody else has this address."""

    code = "email_taken"
    title = "Somebody else has this e-mail address"


class ManagerCycle(Invalid):
    """The person would report to themselves, directly or through others."""

    code = "manager_cycle"
    title = "Nobody can report to themselves, not even through others"


class LastAdmin(Conflict):
    """Nobody would be left who decides who may do what."""

    code = "last_admin"
    title = "This is the last admin"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to add: the id that they get, their fields, and their names elsewhere as (source, external id)."""

    id: str
    fields: Mapping[str, Any]
    external: tuple[tuple[str, str], ...] = ()


def create_person(
    db: DbSession, *, fields: Mapping[str, Any], external: Iterable[tuple[str, str]] = (), actor: Actor, now: datetime
) -> Person:
    """Add somebody, working Monday to Friday 09:00 to 17:00 until they say otherwise. Who is more than a rep is added
    by who decides that. Refused as `email_taken`.
    """
    new = NewPerson(ids.new("per", now), fields, tuple(external))
    create_people(db, [new], actor=actor, now=now)
    return db.get_one(Person, new.id)


def create_people(db: DbSession, new: Sequence[NewPerson], *, actor: Actor, now: datetime) -> None:
    """Add many people as `create_person` adds one, by a few statements per thousand. Who reports to one of them comes
    after that one.
    """
    check_admin(actor)
    for one in new:
        check_new_role(one.fields.get("role", Role.REP), actor)
    _check_new(db, new)
    if not new:
        return
    same = {**_NEW, "created_at": now, "updated_at": now}
    db.execute(insert(person), [{**same, "id": one.id, **one.fields} for one in new])
    office = {"weekly": [list(day) for day in OFFICE_HOURS], "exceptions": {}, "version": 1, "updated_at": now}
    free = {"buffer_before_minutes": 0, "buffer_after_minutes": 0}
    db.execute(insert(availability), [{"person_id": one.id, **office, **free} for one in new])
    identify_many(db, "person", ((one.id, one.external) for one in new))
    tell_many(db, "person.created", [(one.id, 1) for one in new], actor=actor, now=now)


def check_new_role(role: Role, actor: Actor) -> None:
    """Raise Forbidden when somebody new would do more than a rep, unless the actor decides that."""
    if role is not Role.REP and not decides_access(actor):
        raise Forbidden(_ADMIN_ALONE)


def patch_person(
    db: DbSession,
    *,
    person_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Person:
    """Change what is given. People, and who leads them, change a few things about themselves, admins all. Who has left,
    or becomes an auditor, gives up the seats and sessions ahead of them, and their matches end. The calls they host
    stay, and the seats on them: the CRM says who takes them over, and nobody takes a new seat until then. Another role,
    and leaving, end their browser sessions and API keys, and what they ran of programs; refused as `last_admin`.
    Another address ends their sign-in links and browser sessions, and the old one is told. Locks the person, and when
    they take no part any more those whom they were going to meet, then the calls that follow.
    """
    people.person_by_id(db, person_id, actor=actor)
    if not may_change_look(actor, person_id):
        check_acts(actor)
        raise Forbidden("You can change only yourself and who reports to you.")
    if not changes.keys() <= _LOOK:
        check_acts(actor)
    if not runs_the_house(actor) and not changes.keys() <= OWN_FIELDS:
        raise Forbidden(f"An admin changes that. You can change: {', '.join(sorted(OWN_FIELDS))}.")
    if _takes_no_part(changes):
        lock_company(db, [person_id], now=now)
    found = row_for_update(db, Person, person_id)
    check_version(found, expected_version)
    _apply(db, found, changes, actor=actor, now=now)
    return found


def upsert_person(
    db: DbSession, *, source: str, external_id: str, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> Upserted:
    """Create or change the person whom `source` calls `external_id`. Repeating it changes nothing, and neither does
    an `external_updated_at` older than the one we know. A person with the same e-mail gets the new identity.
    """
    check_admin(actor)
    known = known_id(db, "person", source, external_id)
    identified = known is not None
    if known is None and "email" in changes:
        known = people.ids_by_email(db, [changes["email"]]).get(changes["email"])
    if known is None:
        check_complete(changes, "name", "email", "time_zone")
        made = create_person(db, fields=changes, external=[(source, external_id)], actor=actor, now=now)
        return Upserted("created", made.id, tuple(sorted(changes)))
    if _takes_no_part(changes):
        lock_company(db, [known], now=now)
    found = row_for_update(db, Person, known)
    if not identified:
        identify(db, "person", known, [(source, external_id)])
    also = () if identified else ("external",)
    late = outdated(found.external_updated_at, changes.get("external_updated_at"))
    changed = _apply(db, found, {} if late else changes, also=also, actor=actor, now=now)
    return Upserted("updated" if changed else "unchanged", known, changed)


def lock_for_upserts(
    db: DbSession, several: Sequence[tuple[tuple[str, str], Mapping[str, Any]]], *, actor: Actor, now: datetime
) -> None:
    """Lock what upserting all of these, as (source, external id) and changes, is going to lock."""
    check_admin(actor)
    known = known_ids(db, "person", (ref for ref, _ in several))
    by_email = people.ids_by_email(db, (changes["email"] for _, changes in several if "email" in changes))
    ours = [(known.get(ref) or by_email.get(changes.get("email", ""), ""), changes) for ref, changes in several]
    leaving = {person_id for person_id, changes in ours if _takes_no_part(changes)}
    rows = lock_company(db, leaving, also={*known.values(), *by_email.values()}, now=now)
    if any(changes.get("manager_id") for _, changes in several):
        one_at_a_time(db, _TREE)
    follow: list[ColumnElement[bool]] = []
    for person_id, changes in ours:
        found = rows.get(person_id)
        follow += _following(found, changes, now=now) if found else []
    if follow:
        lock_calls_where(db, or_(*follow))


def _following(found: Any, changes: Mapping[str, Any], *, now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions for the calls that these changes of somebody reach; empty when they reach none."""
    new = differing(found, changes)
    which: list[ColumnElement[bool]] = []
    if "seat_capacity" in new:
        which.append(call.c.host_id == found.id)
    if _takes_no_part(new):
        mine = select(seat.c.call_id).where(seat.c.observer_id == found.id, seat.c.status.in_(LIVE_SEATS))
        which.append(call.c.id.in_(mine) & (call.c.ends_at > now))
    return which


def _takes_no_part(changes: Mapping[str, Any]) -> bool:
    """Whether after these changes somebody does nothing here any more: they leave, or only look on."""
    return changes.get("status") == PersonStatus.LEFT or changes.get("role") == Role.AUDITOR


def _apply(
    db: DbSession,
    found: Person,
    changes: Mapping[str, Any],
    *,
    also: tuple[str, ...] = (),
    actor: Actor,
    now: datetime,
) -> tuple[str, ...]:
    new = differing(found, changes)
    _check_access(db, found, new, actor=actor)
    _check(db, found.id, new)
    if follow := _following(found, changes, now=now):
        lock_calls_where(db, or_(*follow))
    changed = amend(db, found, changes, act="person.changed", object_id=found.id, actor=actor, now=now, also=also)
    left = "status" in changed and found.status == PersonStatus.LEFT
    if "role" in changed or left:
        sign_out_everywhere(db, person_id=found.id, actor=actor, now=now)
        revoke_keys_of(db, person_id=found.id, actor=actor, now=now)
    if "email" in changed:
        _move_ways_in(db, found, actor=actor, now=now)
    if left or ("role" in changed and not may_be_down(found.role)):
        take_off_programs(db, person_id=found.id, actor=actor, now=now)
    if "time_zone" in changed:
        zone_changed(db, person_id=found.id, actor=actor, now=now)
    if "seat_capacity" in changed:
        rules_changed(db, call.c.host_id == found.id, actor=actor, now=now)
    if not _TAKES_PART.isdisjoint(changed):
        settle_waits_of(db, [found.id], now=now)
    if _takes_no_part(new):
        following.release_seats_of(db, observer_id=found.id, actor=actor, now=now)
        leave_sessions(db, person_id=found.id, actor=actor, now=now)
        forget_calendars(db, person_id=found.id)
        leave_matches(db, person_id=found.id, actor=actor, now=now)
        leave_power_hours(db, person_id=found.id, actor=actor, now=now)
    return changed


def _move_ways_in(db: DbSession, found: Person, *, actor: Actor, now: datetime) -> None:
    """End how somebody is in whose address is another from now on, whoever changed it: links go to who has the new one.
    Who has the old one is told, for it may be news to them.
    """
    end_links(db, person_id=found.id, now=now)
    sign_out_everywhere(db, person_id=found.id, actor=actor, now=now)
    if found.status != PersonStatus.LEFT:
        enqueue(db, "address_mail", {"person_id": found.id, "version": found.version}, priority=SOON, now=now)


def _check_access(db: DbSession, found: Person, new: Mapping[str, Any], *, actor: Actor) -> None:
    """Refuse what would let somebody do more than a rep, unless who asks decides that: a role, and, for who has one,
    the address to which sign-in links go, or coming back. Nobody decides it of themselves, and somebody must be left
    who does.
    """
    comes_back = "status" in new and found.status is PersonStatus.LEFT
    gets_in = found.role is not Role.REP and ("email" in new or comes_back)
    if ("role" in new or gets_in) and not decides_access(actor):
        raise Forbidden(_ADMIN_ALONE)
    if "role" in new and found.id == actor.person_id:
        raise Forbidden("Nobody changes their own role: ask another admin.")
    after = new.get("role", found.role), new.get("status", found.status)
    if found.role is Role.ADMIN and (after[0] is not Role.ADMIN or after[1] == PersonStatus.LEFT):
        one_at_a_time(db, _ADMINS)  # two who go at once would each see the other stay
        others = person.c.role == Role.ADMIN, person.c.status != PersonStatus.LEFT, person.c.id != found.id
        if db.execute(select(person.c.id).where(*others).limit(1)).first() is None:
            raise LastAdmin("Make somebody else an admin first.")


def _check_new(db: DbSession, new: Sequence[NewPerson]) -> None:
    """Refuse addresses that others have, and teams and managers that there are not."""
    fields = [one.fields for one in new]
    for part in in_parts(one["email"] for one in fields):
        if people.ids_by_email(db, part):
            raise EmailTaken(_TAKEN)
    _check_there(db, team.c.id, "team_id", "team", {one.get("team_id") for one in fields})
    managers = {one.get("manager_id") for one in fields} - {None, *(one.id for one in new)}
    if managers:
        one_at_a_time(db, _TREE)
    _check_there(db, person.c.id, "manager_id", "person", managers)


def _check_there(db: DbSession, key: Column[str], name: str, what: str, wanted: Iterable[str | None]) -> None:
    for part in in_parts(sorted(one for one in wanted if one)):
        if len(db.execute(select(key).where(key.in_(part))).all()) < len(part):
            raise UnknownReference(faults=(Fault(f"/{name}", "unknown", f"There is no such {what}."),))


def _check(db: DbSession, person_id: str, fields: Mapping[str, Any]) -> None:
    email, team_id, manager_id = fields.get("email"), fields.get("team_id"), fields.get("manager_id")
    if email and people.ids_by_email(db, [email]).get(email) not in (None, person_id):
        raise EmailTaken(_TAKEN)
    _check_there(db, team.c.id, "team_id", "team", [team_id])
    if manager_id:
        one_at_a_time(db, _TREE)  # two changes that are each fine could close a circle together
        _check_there(db, person.c.id, "manager_id", "person", [manager_id])
        if person_id in {manager_id, *people.managers_of(db, manager_id)}:
            raise ManagerCycle("Choose a manager who does not report to this person.")
