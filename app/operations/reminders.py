"""Remind people of what they take part in and of what their day holds; tell that debriefs begin."""

from collections.abc import Sequence
from datetime import datetime

from app.db import DbSession, one_at_a_time
from app.operations.events import tell_many
from app.operations.notices import NewNotice, write_notices
from app.queries import reminders
from app.queries.reminders import Reason
from app.rules.access import SYSTEM


def remind(db: DbSession, reasons: Sequence[Reason], *, now: datetime) -> None:
    """Write these reminders and digests down: each once, whoever finds them and however often. Those who sweep at the
    same time take turns.
    """
    one_at_a_time(db, "reminders")
    several = (
        NewNotice(
            kind=one.kind,
            person_id=one.person_id,
            about_id=one.about_id,
            starts_at=one.starts_at,
            once=one.once,
            due_at=now,
        )
        for one in reasons
    )
    write_notices(db, several, now=now)


def tell_debriefs(db: DbSession, *, now: datetime) -> None:
    """Tell which debriefs have begun, each once. Those who sweep at the same time take turns."""
    one_at_a_time(db, "reminders")
    tell_many(db, reminders.DEBRIEF_DUE, reminders.debriefs_due(db, now=now), actor=SYSTEM, now=now)
