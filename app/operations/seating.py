"""Write seats under locks: take, confirm, end. The writing core that every act on seats shares.

A seat comes with its session, its observer's claim and their calendar entry. While it is only requested (a hold, an
offer, or the host has yet to approve) it takes the place and the time, and no calendar knows of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from app import ids
from app.db import DbSession
from app.models.tables import call as calls_table
from app.models.tables import seat, session
from app.operations import debriefs, invites
from app.operations.capacity import capacity, references, renumber
from app.operations.claims import Claimed, claim_time, confirm_claims, drop_expired, free_time, wait_for_host
from app.operations.events import tell, tell_acts, tell_many
from app.operations.refused import SeatsFull
from app.operations.session_rows import NewSession, add_sessions, change_session
from app.operations.settling import settle_call_at
from app.queries import calls
from app.rules.access import Actor
from app.rules.seating import Observer
from app.vocabulary import ClaimKind, Part, SeatApproval, SeatStatus, SessionKind, SessionStatus


@dataclass(frozen=True, slots=True)
class Sitting:
    """How somebody takes a seat: of which kind, and what it waits for when it is not theirs at once."""

    kind: SessionKind = SessionKind.SHADOW
    claim: ClaimKind = ClaimKind.SESSION
    expires_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether it is theirs at once."""
        return self.claim is ClaimKind.SESSION


AT_ONCE = Sitting()


def last_moment(call: Any) -> datetime:
    """Return when a seat on this call must stand at the latest."""
    at: datetime = call.starts_at - timedelta(minutes=call.min_notice_minutes)
    return at


