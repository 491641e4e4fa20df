"""Settle what waits on a call, or a held session, once its time has come; let seats give way to calls of one's own."""

from app.jobs.context import JobContext
from app.operations import clashes, holds, waitlist


def settle_call(context: JobContext) -> None:
    """End what nobody confirmed in time on a call, and offer its free seats to those who wait. Safe to repeat."""
    call_id, was_taken = context.payload["call_id"], context.payload.get("was_taken")
    context.write(lambda db: waitlist.settle(db, call_id=call_id, was_taken=was_taken, now=context.clock()))


def settle_session(context: JobContext) -> None:
    """End a held session that nobody booked in time. Safe to repeat."""
    context.write(lambda db: holds.settle(db, session_id=context.payload["session_id"], now=context.clock()))


def give_way(context: JobContext) -> None:
    """Release the seats that somebody has while they host a call, each in a transaction of its own. Safe to repeat."""
    while context.write(lambda db: clashes.give_way(db, person_id=context.payload["person_id"], now=context.clock())):
        pass
