"""Make, change and cancel power hours: blocks in which several dial at once and others go from one to the next."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid, Stale
from app.models import PowerHour
from app.models.tables import power_hour, power_hour_part, team
from app.operations import invites
from app.operations.changes import UnknownReference, amend, check_version
from app.operations.events import tell
from app.operations.notices import NewNotice, write_notices
from app.operations.refused import Past, SlotTaken
from app.queries import addressees, people, power_hours
from app.queries.power_hours import PowerHourPeople
from app.queries.rows import row_for_update
from app.rules import rotation
from app.rules.access import Actor, may_act_for_all
from app.rules.rotation import Turn
from app.vocabulary import MessageKind, Part, PersonStatus

LONGEST = timedelta(hours=4)
_LISTS = ("host_ids", "observer_ids")


def create_power_hour(db: DbSession, *, values: Mapping[str, Any], actor: Actor, now: datetime) -> Any:
    """Add a power hour and return its row: `values` are its columns, and `host_ids` and `observer_ids` in the order of
    the rotation. Who leads all of its people does, or an admin. Refused as `slot_taken`, naming who, when somebody is
    in another one at that time. Locks its people.
    """
    who = [*values["host_ids"], *values["observer_ids"]]
    _check_leads(actor, who)
    _check_values(db, values)
    if values["starts_at"] < now:
        raise _begun("/starts_at")
    _lock_people(db, values)
    _check_free(db, who, values, but="")
    columns = {name: value for name, value in values.items() if name not in _LISTS}
    made = PowerHour(id=ids.new("pwr", now), **columns, created_at=now, updated_at=now)
    db.add(made)
    db.flush()
    _put_people(db, made.id, values)
    tell(db, "power_hour.created", made.id, version=made.version, actor=actor, now=now)
    known = _known(made, values["host_ids"], values["observer_ids"])
    _say_to_people(db, made.id, {}, known, version=made.version, actor=actor, now=now)
    return made


def patch_power_hour(
    db: DbSession,
    *,
    power_hour_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> Any:
    """Change what is given, until the hour is over, and return its row. Who leads all who are in it and all who come
    to it does, or an admin. Repeating it changes nothing. Locks the people, then the hour.
    """
    found, before = _locked(db, power_hour_id, expected_version, _listed(changes), actor=actor, now=now)
    lists = {"host_ids": list(before.hosts), "observer_ids": list(before.observers)}
    values = {**{name: getattr(found, name) for name in _COLUMNS}, **lists, **changes}
    _check_values(db, values)
    if values["starts_at"] != found.starts_at and values["starts_at"] < now:
        raise _begun("/starts_at")
    if values["ends_at"] <= now:
        raise _begun("/ends_at")
    _lock_people(db, values)
    _check_free(db, _listed(values), values, but=power_hour_id)
    also = [name for name in _LISTS if values[name] != lists[name]]
    columns = {name: values[name] for name in _COLUMNS}
    known = _known(found, before.hosts, before.observers)
    amend(db, found, columns, act="power_hour.changed", object_id=power_hour_id, actor=actor, now=now, also=also)
    if also:
        _put_people(db, power_hour_id, values)
    stands = _known(found, values["host_ids"], values["observer_ids"])
    _say_to_people(db, power_hour_id, known, stands, version=found.version, actor=actor, now=now)
    return found


def cancel_power_hour(
    db: DbSession, *, power_hour_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Take a power hour off that is not over. Who leads all of its people does, or an admin. Locks them, then it."""
    found, stands = _locked(db, power_hour_id, expected_version, (), actor=actor, now=now)
    known = _known(found, stands.hosts, stands.observers)
    db.execute(delete(power_hour_part).where(power_hour_part.c.power_hour_id == power_hour_id))
    db.delete(found)
    db.flush()
    tell(db, "power_hour.cancelled", power_hour_id, version=found.version + 1, actor=actor, now=now)
    _say_to_people(db, power_hour_id, known, {}, version=found.version + 1, actor=actor, now=now)


