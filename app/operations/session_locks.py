"""Lock a session with everybody in it, and refuse what can't be done to it in its status.

Nobody joins a session but the new host of a call, so locking those who take part is locking the session; one on a call
is locked with its call, for its seat changes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession, Retryable
from app.errors import Conflict, NotFound
from app.models.tables import call
from app.operations.changes import check_version
from app.operations.locks import lock_call_with_people
from app.queries import people, sessions
from app.queries.access import check_acts
from app.queries.house_rules import house_rules
from app.rules.access import Actor, may_act_for
from app.rules.availability import Range
from app.rules.session_states import Act, after, current, earliest, earliest_on_call, in_time, possible
from app.vocabulary import CALL_KINDS, CallStatus, SessionStatus

_NOT_ON_CALLS = (Act.RESCHEDULE, Act.UNDO_CANCEL)


class IllegalMove(Conflict):
    """The status of the session does not allow it."""

    code = "illegal_move"
    title = "The session is in a status in which this can't be done"


class TooEarly(Conflict):
    """The status allows it, the clock does not yet."""

    code = "too_early"
    title = "It is too early to say this"


@dataclass(frozen=True, slots=True)
class Locked:
    """A session whose people are locked, and its call if it belongs to a seat."""

    row: Any
    participants: Sequence[Any]
    people: Sequence[Any]
    """The rows of those who take part, by id."""
    status: SessionStatus
    """At this instant: a request may have expired."""

    @property
    def of_seat(self) -> bool:
        """Whether it belongs to a seat on a call."""
        return self.row.kind in CALL_KINDS

    @property
    def times(self) -> Range:
        """From when until when it is planned."""
        return self.row.starts_at, self.row.ends_at


def lock_session(
    db: DbSession, session_id: str, *, expected_version: int | None, actor: Actor, now: datetime
) -> Locked:
    """Lock a session of somebody for whom the actor may act. Raises NotFound and Stale."""
    seen = sessions.session_by_id(db, session_id, actor=actor)
    check_acts(actor)
    who = [one.person_id for one in sessions.participants(db, [session_id])[session_id]]
    if not any(may_act_for(actor, one) for one in who):
        raise NotFound
    if seen.kind in CALL_KINDS:
        lock_call_with_people(db, seen.call_id, also=who)
    rows = people.lock_people(db, who)
    found = sessions.session_by_id(db, session_id, actor=actor)
    check_version(found, expected_version)
    participants = sessions.participants(db, [session_id])[session_id]
    if any(one.person_id not in rows for one in participants):
        raise Retryable("the call got another host meanwhile")
    return Locked(
        row=found,
        participants=participants,
        people=[rows[person_id] for person_id in sorted(one.person_id for one in participants)],
        status=current(found.status, found.expires_at, now=now),
    )


def status_after(db: DbSession, act: Act, locked: Locked, *, now: datetime) -> SessionStatus:
    """Return what the act makes of this session now. Refused as `illegal_move`, naming what would work, or as
    `too_early`, naming from when on.
    """
    works = [one for one in possible(locked.status) if not (locked.of_seat and one in _NOT_ON_CALLS)]
    becomes = after(act, locked.status) if act in works else None
    if becomes is None:
        row = locked.row
        names = [one.value for one in in_time(works, ends_at=row.ends_at, undo_until=row.undo_until, now=now)]
        what = f"What would work: {', '.join(names)}." if names else "It stays so."
        raise IllegalMove(
            f"It is {locked.status}. {what}", extra={"session_status": locked.status.value, "possible": names}
        )
    at = _earliest(db, act, locked)
    if at is not None and now < at:
        raise TooEarly("Say it once that time has come.", extra={"possible_from": at})
    return becomes


def _earliest(db: DbSession, act: Act, locked: Locked) -> datetime | None:
    house, starts_at = house_rules(db), locked.row.starts_at
    notice_minutes, grace_minutes = house.min_notice_minutes, house.no_show_grace_minutes
    if not locked.of_seat:
        return earliest(act, locked.status, starts_at, notice_minutes=notice_minutes, grace_minutes=grace_minutes)
    status = db.execute(select(call.c.status).where(call.c.id == locked.row.call_id)).scalar_one()
    return earliest_on_call(act, starts_at, is_live=status is CallStatus.LIVE, grace_minutes=grace_minutes)
