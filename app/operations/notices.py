"""Write to people about what happened to them, once for each reason."""

from collections.abc import Sequence
from datetime import datetime

from app.db import DbSession
from app.operations.events import Told


def notify(db: DbSession, told: Sequence[Told], *, now: datetime) -> None:
    """Write down a notice for each person who should read of one of these events."""
