"""What a job is given."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine

from app.adapters.outside import Outside
from app.clock import Clock
from app.config import Settings
from app.db import DbSession, written

T = TypeVar("T")


class Hopeless(Exception):
    """This job will never work: trying again is pointless."""


class Later(Exception):
    """It is not this job's time yet: it is put back, due `until` then, and this attempt does not count. `why` is kept
    for who looks at it meanwhile.
    """

    def __init__(self, until: datetime, why: str = "") -> None:
        super().__init__(why)
        self.until = until


@dataclass(frozen=True, slots=True)
class JobContext:
    """The house around one job, the ways out of it, its payload, where it reports progress (percent, with no
    transaction open; raises when the job is no longer this worker's), and an event that is set when nobody waits for
    the job any more: it was cancelled or taken over, or the worker ends.
    """

    engine: Engine
    settings: Settings
    clock: Clock
    outside: Outside
    payload: Mapping[str, Any]
    progress: Callable[[int], None]
    over: threading.Event = field(default_factory=threading.Event)

    def write(self, work: Callable[[DbSession], T]) -> T:
        """Do the work in a write transaction of its own, and again when the database asks for another run."""
        return written(self.engine, work)
