"""Seal again by the key that seals now what other keys sealed, or what a version before kept in clear."""

from dataclasses import dataclass

from sqlalchemy import Table, and_, or_, select, update

from app.db import DbSession
from app.queries.sealed import SEALED, opened, sealed
from app.vault import WontOpen, key_of, vault_of

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values were sealed again, how many no key here opens, and after which row to go on; None at the end."""

    values: int
    locked: int
    last: str | None


def reseal_some(db: DbSession, table: Table, *, after: str) -> Resealed:
    """Seal the next rows of a table, by their ids. Nobody's version changes: what is sealed stays the same. Safe to
    repeat. Locks those rows.
    """
    first = vault_of(db.get_bind()).keys[0].id
    columns = [table.c[name] for name in SEALED[table]]
    stale = or_(*(and_(column.is_not(None), column.not_like(f"v1.{first}.%")) for column in columns))
    query = select(table.c.id, *columns).where(table.c.id > after, stale).order_by(table.c.id).limit(AT_ONCE)
    rows = db.execute(query.with_for_update(key_share=True)).all()
    values = locked = 0
    for row in rows:
        again = {}
        for column in columns:
            kept = getattr(row, column.name)
            if kept is None or key_of(kept) == first:
                continue
            try:
                again[column.name] = sealed(db, column, row.id, opened(db, column, row.id, kept))
            except WontOpen:
                locked += 1
        if again:
            db.execute(update(table).where(table.c.id == row.id).values(**again))
        values += len(again)
    return Resealed(values, locked, rows[-1].id if len(rows) == AT_ONCE else None)
