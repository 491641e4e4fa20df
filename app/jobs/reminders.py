"""Look who is to be reminded of what: each minute for what starts, each quarter of an hour for the day ahead."""

from functools import partial

from app.db import transaction
from app.jobs.context import JobContext
from app.operations.reminders import remind, tell_debriefs
from app.queries import reminders
from app.queries.reminders import Reason

_AT_ONCE = 500
"""How many are written in one transaction: on a morning there are as many as people, and others want to write too."""


def sweep(context: JobContext) -> None:
    """Write down who is to hear now of what starts in ten minutes, and tell which debriefs begin. Looks first: most
    minutes have nothing to write. Safe to repeat.
    """
    now = context.clock()
    with transaction(context.engine, writes=False) as reading:
        found = reminders.starting_soon(reading, now=now)
        debriefs = reminders.debriefs_due(reading, now=now)
    _write(context, found)
    if debriefs:
        context.write(partial(tell_debriefs, now=now))


def look_ahead(context: JobContext) -> None:
    """Write down who is to hear now of what is a day away, and who is to read what their day holds. Safe to repeat."""
    with transaction(context.engine, writes=False) as reading:
        found = reminders.days_ahead(reading, now=context.clock())
    _write(context, found)


def _write(context: JobContext, found: list[Reason]) -> None:
    for first in range(0, len(found), _AT_ONCE):
        context.write(partial(remind, reasons=found[first : first + _AT_ONCE], now=context.clock()))
