"""Take what diallers say: a call of theirs started, or ended. Messages come late, twice and in any order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select

from app.db import DbSession, Retryable
from app.errors import NotFound
from app.models import DiallerConnection
from app.models.tables import account, call, dialler_message
from app.operations.call_outcomes import say_when
from app.operations.calls import create_call, who_left
from app.operations.external import identify, known_id
from app.operations.locks import lock_call_with_people
from app.queries.people import ids_by_email
from app.queries.rows import row_for_update
from app.rules import floor
from app.rules.access import Actor
from app.rules.accounts import meant
from app.rules.dialled import Dialled, NotUnderstood, read_message
from app.vocabulary import CallStatus, DiallerStatus, Role

_AROUND = timedelta(minutes=30)
"""How far from its time a planned call may start and still be that one."""
_USUAL = timedelta(minutes=30)
"""How long a call is taken to last that nobody planned: the clock ends it if its dialler does not."""
_OFF = (CallStatus.CANCELLED, CallStatus.NO_SHOW)


def hear_dialler(db: DbSession, *, connection_id: str, message_id: str, body: bytes, now: datetime) -> None:
    """Take one message, whose signature is right. Under an id that was heard before it changes nothing. One that is not
    understood leaves a word about why on its dialler, and nothing else. Locks the dialler, so that it is heard one
    message after the other, then everybody on the call, then the call. Raises NotFound for a dialler that is paused.
    """
    found = row_for_update(db, DiallerConnection, connection_id)
    if found.status is not DiallerStatus.ACTIVE:
        raise NotFound
    this = {"connection_id": connection_id, "message_id": message_id}
    if db.execute(select(dialler_message.c.heard_at).filter_by(**this)).first():
        return
    db.execute(insert(dialler_message).values(**this, heard_at=now))
    found.last_heard_at, found.last_error = now, None
    try:
        if said := read_message(body, found.mapping, now=now):
            _follow(db, said, connection_id, now=now)
    except NotUnderstood as why:
        found.last_error = str(why)
    db.flush()


def _follow(db: DbSession, said: Dialled, connection_id: str, *, now: datetime) -> None:
    """Have the call begin and end as its dialler says. Raises NotUnderstood before anything is changed."""
    source, actor = f"dialler:{connection_id}", Actor(connection_id, Role.INTEGRATION, None)
    call_id = known_id(db, "call", source, said.call)
    if call_id is not None:
        locked = lock_call_with_people(db, call_id)
        if locked.status in _OFF:
            raise NotUnderstood("Its call does not take place, as somebody said here.")
    else:
        locked = _found(db, said, (source, said.call), actor=actor, now=now)
    say_when(db, locked, began_at=said.started_at, ended_at=said.ended_at, actor=actor, now=now)


def _found(db: DbSession, said: Dialled, ref: tuple[str, str], *, actor: Actor, now: datetime) -> Any:
    """Return the call that a dialler speaks of for the first time, locked and by its name from now on: the one that its
    host planned about then, else a new one.
    """
    host_id = ids_by_email(db, [said.host_email]).get(said.host_email)
    if host_id is None or who_left(db, [host_id]):
        raise NotUnderstood("Nobody who works here has the address that `host_email` points to.")
    if said.started_at is None:
        raise NotUnderstood("It ends a call that never started, and does not say when it did.")
    planned = _planned(db, host_id, said.started_at)
    if planned is None:
        fields = _fields(db, said, host_id, said.started_at)
        return lock_call_with_people(db, create_call(db, fields=fields, external=[ref], actor=actor, now=now))
    locked = lock_call_with_people(db, planned)
    if locked.host_id != host_id or not floor.by_clock_alone(locked):
        raise Retryable("somebody said meanwhile what becomes of the call")
    identify(db, "call", planned, [ref])
    return locked


def _planned(db: DbSession, host_id: str, started_at: datetime) -> str | None:
    """Return the host's call of which nobody said anything yet whose time is nearest, and was not over by then."""
    begins = call.c.starts_at.between(started_at - _AROUND, started_at + _AROUND)
    unsaid = call.c.began_at.is_(None), call.c.ended_at.is_(None), call.c.status.not_in(_OFF)
    theirs = call.c.host_id == host_id, begins, call.c.ends_at > started_at, *unsaid
    near = db.execute(select(call.c.id, call.c.starts_at).where(*theirs)).all()
    return min(near, key=lambda one: (abs(one.starts_at - started_at), one.id)).id if near else None


def _fields(db: DbSession, said: Dialled, host_id: str, started_at: datetime) -> dict[str, Any]:
    """Return a call that nobody planned, from the minute in which it started."""
    starts_at = started_at.replace(second=0, microsecond=0)
    fields = {"title": said.title or "Call", "host_id": host_id, "starts_at": starts_at, "ends_at": starts_at + _USUAL}
    if said.account:
        fields["account_id"] = _account_of(db, said.account)
    return fields


def _account_of(db: DbSession, name: str) -> str | None:
    """Return the account that somebody means by a name. One that says who may listen is meant however it is spelt; else
    the only one of exactly this name. Two statements; linear in the accounts that say so, which are few.
    """
    says = account.c.observers_allowed.is_(False), account.c.seat_capacity.is_not(None)
    strict = db.execute(select(account).where(or_(*says, account.c.own_side_ceiling.is_not(None)))).all()
    if (found := meant(strict, name)) is not None:
        return str(found.id)
    named: Sequence[str] = db.execute(select(account.c.id).where(account.c.name == name).limit(2)).scalars().all()
    return named[0] if len(named) == 1 else None
