"""What one running service is made of."""

from dataclasses import dataclass

from sqlalchemy import Engine

from app.clock import Clock
from app.config import Settings


@dataclass(frozen=True, slots=True)
class House:
    """Settings, database and clock; lives on `app.state` and is given to whoever asks."""

    settings: Settings
    engine: Engine
    clock: Clock