def take_seat(
    db: DbSession,
    call: Any,
    observer: Observer,
    sitting: Sitting = AT_ONCE,
    *,
    held: Sequence[Any],
    actor: Actor,
    now: datetime,
) -> Any:
    """Give a locked observer the lowest free seat of a locked call, whose live seats are `held`, and return its row.
    Refused when it has none.
    """
    used = {one.seat_no for one in held}
    seat_no = next((n for n in range(1, call.seat_capacity + 1) if n not in used), None)
    if seat_no is None:
        raise SeatsFull("Wait for one, or choose another call.")
    drops_in = sitting.kind is SessionKind.DROP_IN
    begun = SessionStatus.IN_PROGRESS if drops_in else SessionStatus.CONFIRMED
    new = NewSession(
        kind=sitting.kind,
        status=begun if sitting.stands else SessionStatus.REQUESTED,
        starts_at=call.starts_at,
        ends_at=call.ends_at,
        time_zone=call.host_time_zone,
        people={call.host_id: Part.HOST, observer.id: Part.OBSERVER},
        call_id=call.id,
        expires_at=sitting.expires_at,
        accepted_by=actor.person_id if drops_in else None,
    )
    (made_session,) = add_sessions(db, [new], now=now)
    session_id: str = made_session.id
    drop_expired(db, [observer.id], now=now)
    since = now if drops_in else None
    time = observer.claim(call.starts_at, call.ends_at, since=since)
    claim_time(db, [Claimed(observer.id, session_id, time, sitting.claim, sitting.expires_at)], now=now)
    made = {
        "id": ids.new("seat", now),
        "call_id": call.id,
        "observer_id": observer.id,
        "session_id": session_id,
        "kind": sitting.kind,
        "status": SeatStatus.CONFIRMED if sitting.stands else SeatStatus.REQUESTED,
        "seat_no": seat_no,
        "capacity": call.seat_capacity,
        "late": False,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    db.execute(insert(seat), [made])
    if sitting.expires_at is not None:
        settle_call_at(db, call.id, sitting.expires_at, now=now)
    counted = _count(db, call, len(held) + 1, capacity=call.seat_capacity, now=now)
    if sitting.stands:
        invites.observer_joins(
            db, session=made_session, person_id=observer.id, call=call, observers=_standing(held) + 1, now=now
        )
    done = "booked" if sitting.stands else "requested"
    told = [counted, (f"seat.{done}", made["id"], 1), (f"session.{done}", session_id, 1)]
    tell_acts(db, told, actor=actor, now=now)
    return SimpleNamespace(**made)


def take_up(db: DbSession, call: Any, one: Any, *, actor: Actor, now: datetime) -> datetime | None:
    """Make a seat of a locked call stand that was held for its observer; where the host approves every seat, ask the
    host instead, and return until when.
    """
    if call.host_approval is not SeatApproval.HOST:
        confirm_seat(db, call, one, actor=actor, now=now)
        return None
    until = last_moment(call)
    wait_for_host(db, one.session_id, expires_at=until)
    version = change_session(db, one.session_id, {"expires_at": until}, now=now)
    _seats_changed(db, [one], {}, "seat.requested", actor=actor, now=now)
    tell(db, "session.requested", one.session_id, version=version, actor=actor, now=now)
    settle_call_at(db, call.id, until, now=now)
    return until


def confirm_seat(db: DbSession, call: Any, one: Any, *, actor: Actor, now: datetime) -> None:
    """Make a requested seat of a locked call stand, and its debrief with it."""
    confirm_claims(db, [one.session_id])
    values = {"status": SessionStatus.CONFIRMED, "expires_at": None}
    version = change_session(db, one.session_id, values, now=now)
    _seats_changed(db, [one], {"status": SeatStatus.CONFIRMED}, "seat.booked", actor=actor, now=now)
    joined = db.execute(select(session).where(session.c.id == one.session_id)).one()
    standing = _standing(calls.live_seats(db, [call.id]))
    invites.observer_joins(db, session=joined, person_id=one.observer_id, call=call, observers=standing, now=now)
    tell(db, "session.booked", one.session_id, version=version, actor=actor, now=now)
    debriefs.confirm_debriefs(db, one.session_id, actor=actor, now=now)


def end_seats(
    db: DbSession,
    call: Any,
    ended: Sequence[Any],
    *,
    status: SeatStatus,
    late: bool = False,
    actor: Actor,
    now: datetime,
) -> None:
    """End seats of a locked call that are live, or were attended as far as one knew, and their sessions, claims and
    entries with them. The entries are locked.
    """
    if not ended:
        return
    free_time(db, [one.session_id for one in ended], now=now)
    over = [(one.session_id, _end_session(db, call, one, status, now=now)) for one in ended]
    act = "session.expired" if status is SeatStatus.EXPIRED else "session.cancelled"
    tell_many(db, act, over, actor=actor, now=now)
    _seats_changed(db, ended, {"status": status, "late": late}, f"seat.{status}", actor=actor, now=now)
    debriefs.cancel_debriefs(db, [one.session_id for one in ended], actor=actor, now=now)
    left = calls.live_seats(db, [call.id])
    number = max(capacity(call._mapping, references(db, [call._mapping])), len(left))
    tell_acts(db, [_count(db, call, len(left), capacity=number, now=now)], actor=actor, now=now)
    if number != call.seat_capacity:  # a rule allows fewer than sat here: with each who goes, the call comes to fit
        renumber(db, {call.id: number}, actor=actor, now=now)
    if any(one.status is not SeatStatus.REQUESTED for one in ended):
        invites.host_entry_changed(db, call=call, observers=_standing(left), now=now)


def _end_session(db: DbSession, call: Any, one: Any, status: SeatStatus, *, now: datetime) -> int:
    """End the session of a seat, and its entry when it had one; return its version."""
    values: dict[str, Any] = {
        "status": SessionStatus.EXPIRED if status is SeatStatus.EXPIRED else SessionStatus.CANCELLED
    }
    if one.status is not SeatStatus.REQUESTED:
        values["sequence"] = invites.observer_entry_changed(
            db, session_id=one.session_id, times=call, cancelled=True, now=now
        )
    return change_session(db, one.session_id, values, now=now)


def _seats_changed(
    db: DbSession, several: Sequence[Any], values: dict[str, Any], act: str, *, actor: Actor, now: datetime
) -> None:
    db.execute(
        update(seat)
        .where(seat.c.id.in_([one.id for one in several]))
        .values(**values, version=seat.c.version + 1, updated_at=now)
    )
    tell_many(db, act, [(one.id, one.version + 1) for one in several], actor=actor, now=now)


def _standing(live: Sequence[Any]) -> int:
    return sum(one.status is SeatStatus.CONFIRMED for one in live)


def _count(db: DbSession, call: Any, taken: int, *, capacity: int, now: datetime) -> tuple[str, str, int]:
    """Write how many seats of a call are taken, and return what is to be told of it."""
    given = {"call_id": call.id, "taken": taken, "of": capacity, "at": now}
    return "call.seats_changed", call.id, db.execute(_COUNT, given).scalar_one()


_COUNT = (
    update(calls_table)
    .where(calls_table.c.id == bindparam("call_id"))
    .values(
        seats_taken=bindparam("taken"),
        seat_capacity=bindparam("of"),
        version=calls_table.c.version + 1,
        updated_at=bindparam("at"),
    )
    .returning(calls_table.c.version)
)
