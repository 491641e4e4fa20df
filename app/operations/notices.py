"""Write to people about what happened to them, once for each reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy.dialects import postgresql, sqlite

from app import ids
from app.db import DbSession
from app.models.tables import notice
from app.operations.events import Told
from app.operations.jobs import enqueue_each
from app.vocabulary import MessageKind, NoticeStatus

_TRIES = 500
"""How often mail is tried. It gives up by itself once there is nothing to say any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A reason to write to somebody: about what, and the key that makes it one reason however often it is found."""

    kind: MessageKind
    person_id: str
    about_id: str
    starts_at: datetime | None = None
    """When what it is about begins, where a notice says nothing once that has changed."""
    once: str
    due_at: datetime


def notify(db: DbSession, told: Sequence[Told], *, now: datetime) -> None:
    """Write down a notice for each person who should read of one of these events."""


def write_notices(db: DbSession, several: Iterable[NewNotice], *, now: datetime) -> int:
    """Write these notices down, each with the job that sends it, and return how many nobody had written yet. Safe to
    repeat. Two statements, and one more for each further time at which some are due.
    """
    rows = [
        {
            "id": ids.new("ntc", now),
            "kind": one.kind,
            "person_id": one.person_id,
            "about_id": one.about_id,
            "starts_at": one.starts_at,
            "once": one.once,
            "status": NoticeStatus.WAITING,
            "due_at": one.due_at,
            "created_at": now,
            "updated_at": now,
        }
        for one in several
    ]
    if not rows:
        return 0
    made = postgresql.insert(notice) if db.get_bind().dialect.name == "postgresql" else sqlite.insert(notice)
    new = db.execute(made.on_conflict_do_nothing().returning(notice.c.due_at, notice.c.id), rows).tuples()
    written = sorted(new)
    for due_at, some in groupby(written, itemgetter(0)):
        jobs = {f"notice_mail:{notice_id}": {"notice_id": notice_id} for _, notice_id in some}
        enqueue_each(db, "notice_mail", jobs, due_at=due_at, max_attempts=_TRIES, now=now)
    return len(written)
