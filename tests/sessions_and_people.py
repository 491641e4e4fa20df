"""Sessions without a call that tests plan: Mia learns, Max mentors, both in London."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models import Person
from app.models.tables import calendar_entry, claim, event, participant, session
from app.operations.sessions import Plan, book_session
from app.rules.access import SYSTEM
from app.vocabulary import Part, SessionKind
from tests.factories import MONDAY
from tests.harness import NOW

TEN = MONDAY + timedelta(hours=10)
HALF = timedelta(minutes=30)
PARTS = (Part.MENTEE, Part.MENTOR, Part.OBSERVER)


def a_plan(*people: Person, starts_at: datetime = TEN, minutes: int = 30, **fields: Any) -> Plan:
    """A one-on-one on Monday at 10:00 UTC, or a role play of more than two."""
    given: dict[str, Any] = {
        "kind": SessionKind.ONE_ON_ONE if len(people) == 2 else SessionKind.ROLE_PLAY,
        "people": {person.id: part for person, part in zip(people, PARTS, strict=False)},
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=minutes),
    }
    return Plan(**{**given, **fields})


def a_session(db: DbSession, *people: Person, now: datetime = NOW, **fields: Any) -> str:
    return book_session(db, plan=a_plan(*people, **fields), actor=SYSTEM, now=now)


def row_of(db: DbSession, session_id: str) -> Any:
    return db.execute(select(session).where(session.c.id == session_id)).one()


def responses(db: DbSession, session_id: str) -> Mapping[str, str]:
    rows = db.execute(select(participant).where(participant.c.session_id == session_id))
    return {row.person_id: row.response for row in rows}


def claimed(db: DbSession, person: Person) -> list[tuple[datetime, datetime]]:
    """The time that this person's active claims take."""
    query = select(claim).where(claim.c.person_id == person.id, claim.c.active).order_by(claim.c.starts_at)
    return [(row.starts_at, row.ends_at) for row in db.execute(query)]


def entries_of(db: DbSession, session_id: str) -> list[Any]:
    query = select(calendar_entry).where(calendar_entry.c.session_id == session_id)
    return list(db.execute(query.order_by(calendar_entry.c.person_id)))


def acts(db: DbSession, object_id: str) -> list[tuple[str, int]]:
    """What was told of it: act and version."""
    query = select(event.c.act, event.c.version).where(event.c.object_id == object_id).order_by(event.c.sequence)
    return [(row.act, row.version) for row in db.execute(query)]
