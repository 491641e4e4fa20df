"""What a job is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from app.clock import Clock
from app.config import Settings


@dataclass(frozen=True, slots=True)
class JobContext:
    """The house around one job, its payload, and where it reports progress (percent)."""

    engine: Engine
    settings: Settings
    clock: Clock
    payload: Mapping[str, Any]
    progress: Callable[[int], None]
