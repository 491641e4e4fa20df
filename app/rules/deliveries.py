"""When a webhook is tried, how long an endpoint rests after a failure, and when there is no more to hope for."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

AFTER_AN_ATTEMPT = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long a delivery waits after its first attempt failed, its second …; after its tenth it has failed."""
_RESTS = (timedelta(seconds=5), timedelta(seconds=20), timedelta(seconds=80), timedelta(minutes=5))
_LONGEST_RETRY_AFTER = timedelta(hours=24)
FAILS_NO_LONGER_THAN = timedelta(days=5)
"""An endpoint that failed for so long, and fails again, is disabled."""
OUTAGE = timedelta(seconds=60)
"""After a failure that lasted so long, all that waited is sent at once."""
SLOW_MS = 1000
"""An endpoint whose last answer, or failure, took longer is slow."""
FAST_LANE, SLOW_LANE = "webhooks", "webhooks_slow"
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver, and what came of it: a status, or why there was none."""

    at: datetime
    elapsed_ms: int
    status_code: int | None
    why: str | None = None
    answer: str | None = None
    """The beginning of what the other side said, as clean text."""
    retry_at: datetime | None = None
    """When the other side wants to be asked again."""

    @property
    def arrived(self) -> bool:
        """Whether it was taken: nothing but 2xx says so."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants nothing any more (410; RFC 9110 section 15.5.11)."""
        return self.status_code == 410

    @property
    def slow(self) -> bool:
        """Whether who waits for such answers should do so apart from others."""
        return self.elapsed_ms > SLOW_MS


def lane(*, slow: bool) -> str:
    """Return the kind of job that sends to an endpoint: those who take long have threads of their own."""
    return SLOW_LANE if slow else FAST_LANE


def next_attempt_at(attempts: int, *, failed: Attempt, spread: float, now: datetime) -> datetime | None:
    """Return when a delivery is tried again that failed `attempts` times, 1 or more; None: never.

    `spread`, a random number from 0 to 1, makes it up to 20 % sooner or later. Never before the receiver wants it.
    """
    if attempts > len(AFTER_AN_ATTEMPT):
        return None
    scheduled = now + AFTER_AN_ATTEMPT[attempts - 1] * (0.8 + 0.4 * spread)
    return max(scheduled, failed.retry_at or scheduled)


def rests_until(failures: int, *, failed: Attempt, now: datetime) -> datetime:
    """Return until when nothing is sent to an endpoint after `failures` in a row, 1 or more: 5 s, 20 s, 80 s, then
    5 minutes; or what it asked for, if that is 5 s or more.
    """
    if failed.retry_at is not None:
        return max(failed.retry_at, now + _RESTS[0])
    return now + _RESTS[min(failures, len(_RESTS)) - 1]


def retry_at(retry_after: str | None, *, now: datetime) -> datetime | None:
    """Return the instant that a Retry-After header means, 24 hours from now at most; None when it means none.

    It is a number of seconds or an HTTP date in any of its three forms (RFC 9110 sections 10.2.3 and 5.6.7).
    """
    if retry_after is None:
        return None
    if _SECONDS.fullmatch(retry_after):
        at = now + timedelta(seconds=int(retry_after))
    else:
        try:
            at = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at  # asctime says no zone; HTTP dates are all UTC
    return min(at, now + _LONGEST_RETRY_AFTER) if at > now else None
