"""Settle what waits on a call, or a held session, once its time has come."""

from app.jobs.context import JobContext
from app.operations import holds, waitlist


def settle_call(context: JobContext) -> None:
    """End what nobody confirmed in time on a call, and offer its free seats to those who wait. Safe to repeat."""
    context.write(lambda db: waitlist.settle(db, call_id=context.payload["call_id"], now=context.clock()))


def settle_session(context: JobContext) -> None:
    """End a held session that nobody booked in time. Safe to repeat."""
    context.write(lambda db: holds.settle(db, session_id=context.payload["session_id"], now=context.clock()))
