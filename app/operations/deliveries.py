"""Bring events to webhook endpoints: who is told, what is due, how it went."""

from collections.abc import Sequence
from datetime import datetime

from app.db import DbSession
from app.operations.events import Told


def deliver(db: DbSession, told: Sequence[Told], *, now: datetime) -> None:
    """Write down a delivery for each endpoint that hears of each of these events."""
