"""The order for full calls: wait, be offered the seat that came free, take it or let the next one have it.

An offer is a requested seat that expires: nobody else can take it, and the time is kept. It goes to whoever needs the
call most (`rules/needs`), then to whoever has waited longest. Nobody is offered what they could not book: a clash, a
full week or a call about to start passes them over, and they go on waiting.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Conflict, Forbidden, Gone
from app.models.tables import waitlist_entry
from app.operations.changes import check_version
from app.operations.claims import have_lapsed
from app.operations.events import tell, tell_many
from app.operations.locks import lock_call_with_people
from app.operations.refused import seat_refused
from app.operations.seating import Sitting, end_seats, last_moment, take_seat, take_up
from app.operations.settling import settle_call_at
from app.queries import busy, calls, people, seats, waitlist
from app.queries.access import check_acts
from app.queries.house_rules import house_rules
from app.queries.rows import one_of
from app.rules import seating
from app.rules.access import SYSTEM, Actor, may_act_for
from app.vocabulary import IN_LINE, ClaimKind, SeatStatus, WaitlistStatus


class NotOffered(Conflict):
    """No seat is offered to this place in line."""

    code = "not_offered"
    title = "No seat is offered"


class OfferExpired(Gone):
    """The offer was not taken in time."""

    code = "offer_expired"
    title = "The offer has expired"


class OfferTaken(Conflict):
    """The wait ended with a seat."""

    code = "offer_taken"
    title = "The wait ended with a seat"


def join(db: DbSession, call: Any, person_id: str, *, actor: Actor, now: datetime) -> str:
    """Put a locked person into the line for a locked call and return the id of their place. Repeating it changes
    nothing.
    """
    mine = waitlist_entry.c.call_id == call.id, waitlist_entry.c.person_id == person_id
    known: str | None = db.execute(
        select(waitlist_entry.c.id).where(*mine, one_of(waitlist_entry.c.status, IN_LINE))
    ).scalar_one_or_none()
    if known is not None:
        return known
    entry_id = ids.new("wle", now)
    stamped = {"version": 1, "created_at": now, "updated_at": now}
    row = {"id": entry_id, "call_id": call.id, "person_id": person_id, "status": WaitlistStatus.WAITING, **stamped}
    db.execute(insert(waitlist_entry).values(**row))
    tell(db, "waitlist_entry.joined", entry_id, version=1, actor=actor, now=now)
    return entry_id


def accept_offer(
    db: DbSession, *, entry_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Any:
    """Take the seat that is offered and return the place in line; where the host approves every seat, ask the host.
    Refused as `offer_expired` once it has gone to the next. Taking it ends the wait, whatever the host says then.
    Repeating it changes nothing.
    """
    found, call = _lock(db, entry_id, expected_version=expected_version, actor=actor, now=now)
    if found.status is WaitlistStatus.TAKEN:
        return found
    if found.status is WaitlistStatus.LAPSED or (found.offered_until is not None and found.offered_until <= now):
        raise OfferExpired("Join the waitlist again, or choose another call.")
    if found.status is not WaitlistStatus.OFFERED:
        raise NotOffered("It is kept for you once one comes free." if found.status in IN_LINE else "The wait is over.")
    if why := seating.closed(call, now=now):
        raise seat_refused(db, why, call, found.person_id, now=now)
    offered = next((one for one in calls.live_seats(db, [call.id]) if one.id == found.seat_id), None)
    if offered is None or have_lapsed(db, offered.session_id):
        raise OfferExpired("Join the waitlist again, or choose another call.")
    take_up(db, call, offered, actor=actor, now=now)
    _end_entries(db, [found], WaitlistStatus.TAKEN, actor=actor, now=now)
    return waitlist.entry_by_id(db, entry_id, actor=actor, now=now)


def leave(db: DbSession, *, entry_id: str, expected_version: int | None = None, actor: Actor, now: datetime) -> Any:
    """Leave the line, giving back what is offered, and return the place. Once the wait is over this changes
    nothing, but is refused as `offer_taken` while the seat that ended it is theirs: that is released as every seat is.
    """
    found, call = _lock(db, entry_id, expected_version=expected_version, actor=actor, now=now)
    if found.status is WaitlistStatus.TAKEN:
        theirs = next((one.id for one in calls.live_seats(db, [call.id]) if one.observer_id == found.person_id), None)
        if theirs is not None:
            raise OfferTaken("Release that seat instead.", extra={"seat_id": theirs})
    if found.status not in IN_LINE:
        return found
    _end_entries(db, [found], WaitlistStatus.LEFT, actor=actor, now=now)
    offered = [one for one in calls.live_seats(db, [call.id]) if one.id == found.seat_id]
    if offered:
        end_seats(db, call, offered, status=SeatStatus.RELEASED, actor=actor, now=now)
        offer_freed(db, call.id, was_taken=call.seats_taken, actor=actor, now=now)
    return waitlist.entry_by_id(db, entry_id, actor=actor, now=now)


def settle(
    db: DbSession,
    *,
    call_id: str,
    also: Sequence[str] = (),
    was_taken: int | None = None,
    taking: int = 0,
    now: datetime,
) -> None:
    """End what nobody confirmed in time on a call, and offer its free seats to those who wait: the job behind every
    expiry. Safe to repeat. Locks everybody on the call, and `also`. The other two are as in `offer_freed`.
    """
    call = lock_call_with_people(db, call_id, also=also)
    before = call.seats_taken if was_taken is None else was_taken
    settle_locked(db, call, was_taken=before, taking=taking, actor=SYSTEM, now=now)


def settle_locked(db: DbSession, call: Any, *, was_taken: int, taking: int = 0, actor: Actor, now: datetime) -> None:
    """Do so for a call that is locked with everybody on it, and leave word for what expires later."""
    end_overdue(db, call, now=now)
    offer_freed(db, call.id, was_taken=was_taken, taking=taking, actor=actor, now=now)
    coming = [one.expires_at for one in calls.live_seats(db, [call.id]) if one.expires_at is not None]
    if coming:
        settle_call_at(db, call.id, min(coming), now=now)


def end_overdue(db: DbSession, call: Any, *, now: datetime) -> Any:
    """End the seats that nobody confirmed in time on a locked call, and the offers of them; return the call's row as it
    is then.
    """
    over = _overdue(calls.live_seats(db, [call.id]), now=now)
    if not over:
        return call
    end_seats(db, call, over, status=SeatStatus.EXPIRED, actor=SYSTEM, now=now)
    _end_entries(db, _offers_of(db, over), WaitlistStatus.LAPSED, actor=SYSTEM, now=now)
    return calls.call_for_update(db, call.id)


def is_overdue(db: DbSession, call_id: str, *, now: datetime) -> bool:
    """Whether a call has a seat that nobody confirmed in time, and that nobody has ended yet."""
    return bool(_overdue(calls.live_seats(db, [call_id]), now=now))


def offer_freed(db: DbSession, call_id: str, *, was_taken: int, taking: int = 0, actor: Actor, now: datetime) -> None:
    """Offer the free seats of a call, of which `was_taken` were taken before, to those who wait, and tell everybody
    when one came free that nobody in line gets. `taking` are those that whoever asks is about to take.
    """
    promote(db, call_id, actor=actor, now=now)
    call = calls.call_for_update(db, call_id)
    if call.seats_taken + taking < min(was_taken, call.seat_capacity) and not seating.closed(call, now=now):
        tell(db, "call.seat_opened", call_id, version=call.version, actor=actor, now=now)


def promote(db: DbSession, call_id: str, *, actor: Actor, now: datetime) -> None:
    """Offer the free seats of a call to those who wait for one and can take it. The call, and everybody on it, must be
    locked (`locks.lock_call_with_people`).
    """
    line = waitlist.waiting(db, call_id)
    if not line:
        return
    call = calls.call_for_update(db, call_id)
    free = call.seat_capacity - call.seats_taken
    until = min(now + timedelta(minutes=house_rules(db).offer_minutes), last_moment(call))
    if free < 1 or until <= now or seating.closed(call, now=now):
        return
    rows = people.lock_people(db, [call.host_id, *(row.person_id for row in line)])
    host = rows[call.host_id]
    observers, hosting = seats.facts(db, call, [rows[row.person_id] for row in line], host, now=now)
    seated = {one.observer_id for one in calls.live_seats(db, [call_id])}
    for row in line:
        observer = observers[row.person_id]
        if free < 1 or min(hosting.load.left(call.starts_at)) < 1:
            break
        if row.person_id in seated or seating.unfit(call, observer, hosting):
            continue
        sitting, held = Sitting(claim=ClaimKind.HOLD, expires_at=until), calls.live_seats(db, [call_id])
        made = take_seat(db, call, observer, sitting, held=held, actor=actor, now=now)
        free -= 1
        _change(db, row, {"status": WaitlistStatus.OFFERED, "seat_id": made.id}, "offered", actor=actor, now=now)
        call = calls.call_for_update(db, call_id)
        hosting = busy.loads(db, [host], call.starts_at, call.ends_at, now=now)[1][host.id]


def wait_again(db: DbSession, call: Any, lost: Sequence[Any], *, actor: Actor, now: datetime) -> None:
    """Let those who lost their seats on a locked call to its new time wait for another, should it move again. Who was
    only offered one keeps their place in line. Who hosts the call now waits no longer (`end_own_wait`), and nobody
    begins to wait for a call that has no seats any more.
    """
    offers = _offers_of(db, lost)
    for row in offers:
        if row.person_id != call.host_id:
            _change(db, row, {"status": WaitlistStatus.WAITING, "seat_id": None}, "waiting", actor=actor, now=now)
    has_seats = calls.call_for_update(db, call.id).seat_capacity > 0
    for one in lost:
        if has_seats and one.observer_id != call.host_id:
            join(db, call, one.observer_id, actor=actor, now=now)


def end_own_wait(db: DbSession, call: Any, *, actor: Actor, now: datetime) -> None:
    """End the wait of somebody who hosts a locked call from now on."""
    mine = waitlist_entry.c.call_id == call.id, waitlist_entry.c.person_id == call.host_id
    hosting = db.execute(select(waitlist_entry).where(*mine, one_of(waitlist_entry.c.status, IN_LINE))).all()
    _end_entries(db, hosting, WaitlistStatus.LEFT, actor=actor, now=now)


def taken_by_hand(db: DbSession, call_id: str, person_id: str, *, actor: Actor, now: datetime) -> None:
    """End the wait of somebody who found a seat without an offer."""
    mine = waitlist_entry.c.call_id == call_id, waitlist_entry.c.person_id == person_id
    rows = db.execute(select(waitlist_entry).where(*mine, one_of(waitlist_entry.c.status, IN_LINE))).all()
    _end_entries(db, rows, WaitlistStatus.TAKEN, actor=actor, now=now)


def offer_over(db: DbSession, seat_id: str, *, actor: Actor, now: datetime) -> None:
    """End the wait of whoever gave an offered seat back."""
    rows = db.execute(
        select(waitlist_entry).where(
            waitlist_entry.c.seat_id == seat_id, waitlist_entry.c.status == WaitlistStatus.OFFERED
        )
    ).all()
    _end_entries(db, rows, WaitlistStatus.LEFT, actor=actor, now=now)


def end_wait(db: DbSession, call_id: str, *, actor: Actor, now: datetime) -> None:
    """End the wait for a locked call that will not happen."""
    in_line = waitlist_entry.c.call_id == call_id, one_of(waitlist_entry.c.status, IN_LINE)
    rows = db.execute(select(waitlist_entry).where(*in_line)).all()
    _end_entries(db, rows, WaitlistStatus.LAPSED, actor=actor, now=now)


def leave_all(db: DbSession, person_id: str, *, actor: Actor, now: datetime) -> None:
    """End the wait of a locked person everywhere."""
    mine = waitlist_entry.c.person_id == person_id, one_of(waitlist_entry.c.status, IN_LINE)
    rows = db.execute(select(waitlist_entry).where(*mine).order_by(waitlist_entry.c.id)).all()
    _end_entries(db, rows, WaitlistStatus.LEFT, actor=actor, now=now)


def _lock(
    db: DbSession, entry_id: str, *, expected_version: int | None, actor: Actor, now: datetime
) -> tuple[Any, Any]:
    seen = waitlist.entry_by_id(db, entry_id, actor=actor, now=now)
    if not may_act_for(actor, seen.person_id):
        check_acts(actor)
        raise Forbidden("Only whoever waits answers an offer.")
    call = lock_call_with_people(db, seen.call_id)
    found = waitlist.entry_by_id(db, entry_id, actor=actor, now=now)
    check_version(found, expected_version)
    return found, call


def _overdue(live: Sequence[Any], *, now: datetime) -> list[Any]:
    return [one for one in live if one.expires_at is not None and one.expires_at <= now]


def _offers_of(db: DbSession, several: Sequence[Any]) -> Sequence[Any]:
    """Return the places in line to which these seats are offered."""
    if not several:
        return ()
    offered = waitlist_entry.c.status == WaitlistStatus.OFFERED
    offers = waitlist_entry.c.seat_id.in_([one.id for one in several])
    return db.execute(select(waitlist_entry).where(offers, offered).order_by(waitlist_entry.c.id)).all()


def _end_entries(db: DbSession, several: Sequence[Any], status: WaitlistStatus, *, actor: Actor, now: datetime) -> None:
    if not several:
        return
    db.execute(
        update(waitlist_entry)
        .where(waitlist_entry.c.id.in_([one.id for one in several]))
        .values(status=status, version=waitlist_entry.c.version + 1, updated_at=now)
    )
    changed = [(one.id, one.version + 1) for one in several]
    tell_many(db, f"waitlist_entry.{status}", changed, actor=actor, now=now)


def _change(db: DbSession, row: Any, values: dict[str, Any], act: str, *, actor: Actor, now: datetime) -> None:
    db.execute(
        update(waitlist_entry)
        .where(waitlist_entry.c.id == row.id)
        .values(**values, version=row.version + 1, updated_at=now)
    )
    tell(db, f"waitlist_entry.{act}", row.id, version=row.version + 1, actor=actor, now=now)
