"""Look each minute who is to be reminded of what."""

from app.db import transaction
from app.jobs.context import JobContext
from app.operations.reminders import remind
from app.queries import reminders


def sweep(context: JobContext) -> None:
    """Write down what is due now. Looks first: most minutes have nothing to write. Safe to repeat."""
    now = context.clock()
    with transaction(context.engine, writes=False) as reading:
        reasons = reminders.due(reading, now=now)
        debriefs = reminders.debriefs_due(reading, now=now)
    if reasons or debriefs:
        context.write(lambda db: remind(db, reasons, now=now))
