"""Seal again what the key that seals now did not seal: after an update, and after that key became the first."""

from functools import partial

from sqlalchemy import Engine

from app.db import written
from app.jobs.context import JobContext
from app.operations.resealing import Resealed, reseal_some
from app.queries.sealed import SEALED


def reseal(context: JobContext) -> None:
    """Seal again whatever needs it."""
    reseal_all(context.engine)


def reseal_all(engine: Engine) -> Resealed:
    """Seal again whatever needs it, some rows in each transaction, and return what came of all of it."""
    values = locked = 0
    for table in SEALED:
        after: str | None = ""
        while after is not None:
            done = written(engine, partial(reseal_some, table=table, after=after))
            values, locked, after = values + done.values, locked + done.locked, done.last
    return Resealed(values, locked, None)
