"""Begin and end calls by the clock: each minute, each in a transaction of its own."""

from functools import partial

from app.db import transaction
from app.errors import Unavailable
from app.jobs.context import JobContext
from app.operations.call_outcomes import follow_clock
from app.queries.floor import due_by_clock


def follow(context: JobContext) -> None:
    """Begin the calls whose time has come and end those that are over, unless somebody has said so. Looks first: most
    minutes have nothing to write. What can't be written keeps the others from nothing, and fails the job when they are
    done. Safe to repeat.
    """
    now = context.clock()
    with transaction(context.engine, writes=False) as reading:
        due = due_by_clock(reading, now=now)
    failed: Exception | None = None
    for call_id in due:
        if context.over.is_set():
            return
        try:
            context.write(partial(follow_clock, call_id=call_id, now=now))
        except Unavailable:
            raise
        except Exception as error:
            failed = error
    if failed:
        raise failed