def leave_power_hours(db: DbSession, *, person_id: str, actor: Actor, now: datetime) -> None:
    """Take somebody who has left off all power hours that are not over: the others' turns follow anew, and those whose
    turns are others then are told. The person is locked; locks the hours by id.
    """
    theirs = select(power_hour_part.c.power_hour_id).where(power_hour_part.c.person_id == person_id)
    ahead = select(power_hour).where(power_hour.c.id.in_(theirs), power_hour.c.ends_at > now)
    rows = db.execute(ahead.order_by(power_hour.c.id).with_for_update(key_share=True)).all()
    several = power_hours.people_of(db, [row.id for row in rows]) if rows else {}
    for row in rows:
        stood = several[row.id]
        known = _known(row, stood.hosts, stood.observers)
        left = _known(row, *([one for one in part if one != person_id] for part in (stood.hosts, stood.observers)))
        mine = power_hour_part.c.power_hour_id == row.id, power_hour_part.c.person_id == person_id
        db.execute(delete(power_hour_part).where(*mine))
        changed = update(power_hour).where(power_hour.c.id == row.id)
        db.execute(changed.values(version=row.version + 1, updated_at=now))
        tell(db, "power_hour.changed", row.id, version=row.version + 1, actor=actor, now=now)
        _say_to_people(db, row.id, known, left, version=row.version + 1, actor=actor, now=now)


_COLUMNS = ("name", "team_id", "starts_at", "ends_at", "rotation_minutes")


def _locked(
    db: DbSession, power_hour_id: str, expected: int | None, come: Iterable[str], *, actor: Actor, now: datetime
) -> tuple[PowerHour, PowerHourPeople]:
    """Return a power hour that the actor may change, and its people, all locked with those who come to it."""
    power_hours.power_hour_by_id(db, power_hour_id, actor=actor)
    seen = power_hours.people_of(db, [power_hour_id]).get(power_hour_id, PowerHourPeople())
    _check_leads(actor, [*seen.ids, *come])
    people.lock_people(db, [*seen.ids, *come])
    found = row_for_update(db, PowerHour, power_hour_id)
    check_version(found, expected)
    stands = power_hours.people_of(db, [power_hour_id]).get(power_hour_id, PowerHourPeople())
    if not {*stands.ids} <= {*seen.ids, *come}:  # somebody came to it meanwhile, who is not locked
        raise Stale("Read it again, then change it.")
    if found.ends_at <= now:
        raise Past("This power hour is over and stays as it was. Make a new one.")
    return found, stands


def _listed(values: Mapping[str, Any]) -> list[str]:
    return [one for name in _LISTS for one in values.get(name, ())]


def _check_leads(actor: Actor, who: Sequence[str]) -> None:
    if not may_act_for_all(actor, who):
        raise Forbidden("Who leads all of its people does that, or an admin: leave out those whom you do not lead.")


def _check_values(db: DbSession, values: Mapping[str, Any]) -> None:
    """Refuse what makes no power hour, saying which field is wrong and what it takes."""
    length = values["ends_at"] - values["starts_at"]
    if length <= timedelta(0):
        raise _fault("/ends_at", "end_before_start", "must be later than starts_at")
    if length > LONGEST:
        raise _fault("/ends_at", "lasts_too_long", "must be within four hours of starts_at")
    if timedelta(minutes=values["rotation_minutes"]) > length:
        raise _fault("/rotation_minutes", "lasts_too_long", "must fit between starts_at and ends_at")
    if len({*_listed(values)}) < len(_listed(values)):
        raise _fault("/observer_ids", "twice", "must name everybody once, as host or as observer")
    team_id = values.get("team_id")
    if team_id is not None and db.execute(select(team.c.id).where(team.c.id == team_id)).first() is None:
        raise UnknownReference(faults=(Fault("/team_id", "unknown", "There is no such team."),))


