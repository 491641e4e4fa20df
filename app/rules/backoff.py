"""How long to wait before trying again."""

from datetime import timedelta

_FIRST, _LONGEST = timedelta(seconds=5), timedelta(hours=4)


def delay(attempt: int, spread: float) -> timedelta:
    """Return the wait after failed attempt 1, 2, …: 5 s, 20 s, 80 s … up to 4 h, times 0.8 to 1.2.

    `spread` is a random number from 0 to 1: jobs that failed together must not come back together.
    """
    factor: int = 4 ** min(attempt - 1, 10)
    wait = min(_FIRST * factor, _LONGEST)
    return wait * (0.8 + 0.4 * spread)
