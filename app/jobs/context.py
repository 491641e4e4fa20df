"""What a job is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Engine

from app.clock import Clock
from app.config import Settings
from app.db import DbSession, written

T = TypeVar("T")


class Hopeless(Exception):
    """This job will never work: trying again is pointless."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """The house around one job, its payload, and where it reports progress (percent).

    Each report renews the lease: work that may take minutes reports, with no transaction open.
    """

    engine: Engine
    settings: Settings
    clock: Clock
    payload: Mapping[str, Any]
    progress: Callable[[int], None]

    def write(self, work: Callable[[DbSession], T]) -> T:
        """Do the work in a write transaction of its own, and again when the database asks for another run."""
        return written(self.engine, work)
