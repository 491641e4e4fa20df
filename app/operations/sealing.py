"""Put what happened under seals, batch by batch, and give up the oldest of them when they were kept long enough."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from app.db import DbSession, one_at_a_time
from app.models.tables import audit_seal, event, event_detail
from app.rules.sealing import BEGINNING, FACTS, seal

AT_ONCE = 250
"""Events under one seal at most: writers wait for one seal at a time."""


def seal_some(db: DbSession, *, now: datetime) -> int:
    """Put the next events under one seal, and return how many these were; 0: none is left.

    Only what is committed is seen: an event that commits late comes under a later seal than its neighbours. Nobody who
    books waits for this, for they write events and change none; who announces them does, for they could deadlock.
    """
    one_at_a_time(db, "announcing")
    last = db.execute(
        select(audit_seal.c.number, audit_seal.c.digest).order_by(audit_seal.c.number.desc()).limit(1)
    ).first()
    number, before = (last.number + 1, last.digest) if last else (1, BEGINNING)
    waiting = select(event.c.sequence).where(event.c.seal.is_(None)).order_by(event.c.sequence).limit(AT_ONCE)
    sealed = update(event).where(event.c.sequence.in_(waiting)).values(seal=number)
    found = sorted(tuple(row) for row in db.execute(sealed.returning(*(event.c[name] for name in FACTS))))
    if found:
        digest = seal(before, found, number=number, sealed_at=now)
        db.execute(insert(audit_seal).values(number=number, sealed_at=now, events=len(found), digest=digest))
    return len(found)


def give_up_seal(db: DbSession, *, before: datetime, now: datetime) -> int:
    """Delete the events, with their details, of the oldest seal if it was made before then, and return how many these
    were; 0: none is left. The seal itself stays, so that the chain after it can be checked.
    """
    one_at_a_time(db, "announcing")
    oldest = (
        select(audit_seal.c.number, audit_seal.c.sealed_at)
        .where(audit_seal.c.purged_at.is_(None))
        .order_by(audit_seal.c.number)
        .limit(1)
    )
    found = db.execute(oldest).first()
    if found is None or found.sealed_at >= before:
        return 0
    db.execute(update(audit_seal).where(audit_seal.c.number == found.number).values(purged_at=now))
    under_it = event.c.seal == found.number
    db.execute(delete(event_detail).where(event_detail.c.event_id.in_(select(event.c.id).where(under_it))))
    gone = db.execute(delete(event).where(under_it).returning(event.c.sequence)).all()
    return len(gone)
