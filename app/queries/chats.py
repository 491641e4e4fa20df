"""What chats are told of calls and debriefs: company and type of call, host, time and free seats; and of power hours
when they are.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account, call, call_type, person, power_hour, session
from app.queries.rows import in_parts
from app.rules.chat import Happening

_WORDS = (call_type.c.name.label("call_type"), account.c.name.label("company"), person.c.name.label("host"))
_CALLS = (
    select(call.c.id, call.c.starts_at, call.c.seat_capacity, call.c.seats_taken, *_WORDS)
    .join(call_type, call_type.c.slug == call.c.type)
    .join(person, person.c.id == call.c.host_id)
    .outerjoin(account, account.c.id == call.c.account_id)
)
_followed = session.alias()
_DEBRIEFS = (
    select(session.c.id, session.c.starts_at, *_WORDS)
    .outerjoin(_followed, _followed.c.id == session.c.follows_id)
    .outerjoin(call, call.c.id == _followed.c.call_id)
    .outerjoin(call_type, call_type.c.slug == call.c.type)
    .outerjoin(person, person.c.id == call.c.host_id)
    .outerjoin(account, account.c.id == call.c.account_id)
)


def happenings(db: DbSession, object_ids: Iterable[str]) -> dict[str, Happening]:
    """Return by id what there is to say of calls, debriefs and power hours; absent when they are not there any more.
    Three statements per thousand.
    """
    found: dict[str, Happening] = {}
    for part in in_parts(object_ids):
        for row in db.execute(_CALLS.where(call.c.id.in_(part))):
            free = max(row.seat_capacity - row.seats_taken, 0)
            found[row.id] = _said(row, f"/calls/{row.id}", free_seats=free)
        for row in db.execute(_DEBRIEFS.where(session.c.id.in_(part))):
            found[row.id] = _said(row, f"/s/{row.id}")
        for row in db.execute(select(power_hour.c.id, power_hour.c.starts_at).where(power_hour.c.id.in_(part))):
            found[row.id] = Happening(path=f"/power-hours/{row.id}", starts_at=row.starts_at)
    return found


def _said(row: Any, path: str, *, free_seats: int | None = None) -> Happening:
    words = {"call_type": row.call_type, "company": row.company, "host": row.host}
    return Happening(path=path, starts_at=row.starts_at, free_seats=free_seats, **words)
