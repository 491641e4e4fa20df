"""How fast mail goes: so much a minute to one domain, and nothing for a while to a relay that failed."""

import threading
from collections import deque
from collections.abc import Sequence
from math import inf

_MINUTE = 60.0
_SLACK = 1.1  # jobs come a little later than they were told, so places get free a little later than they should
RESTS = (5.0, 20.0, 80.0, 300.0)
"""Seconds that a relay rests after it failed once, twice, …"""
TRIAL_SECONDS = 15.0
"""How long the others wait to see how the first one after a rest fares."""


class Pace:
    """At most so many mails to one domain in any 60 seconds, of this process. For any number of threads. What can wait
    gets half of them at most: behind ten thousand digests, an offer that ends within the hour still goes at once.

    Instants are seconds of any clock that only goes forward. A domain costs `per_minute` numbers while it is in use.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}
        self._told: dict[tuple[str, int], float] = {}
        self._forgot_at = 0.0

    def wait(self, domain: str, now: float, *, can_wait: bool = False) -> float:
        """Return 0.0 when a mail may go now, which is then counted; else after how many seconds to ask again. Those
        who wait are told different times, so that they do not all come back for the first place.
        """
        with self._lock:
            if now - self._forgot_at > _MINUTE:
                self._forget(now)
            sent = self._sent.setdefault(domain, deque())
            while sent and sent[0] + _MINUTE <= now:
                sent.popleft()
            share = max(1, self._per_minute // 2) if can_wait else self._per_minute
            if len(sent) < share:
                sent.append(now)
                return 0.0
            gap = _SLACK * _MINUTE / share
            told = max(sent[-share] + _MINUTE, self._told.get((domain, share), -inf) + gap)
            self._told[domain, share] = told
            return told - now

    def _forget(self, now: float) -> None:
        self._forgot_at = now
        self._sent = {domain: sent for domain, sent in self._sent.items() if sent and sent[-1] > now - _MINUTE}
        self._told = {which: at for which, at in self._told.items() if at > now}


class Rest:
    """Lets a relay that failed rest: 5 s, 20 s, 80 s, then 5 min each time. After a rest one mail tries, and the others
    wait for what comes of it. For any number of threads.
    """

    def __init__(self, rests: Sequence[float] = RESTS) -> None:
        self._rests = rests
        self._lock = threading.Lock()
        self._failures = 0
        self._failed_at = 0.0
        self._until = 0.0

    def left(self, now: float) -> float:
        """Return after how many seconds to ask again; 0.0 when the relay may be tried."""
        with self._lock:
            return max(0.0, self._until - now) if self._failures else 0.0

    def trying(self, now: float) -> None:
        """Note that somebody tries: after a failure, one at a time."""
        with self._lock:
            if self._failures:
                self._until = now + TRIAL_SECONDS

    def failed(self, now: float, *, since: float) -> None:
        """Note that an attempt failed that began at `since`: before the last failure, it is no news."""
        with self._lock:
            if self._failures and since <= self._failed_at:
                return
            self._until = now + self._rests[min(self._failures, len(self._rests) - 1)]
            self._failures += 1
            self._failed_at = now

    def worked(self) -> None:
        """Note that the relay does what it should."""
        with self._lock:
            self._failures = 0
