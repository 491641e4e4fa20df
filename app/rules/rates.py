"""How often somebody may come: the generic cell rate algorithm (ITU-T I.371, annex A), which needs one number each.

Instants and lengths are whole nanoseconds here, instants since 1970: sums of fractions would drift.
"""

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

_SECOND = 10**9


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once after a quiet time, and then `limit` in `seconds`, evenly.

    Never more than `limit + burst` in any `seconds`. Where `burst` is the limit too, who keeps to that many in any
    `seconds` is never refused. Limits up to 10,000 in a minute are exact.
    """

    name: str
    limit: int
    seconds: int
    burst: int

    @property
    def step(self) -> int:
        """How long it takes until one more is free."""
        return self.seconds * _SECOND // self.limit


class Turn(NamedTuple):
    """What came of one that came."""

    full_at: int
    """When the whole burst is free again: all that is remembered of somebody. Once past, nothing is."""
    left: int
    """How many more may come at once."""
    wait: int
    """How long until the next one may come, for one that was refused; 0: it was let through."""

    @property
    def retry_after(self) -> int | None:
        """The wait in whole seconds, rounded up; None: it was let through."""
        return -(-self.wait // _SECOND) or None


def turn(rate: Rate, full_at: int, *, now: int) -> Turn:
    """Let one through, or say how long it must wait; who is refused loses nothing by asking. Constant time.

    A clock that was set back makes nobody wait longer than for a whole burst.
    """
    step = rate.step
    most = rate.burst * step
    owed = min(max(full_at - now, 0), most)
    if owed + step > most:
        return Turn(now + owed, 0, owed + step - most)
    return Turn(now + owed + step, (most - owed) // step - 1, 0)


def full_in(found: Turn, *, now: int) -> int:
    """In how many whole seconds, rounded up, the whole burst is free again."""
    return -(-max(found.full_at - now, 0) // _SECOND)


def network(address: str) -> str:
    """Return whose limit an address counts against: an IPv4 address itself, of IPv6 its /64, which is one line or host
    (RFC 6177). What is no address stands for itself.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(found) >> 64 << 64)}/64"


MINUTE = 60
SIGN_IN_LINKS_OF_ADDRESS = Rate("sign_in_links_of_address", limit=2, seconds=15 * MINUTE, burst=3)
"""By who is to get them: at most 5 in any 15 minutes."""
SIGN_IN_LINKS_OF_NETWORK = Rate("sign_in_links_of_network", limit=10, seconds=15 * MINUTE, burst=10)
"""By who asks for them: at most 20 in any 15 minutes."""
FAILED_SIGN_INS = Rate("failed_sign_ins", limit=30, seconds=MINUTE, burst=30)
"""Sign-ins that did not work, by the network that they come from. Those that do count for nothing."""
UNKNOWN_FEEDS = Rate("unknown_feeds", limit=60, seconds=MINUTE, burst=60)
"""Addresses of calendars that are none, by network."""


def of_a_key(per_minute: int) -> Rate:
    """Return the rate of an API key that may ask so often."""
    return Rate("default", limit=per_minute, seconds=MINUTE, burst=per_minute)


def of_a_feed(per_hour: int) -> Rate:
    """Return the rate of a calendar subscription that may be fetched so often."""
    return Rate("feed_fetches", limit=per_hour, seconds=60 * MINUTE, burst=per_hour)


def of_failed_keys(per_minute: int) -> Rate:
    """Return the rate of keys that do not work, by the network that they come from."""
    return Rate("failed_keys", limit=per_minute, seconds=MINUTE, burst=per_minute)
