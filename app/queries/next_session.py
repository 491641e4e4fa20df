"""Read what people are in next, and which hands are up on a call."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from app.db import DbSession
from app.models.tables import account, call, hand, participant, person, session
from app.vocabulary import SessionStatus

_HOST = person.alias("host")
_TO_COME = (
    select(
        participant.c.person_id,
        participant.c.part,
        session.c.id,
        session.c.kind,
        session.c.starts_at,
        session.c.call_id,
        func.row_number()
        .over(partition_by=participant.c.person_id, order_by=(session.c.starts_at, session.c.id))
        .label("place"),
    )
    .join(session, session.c.id == participant.c.session_id)
    .where(
        participant.c.person_id.in_(bindparam("person_ids", expanding=True)),
        session.c.status.in_((SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)),
        session.c.ends_at > bindparam("now", type_=session.c.ends_at.type),
    )
    .subquery()
)
_NEXT = (
    select(_TO_COME, call.c.host_id, _HOST.c.name.label("host_name"), account.c.name.label("account_name"))
    .outerjoin(call, call.c.id == _TO_COME.c.call_id)
    .outerjoin(_HOST, _HOST.c.id == call.c.host_id)
    .outerjoin(account, account.c.id == call.c.account_id)
    .where(_TO_COME.c.place == 1)
)


def next_sessions(db: DbSession, person_ids: Collection[str], *, now: datetime) -> dict[str, Any]:
    """Return by person the session that each is in now or next, with their part in it, and its call's host and account
    where it has a call; absent where there is none. One statement.
    """
    rows = db.execute(_NEXT, {"person_ids": list(person_ids), "now": now})
    return {row.person_id: row for row in rows}


def hands_on(db: DbSession, call_id: str) -> list[Any]:
    """Return the hands that are up on a call, with what they say; the latest first."""
    query = select(hand.c.person_id, hand.c.why).where(hand.c.call_id == call_id, hand.c.lowered_at.is_(None))
    return list(db.execute(query.order_by(hand.c.raised_at.desc(), hand.c.id.desc())))
