"""When to look at a calendar outside again."""

from datetime import datetime, timedelta

EVERY = timedelta(minutes=15)
DAILY = timedelta(days=1)
_FIRST, _LONGEST = timedelta(minutes=5), timedelta(hours=4)


def next_look(
    now: datetime, *, failures: int, spread: float, lasting: bool = False, not_before: datetime | None = None
) -> datetime:
    """Return when to look again: after 15 minutes when it could be read; after failure 1, 2, … in a row after 5, 10,
    20 … minutes, up to 4 hours; each times 0.8 to 1.2. Daily when only its owner can mend it (`lasting`).

    `not_before` is what the other side asks for. `spread` is a random number from 0 to 1: calendars of one host that
    failed together must not come back together.
    """
    wait = EVERY
    if lasting:
        wait = DAILY
    elif failures:
        wait = min(_FIRST * 2 ** min(failures - 1, 10), _LONGEST)
    at = now + wait * (0.8 + 0.4 * spread)
    return max(at, not_before) if not_before else at
