"""Who came how often lately: remembered in this process, in bounded memory, and forgotten with it.

Several processes count each for itself: behind a balancer, somebody may come as often as that at each of them.
"""

import threading
from datetime import UTC, datetime, timedelta

from app.rules.rates import Rate, Turn, turn

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def nanoseconds(at: datetime) -> int:
    """Return an instant as `rules.rates` counts it."""
    return (at - _START) // _MICROSECOND * 1000


class Limits:
    """Counts against rates; of each rate, `most` who come are remembered at once. Safe for threads."""

    def __init__(self, *, most: int = 20_000) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._full_at: dict[str, dict[str, int]] = {}

    def take(self, rate: Rate, key: str, *, at: datetime) -> int | None:
        """Count one; return None when it may come, else in how many seconds to come again."""
        return self.turn(rate, key, at=at).retry_after

    def turn(self, rate: Rate, key: str, *, at: datetime) -> Turn:
        """Count one, and say how many are left too."""
        now = nanoseconds(at)
        with self._guard:
            known = self._full_at.setdefault(rate.name, {})
            found = turn(rate, known.get(key, 0), now=now)
            if key not in known and len(known) >= self._most:
                _forget_half(known, now=now)
            known[key] = found.full_at
            return found

    def wait(self, rate: Rate, key: str, *, at: datetime) -> int | None:
        """Return in how many seconds one may come; None: at once. Counts nothing."""
        with self._guard:
            full_at = self._full_at.get(rate.name, {}).get(key, 0)
        return turn(rate, full_at, now=nanoseconds(at)).retry_after

    def remembered(self, rate: Rate) -> int:
        """How many are remembered of those who came."""
        with self._guard:
            return len(self._full_at.get(rate.name, ()))


def _forget_half(known: dict[str, int], *, now: int) -> None:
    """Forget those who would be let through as if they had never come; if that is not half, those nearest to it.
    O(n log n), once in n/2 of those who come for the first time.
    """
    owing = sorted(((full_at, key) for key, full_at in known.items() if full_at > now), reverse=True)
    kept = {key: full_at for full_at, key in owing[: len(known) // 2]}
    known.clear()
    known.update(kept)
