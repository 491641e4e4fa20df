"""Read again what a notice is about when it is sent: what it says now, or why there is nothing to say any more.

What is read when a notice is written decides who is told; what is read here decides whether it is still so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.db import DbSession
from app.queries.entries import Desk
from app.rules.templates import Fact


@dataclass(frozen=True, slots=True)
class Said:
    """What a notice says now: a fact for each token of its kind (`rules/messages`), but for `name` and
    `settings_link`, which every reader has.
    """

    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Pointless:
    """Why there is nothing to say any more, as a short sentence for whoever looks after the mail."""

    why: str


class Reader(Protocol):
    """Reads what a notice of one kind says now. `one` is the notice's row with the reader's `name`, `time_zone` and
    what they want to hear (`reminders`, `digest`, `quiet_from`, `quiet_to`, as they hold without a row as well).
    """

    def __call__(self, db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
        """Return it."""
