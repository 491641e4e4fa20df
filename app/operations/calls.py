"""Change which calls there are: create, change, follow what a CRM says, cancel. Seats go where their call goes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Conflict, Fault, Forbidden, Invalid
from app.models.tables import call as calls_table
from app.models.tables import person, seat
from app.operations import following, locks, waitlist
from app.operations.capacity import References, allotment, capacity, hold_references, references, renumber
from app.operations.changes import UnknownReference, before_and_after, check_complete, check_version
from app.operations.clashes import look_for_clashes
from app.operations.entries import shown_anew
from app.operations.events import tell, tell_many
from app.operations.external import Upserted, identify_many, known_id, known_ids, outdated
from app.operations.hands import lower_hands
from app.operations.refused import NotActive, Past
from app.operations.settling import settle_waits_of
from app.queries import calls, people
from app.queries.access import check_acts
from app.queries.rows import in_parts
from app.rules import floor
from app.rules.access import Actor, may_act_for, runs_the_house
from app.rules.classification import call_type as classified
from app.vocabulary import CallStatus, Door, PersonStatus, SeatStatus, TypeSource

HOST_FIELDS = frozenset({"seat_capacity", "sensitive"})
"""What hosts change about their calls."""
LONGEST = timedelta(days=1)
"""Of a call: more is a wrong date, and would keep its host and observers from everything."""
_NEW = {"status": CallStatus.SCHEDULED, "sensitive": False, "language": "en", "colleagues_invited": 0}
_OPTIONAL = (
    "account_id",
    "stage",
    "product",
    "region",
    "meeting_url",
    "seat_capacity_override",
    "external_updated_at",
)
_HOSTING = frozenset({"starts_at", "ends_at", "host_id", "status"})
"""What decides when whom a call takes."""
_TIME_OR_HOST = _HOSTING - {"status"}
_SEATING = frozenset({"seat_capacity_override", "colleagues_invited", "account_id", "host_id", "type"})


class CapacityBelowTaken(Conflict):
    """More seats are taken than there would be."""

    code = "capacity_below_taken"
    title = "More seats are taken than there would be"


class CallOver(Conflict):
    """The call has ended or was cancelled."""

    code = "call_over"
    title = "The call has ended or was cancelled"


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to add: the fields of its body, and its names elsewhere as (source, external id)."""

    fields: Mapping[str, Any]
    external: tuple[tuple[str, str], ...] = ()


def create_call(
    db: DbSession, *, fields: Mapping[str, Any], external: Iterable[tuple[str, str]] = (), actor: Actor, now: datetime
) -> str:
    """Add a call and return its id. Without a type it is classified by title and stage."""
    return create_calls(db, [NewCall(fields, tuple(external))], actor=actor, now=now)[0]


def create_calls(db: DbSession, new: Sequence[NewCall], *, actor: Actor, now: datetime) -> list[str]:
    """Add many calls and return their ids in the same order, by a few statements per thousand."""
    if not runs_the_house(actor):
        raise Forbidden("Calls come from an admin or the CRM.")
    hosts = {one.fields["host_id"] for one in new}
    for part in in_parts(sorted(hosts)):
        people.lock_people(db, part)
    _check_here(db, hosts)
    hold_references(db, (account_id for one in new if (account_id := one.fields.get("account_id"))))
    known = references(db, [one.fields for one in new])
    rows = [_new_row(one.fields, known, now=now) for one in new]
    if not rows:
        return []
    db.execute(insert(calls_table), rows)
    made = [row["id"] for row in rows]
    identify_many(db, "call", list(zip(made, (one.external for one in new), strict=True)))
    tell_many(db, "call.created", [(call_id, 1) for call_id in made], actor=actor, now=now)
    look_for_clashes(db, (row["host_id"] for row in rows), now=now)
    return made


