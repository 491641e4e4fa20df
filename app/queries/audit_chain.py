"""Look whether the audit still says what it said: every seal against its events and the seal before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import func, select

from app.db import DbSession
from app.models.tables import audit_seal, event
from app.rules.retention import KINDS
from app.rules.sealing import BEGINNING, FACTS, seal

_AT_ONCE = 2000
_KEPT_AT_LEAST = timedelta(days=KINDS["events"].least)
_SEAL = (
    audit_seal.c.number,
    audit_seal.c.sealed_at,
    audit_seal.c.events.label("said"),
    audit_seal.c.digest,
    audit_seal.c.purged_at,
)


@dataclass(slots=True)
class Checked:
    """How far the chain holds, and what is broken after that."""

    number: int
    """Of the last seal that holds; 0: none does."""
    digest: str
    """Of that seal. Who keeps the two outside of the database can ask later whether they are still in the chain."""
    events: int = 0
    """That hold."""
    given_up: int = 0
    """Seals whose events were deleted, for they had been kept long enough."""
    unsealed: int = 0
    """Events that are under no seal yet."""
    broken: str | None = None
    """The first thing that is not as it was left, in a sentence; None: everything is."""


class _Broken(Exception):
    """The first thing that is not as it was left, in a sentence."""


def check(db: DbSession, *, since: tuple[int, str] | None = None, now: datetime) -> Checked:
    """Look at every seal after `since`, which is a number and its digest, or at all of them. Streams: holds one seal at
    a time.

    What this can't find by itself is that the newest seals are gone together with their events, or that somebody made
    the whole chain anew: `since`, kept elsewhere, finds both. Until it is sealed, for a minute, an event has only the
    triggers to guard it.
    """
    checked = Checked(*(since or (0, BEGINNING)))
    try:
        if since is not None:
            _known(db, *since)
        _walk(db, checked, now=now)
        _no_strangers(db)
    except _Broken as why:
        checked.broken = str(why)
    checked.unsealed = db.execute(select(func.count()).where(event.c.seal.is_(None))).scalar_one()
    return checked


def newest_seals(db: DbSession, number: int) -> tuple[int, str] | None:
    """Return where to start to look at so many of the newest seals; None: there are no more than that."""
    query = select(audit_seal.c.number, audit_seal.c.digest).order_by(audit_seal.c.number.desc())
    found = db.execute(query.offset(number).limit(1)).first()
    return None if found is None else (found.number, found.digest)


def _known(db: DbSession, number: int, digest: str) -> None:
    found = db.execute(select(audit_seal.c.digest).where(audit_seal.c.number == number)).scalar()
    if found is None:
        raise _Broken(f"Seal {number} is missing.")
    if found != digest:
        raise _Broken(f"Seal {number} is another one than it was.")


def _walk(db: DbSession, checked: Checked, *, now: datetime) -> None:
    """Follow the chain from the seal in `checked`, and note there how far it holds."""
    query = (
        select(*_SEAL, *(event.c[name] for name in FACTS))
        .outerjoin(event, event.c.seal == audit_seal.c.number)
        .where(audit_seal.c.number > checked.number)
        .order_by(audit_seal.c.number, event.c.sequence)
    )
    any_kept = False
    with db.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
        for number, group in groupby(found, attrgetter("number")):
            if number != checked.number + 1:
                raise _Broken(f"Seal {checked.number + 1} is missing.")
            rows = list(group)
            facts = [tuple(row[len(_SEAL) :]) for row in rows if row.id is not None]
            if rows[0].purged_at is None:
                _holds(rows[0], facts, before=checked.digest)
                any_kept = True
            elif any_kept or facts:
                raise _Broken(f"Seal {number} says that its events were given up, and they, or older ones, are there.")
            elif now - rows[0].sealed_at < _KEPT_AT_LEAST:
                raise _Broken(f"Seal {number} says that its events were given up, sooner than any house may.")
            checked.number, checked.digest = number, rows[0].digest
            checked.events += len(facts)
            checked.given_up += rows[0].purged_at is not None


def _holds(found: Any, facts: Sequence[tuple[Any, ...]], *, before: str) -> None:
    """Raise _Broken unless this seal is over these events and the seal before it."""
    if seal(before, facts, number=found.number, sealed_at=found.sealed_at) == found.digest:
        return
    which = f"Seal {found.number}, made {found.sealed_at:%Y-%m-%d %H:%M} UTC over {found.said} events, is broken"
    if len(facts) < found.said:
        raise _Broken(f"{which}: {found.said - len(facts)} of them are gone.")
    if len(facts) > found.said:
        raise _Broken(f"{which}: {len(facts) - found.said} more are under it.")
    raise _Broken(f"{which}: it, or one of them from {facts[0][1]} to {facts[-1][1]}, was changed.")


def _no_strangers(db: DbSession) -> None:
    """Raise _Broken when an event is under a seal that there is not."""
    known = select(audit_seal.c.number).where(audit_seal.c.number == event.c.seal).exists()
    found = db.execute(
        select(event.c.id, event.c.seal).where(event.c.seal.is_not(None), ~known).order_by(event.c.sequence).limit(1)
    ).first()
    if found is not None:
        raise _Broken(f"Event {found.id} says that it is under seal {found.seal}, and there is none.")
