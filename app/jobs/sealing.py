"""Put what happened under seals, a minute after it happened at most."""

from functools import partial

from app.jobs.context import JobContext
from app.operations.sealing import seal_some


def seal(context: JobContext) -> None:
    """Seal what waits, each seal in a transaction of its own. Safe to repeat, and to stop between any two."""
    while not context.over.is_set() and context.write(partial(seal_some, now=context.clock())):
        pass
