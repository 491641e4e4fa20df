"""Who listens to whom when in a power hour: hosts dial, and observers go from one to the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of a power hour, [starts_at, ends_at), in which an observer listens to one host."""

    observer: str
    host: str
    starts_at: datetime
    ends_at: datetime


def turns(
    hosts: Sequence[str],
    observers: Sequence[str],
    *,
    starts_at: datetime,
    ends_at: datetime,
    rotation_minutes: int,
) -> list[Turn]:
    """Return who listens to whom when, by time and then in the order of the observers.

    In each round the observer at place i goes on to the next host, as in a round robin (the circle method): over the
    whole, the times that an observer hears each host differ by one at most; at any time, so do the numbers of those who
    listen to each host. Linear in the turns, of which there is one for each observer and round.
    """
    if not hosts:
        return []
    return [
        Turn(observer, hosts[(place + number) % len(hosts)], begins, stops)
        for number, (begins, stops) in enumerate(rounds(starts_at, ends_at, rotation_minutes))
        for place, observer in enumerate(observers)
    ]


def rounds(starts_at: datetime, ends_at: datetime, rotation_minutes: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the rounds of a power hour, each [begins, stops) of so many minutes. What is left at its end is one too,
    unless it is less than half as long.
    """
    length = timedelta(minutes=rotation_minutes)
    begins = starts_at
    while ends_at - begins >= length / 2:
        yield begins, min(begins + length, ends_at)
        begins += length
