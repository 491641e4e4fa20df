"""Remember which addresses take no mail, so that nothing more is sent there, and forget it again."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import mail_trouble
from app.queries.mail_troubles import check_sees
from app.rules.access import Actor

_LONGEST_WHY = 300


def note_trouble(db: DbSession, *, email: str, why: str, now: datetime) -> None:
    """Send nothing more to this address. Does nothing when that is so already. Safe to repeat."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"email": email.lower(), "why": why[:_LONGEST_WHY], "since": now}
    db.execute(insert(mail_trouble).values(row).on_conflict_do_nothing())


def clear_trouble(db: DbSession, *, email: str, actor: Actor) -> None:
    """Send to this address again. What was not sent meanwhile stays unsent. Raises NotFound when there is none."""
    check_sees(actor)
    gone = db.execute(delete(mail_trouble).where(mail_trouble.c.email == email).returning(mail_trouble.c.email))
    if gone.first() is None:
        raise NotFound