def _fault(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid(f"{pointer[1:]} {detail}.", faults=(Fault(pointer, code, detail),))


def _begun(pointer: str) -> Past:
    return Past("Choose a time that is still to come.", faults=(Fault(pointer, "past", "must be later than now"),))


def _lock_people(db: DbSession, values: Mapping[str, Any]) -> None:
    """Lock everybody by id, and refuse who is not here."""
    rows = people.lock_people(db, _listed(values))
    here = {person_id for person_id, row in rows.items() if row.status is not PersonStatus.LEFT}
    faults = tuple(
        Fault(f"/{name}/{number}", "unknown", "There is nobody like this here.")
        for name in _LISTS
        for number, one in enumerate(values[name])
        if one not in here
    )
    if faults:
        raise UnknownReference(faults=faults)


def _check_free(db: DbSession, who: Sequence[str], values: Mapping[str, Any], *, but: str) -> None:
    """Refuse when somebody is in another power hour at that time: nobody listens at two places."""
    query = (
        select(power_hour_part.c.person_id, power_hour.c.starts_at, power_hour.c.ends_at)
        .join(power_hour, power_hour.c.id == power_hour_part.c.power_hour_id)
        .where(
            power_hour_part.c.person_id.in_(who),
            power_hour.c.id != but,
            power_hour.c.starts_at < values["ends_at"],
            power_hour.c.ends_at > values["starts_at"],
        )
    )
    found = db.execute(query.order_by(power_hour.c.starts_at, power_hour_part.c.person_id).limit(1)).first()
    if found is not None:
        raise SlotTaken(
            "Somebody is in another power hour at that time. Choose another time, or leave them out.",
            extra={
                "person_id": found.person_id,
                "blocking_starts_at": found.starts_at,
                "blocking_ends_at": found.ends_at,
            },
        )


def _put_people(db: DbSession, power_hour_id: str, values: Mapping[str, Any]) -> None:
    db.execute(delete(power_hour_part).where(power_hour_part.c.power_hour_id == power_hour_id))
    rows = [
        {"power_hour_id": power_hour_id, "person_id": one, "part": part, "place": place}
        for part, name in ((Part.HOST, "host_ids"), (Part.OBSERVER, "observer_ids"))
        for place, one in enumerate(values[name])
    ]
    db.execute(insert(power_hour_part), rows)


class _Known(NamedTuple):
    """What somebody knows of a power hour: when it begins and ends, as what they take part, and whom they hear when, or
    who hears them.
    """

    starts_at: datetime
    ends_at: datetime
    part: Part
    turns: frozenset[Turn]


def _known(row: Any, hosts: Sequence[str], observers: Sequence[str]) -> dict[str, _Known]:
    """Return what everybody in a power hour knows of it."""
    times = {"starts_at": row.starts_at, "ends_at": row.ends_at, "rotation_minutes": row.rotation_minutes}
    turns = rotation.turns(hosts, observers, **times)
    return {
        one: _Known(
            row.starts_at, row.ends_at, part, frozenset(turn for turn in turns if one in (turn.host, turn.observer))
        )
        for part, several in ((Part.HOST, hosts), (Part.OBSERVER, observers))
        for one in several
    }


def _say_to_people(
    db: DbSession,
    power_hour_id: str,
    before: Mapping[str, _Known],
    after: Mapping[str, _Known],
    *,
    version: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Bring the calendars of all in step for whom something about a power hour is not as it was before, and write to
    them, but for who did it themselves and who has left. From here, not from its event: whoever is out of it is nowhere
    to be found by then.
    """
    anew = {one for one in {*before, *after} if before.get(one) != after.get(one)}
    invites.power_hour_changed(db, power_hour_id=power_hour_id, staying=after, anew=anew, now=now)
    concerned = anew - {actor.name}
    gone = addressees.gone(db, concerned) if concerned else set()
    several = []
    for one in sorted(concerned - gone):
        kind = MessageKind.POWER_HOUR_CHANGED
        if one not in after:
            kind = MessageKind.POWER_HOUR_OFF
        elif one not in before:
            kind = MessageKind.POWER_HOUR_PLANNED
        stands = after.get(one) or before[one]
        once = f"{kind}:{power_hour_id}:{one}:{version}"
        about: dict[str, Any] = {"person_id": one, "about_id": power_hour_id, "starts_at": stands.starts_at}
        several.append(NewNotice(kind=kind, **about, once=once, due_at=now))
    write_notices(db, several, now=now)