def patch_call(
    db: DbSession,
    *,
    call_id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> tuple[str, ...]:
    """Change what is given and return the names of the fields that changed; seats and calendars follow.

    Hosts, and who leads them, change whether and how many may sit in; admins all. Refused as `capacity_below_taken`
    when more seats are taken than there would be. Locks everybody on the call, then the call.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not runs_the_house(actor) and not (may_act_for(actor, seen.host_id) and changes.keys() <= HOST_FIELDS):
        check_acts(actor)
        raise Forbidden(
            f"Hosts change {' and '.join(sorted(HOST_FIELDS))} of their own calls; an admin changes the rest."
        )
    found = locks.lock_call_with_people(db, call_id, **_taking_from([changes]))
    check_version(found, expected_version)
    return _apply(db, found, changes, actor=actor, now=now)


def upsert_call(
    db: DbSession, *, source: str, external_id: str, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> Upserted:
    """Create or change the call that `source` calls `external_id`. Repeating it changes nothing, and neither does an
    `external_updated_at` older than the one we know. With the status `cancelled` it is cancelled and its seats with
    it, and nothing else is changed; with `scheduled` one that was cancelled is on again, without its seats, and any
    other keeps its status: what became of a call is said here.
    """
    if not runs_the_house(actor):
        raise Forbidden("Calls come from an admin or the CRM.")
    known = known_id(db, "call", source, external_id)
    if known is None:
        check_complete(changes, "title", "host_id", "starts_at", "ends_at")
        made = create_call(db, fields=changes, external=[(source, external_id)], actor=actor, now=now)
        return Upserted("created", made, tuple(sorted(changes)))
    found = locks.lock_call_with_people(db, known, **_taking_from([changes]))
    if outdated(found.external_updated_at, changes.get("external_updated_at")):
        return Upserted("unchanged", known)
    if changes.get("status") == CallStatus.CANCELLED:
        changes = {name: value for name, value in changes.items() if name == "external_updated_at"}
        if floor.by_clock_alone(found) and found.ends_at > now:
            _cancel(db, found, changes, actor=actor, now=now)
            return Upserted("updated", known, ("status",))
    elif found.status is not CallStatus.CANCELLED:
        changes = {name: value for name, value in changes.items() if name != "status"}
    changed = _apply(db, found, changes, actor=actor, now=now)
    return Upserted("updated" if changed else "unchanged", known, changed)


def lock_for_upserts(
    db: DbSession, several: Sequence[tuple[tuple[str, str], Mapping[str, Any]]], *, actor: Actor
) -> None:
    """Lock what upserting all of these, as (source, external id) and changes, is going to lock."""
    if not runs_the_house(actor):
        raise Forbidden("Calls come from an admin or the CRM.")
    known = known_ids(db, "call", (ref for ref, _ in several))
    locks.lock_calls(db, known.values(), **_taking_from([changes for _, changes in several]))


def cancel_call(
    db: DbSession, *, call_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Cancel a call and its seats; everybody on it is told once. Repeating it changes nothing. Refused as `call_over`
    once it is, or somebody has heard it.
    """
    seen = calls.call_by_id(db, call_id, actor=actor)
    if not may_act_for(actor, seen.host_id):
        check_acts(actor)
        raise Forbidden("The host cancels a call, who leads them, or an admin.")
    found = locks.lock_call_with_people(db, call_id)
    check_version(found, expected_version)
    if found.status is CallStatus.CANCELLED:
        return
    if not floor.by_clock_alone(found):
        raise CallOver(f"It is {found.status}.")
    if found.ends_at <= now:
        raise CallOver("It has ended, and whoever sat in has heard it.")
    _cancel(db, found, {}, actor=actor, now=now)


def _cancel(db: DbSession, found: Any, stamp: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    if found.starts_at <= now and was_heard(db, found.id):
        raise CallOver("Somebody has heard it.")
    _write(db, found, {"status": CallStatus.CANCELLED, "door": Door.CLOSED, **stamp}, now=now)
    lower_hands(db, found.id, now=now)
    tell(db, "call.cancelled", found.id, version=found.version + 1, actor=actor, now=now)
    following.call_over(db, found, actor=actor, now=now)
    settle_waits_of(db, [found.host_id], now=now)


def who_left(db: DbSession, person_ids: Iterable[str]) -> set[str]:
    """Return those of these people who work here no longer: they host no call. One statement per thousand."""
    gone = select(person.c.id).where(person.c.status == PersonStatus.LEFT)
    return {who for part in in_parts(person_ids) for who in db.execute(gone.where(person.c.id.in_(part))).scalars()}


def says_nothing_new(found: Any, changes: Mapping[str, Any]) -> bool:
    """Whether a call's row has all of this already, so that there is nothing to apply."""
    values = _columns(changes)
    given = changes.get("type")
    if given is not None:
        values |= {"type": given, "type_source": TypeSource.MANUAL}
    return all(getattr(found, name) == value for name, value in values.items())


def as_it_was(found: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that would put back what these change of a call's row. A type that follows from the title is
    none that was said.
    """
    values = _columns(changes)
    was = {name: getattr(found, name) for name, value in values.items() if getattr(found, name) != value}
    if "seat_capacity_override" in was:
        was["seat_capacity"] = was.pop("seat_capacity_override")
    manual = found.type if found.type_source is TypeSource.MANUAL else None
    return was if changes.get("type") in (None, manual) else {**was, "type": manual}


def _new_row(fields: Mapping[str, Any], known: References, *, now: datetime) -> dict[str, Any]:
    check_times(fields)
    _check_known(fields, known)
    values = {**dict.fromkeys(_OPTIONAL), **_NEW, **_columns(fields)}
    values |= _typed(fields.get("type"), values["title"], values["stage"], known)
    values |= {"seat_capacity": capacity(values, known), "seats_taken": 0}
    return {"id": ids.new("call", now), **values, "version": 1, "created_at": now, "updated_at": now}


def _apply(db: DbSession, found: Any, changes: Mapping[str, Any], *, actor: Actor, now: datetime) -> tuple[str, ...]:
    values = _columns(changes)
    after = {**found._mapping, **values}
    known = references(db, [after])
    _check_known(changes, known)
    check_times(after)
    manual = found.type if found.type_source is TypeSource.MANUAL else None
    values |= _typed(changes.get("type", manual), after["title"], after["stage"], known)
    changed = {name: value for name, value in values.items() if getattr(found, name) != value}
    named = tuple(sorted("seat_capacity" if name == "seat_capacity_override" else name for name in changed))
    if not changed:
        return ()
    if "host_id" in changed:
        _check_here(db, [changed["host_id"]])
    was_taken = found.seats_taken
    if was_taken:
        found = waitlist.end_overdue(db, found, now=now)  # what nobody confirmed in time is in nobody's way
    if changed.keys() & _SEATING:
        changed |= _reseated(found, {**found._mapping, **changed}, known)
    _check_ahead(db, found, changed, now=now)
    if anew := _begun_anew(found, changed, now=now):
        changed |= anew
        lower_hands(db, found.id, now=now)
    _write(db, found, changed, now=now)
    if "seat_capacity" in changed:
        renumber(db, {found.id: changed["seat_capacity"]}, actor=actor, now=now)
    shown_anew(db, "call", found.id, changed, now=now)
    following.call_changed(db, found.id, changed, actor=actor, now=now)
    detail = before_and_after(found, changed)
    tell(db, "call.changed", found.id, version=found.version + 1, actor=actor, now=now, detail=detail)
    if not _HOSTING.isdisjoint(changed):
        look_for_clashes(db, [after["host_id"]], now=now)
        settle_waits_of(db, [found.host_id], now=now)
    if was_taken or found.has_line:
        call = calls.call_for_update(db, found.id)
        waitlist.settle_locked(db, call, was_taken=was_taken, actor=actor, now=now)
    return named


def check_times(values: Mapping[str, Any]) -> None:
    """Raise Invalid unless a call ends after it starts, and within a day."""
    if values["ends_at"] <= values["starts_at"]:
        fault = Fault("/ends_at", "end_before_start", "must be later than starts_at")
        raise Invalid("A call ends after it starts.", faults=(fault,))
    if values["ends_at"] - values["starts_at"] > LONGEST:
        fault = Fault("/ends_at", "lasts_too_long", "must be within a day of starts_at")
        raise Invalid("No call lasts longer than a day: is the date right?", faults=(fault,))


def _check_here(db: DbSession, host_ids: Iterable[str]) -> None:
    """Refuse to give a call to locked people who have left. Who is on leave keeps their calls: they come back."""
    if who_left(db, host_ids):
        fault = Fault("/host_id", "left", "has left: name somebody who works here")
        raise NotActive("Nobody who has left hosts a call.", faults=(fault,))


def _check_ahead(db: DbSession, found: Any, changed: Mapping[str, Any], *, now: datetime) -> None:
    """Refuse to move or hand over what has happened. Calls that nobody sat in on may be corrected by the CRM."""
    if _TIME_OR_HOST.isdisjoint(changed):
        return
    if changed.get("status") is not CallStatus.SCHEDULED and not floor.by_clock_alone(found):
        raise CallOver(f"It is {found.status}: neither its time nor its host can change.")
    if (found.ends_at <= now and found.seats_taken) or (found.starts_at <= now and was_heard(db, found.id)):
        raise CallOver("Somebody has heard it: neither its time nor its host can change.")
    if found.seats_taken and "starts_at" in changed and changed["starts_at"] <= now:
        fault = Fault("/starts_at", "past", "must be later than now while somebody has a seat")
        raise Past("Release the seats first, or choose a later time.", faults=(fault,))


def _begun_anew(found: Any, changed: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return what follows for a call that the clock alone began or ended when it gets another time or host: it is still
    to come, if its time has not come yet, and its door is for the new host to open.
    """
    if found.status is CallStatus.SCHEDULED or _TIME_OR_HOST.isdisjoint(changed):
        return {}
    shut = {"door": Door.CLOSED} if "host_id" in changed else {}
    comes = changed.get("starts_at", found.starts_at) > now
    goes_on = found.status is CallStatus.ENDED and changed.get("ends_at", found.ends_at) > now
    return {"status": CallStatus.SCHEDULED, "door": Door.CLOSED} if comes or goes_on else shut


def was_heard(db: DbSession, call_id: str, *, but: Collection[str] = ()) -> bool:
    """Whether somebody has attended a call: it took place when it did, and with who ran it. Seats in `but` don't
    count.
    """
    attended = seat.c.call_id == call_id, seat.c.status == SeatStatus.ATTENDED, seat.c.id.not_in(list(but))
    return db.execute(select(seat.c.id).where(*attended)).first() is not None


def _reseated(found: Any, after: Mapping[str, Any], known: References) -> dict[str, Any]:
    gets = allotment(after, known)
    if gets.seats == found.seat_capacity:
        return {}
    asked_for = after["seat_capacity_override"] != found.seat_capacity_override
    if gets.seats < found.seats_taken and asked_for:
        why = f"{found.seats_taken} are taken, and it would get {gets.seats} by {gets.by}. Release seats first."
        raise CapacityBelowTaken(why, extra={"seats_taken": found.seats_taken})
    # Nobody who sits is thrown out by a rule: the call takes nobody new until it fits.
    return {"seat_capacity": max(gets.seats, found.seats_taken)}


def _taking_from(several: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Name the hosts and accounts from which calls with these changes are going to take their seats."""
    return {
        "also": {host_id for changes in several if (host_id := changes.get("host_id"))},
        "account_ids": {account_id for changes in several if (account_id := changes.get("account_id"))},
    }


def _typed(given: str | None, title: str, stage: str | None, known: References) -> dict[str, Any]:
    if given is not None:
        return {"type": given, "type_source": TypeSource.MANUAL}
    return {"type": classified(title, stage, known.rules), "type_source": TypeSource.RULE}


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Name the fields of a body as the table does; the type is decided apart."""
    named = {"seat_capacity_override" if name == "seat_capacity" else name: value for name, value in fields.items()}
    named.pop("type", None)
    return named


def _check_known(fields: Mapping[str, Any], known: References) -> None:
    faults = tuple(
        Fault(f"/{name}", "unknown", f"There is no such {what}.")
        for name, what, there in (
            ("host_id", "person", known.hosts),
            ("account_id", "account", known.accounts),
            ("type", "call type", known.types),
        )
        if fields.get(name) is not None and fields[name] not in there
    )
    if faults:
        raise UnknownReference(faults=faults)


def _write(db: DbSession, found: Any, values: Mapping[str, Any], *, now: datetime) -> None:
    db.execute(
        update(calls_table)
        .where(calls_table.c.id == found.id)
        .values(**values, version=calls_table.c.version + 1, updated_at=now)
    )
