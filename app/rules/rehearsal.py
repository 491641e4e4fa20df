"""Try the seats of a plan before anybody books them: what booking would say to each, after those before it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from app.rules import seating
from app.rules.loads import one_more
from app.rules.seating import Host, Observer, Refusal, Seatable

Place = tuple[str, str]
"""(observer id, call id)."""


def rehearsal(
    places: Iterable[Place],
    *,
    calls: Mapping[str, Seatable],
    observers: Mapping[str, Observer],
    hosts: Mapping[str, Host],
    booked: Collection[Place],
    now: datetime,
) -> dict[Place, Refusal | None]:
    """Why booking would refuse each of these seats now, in their order, each accepted one booked before the next; None
    where it would accept. A place that is `booked` already is refused by nothing. O(n) in places, times what takes
    their people's time.
    """
    seen, known, given = dict(observers), dict(hosts), Counter[str]()
    said: dict[Place, Refusal | None] = {}
    for place in places:
        if place in booked:
            said[place] = None
            continue
        observer, call = seen[place[0]], calls[place[1]]
        host = known[call.host_id]
        why = seating.closed(call, now=now) or seating.unfit(call, observer, host)
        if why is None and call.seats_taken + given[call.id] >= call.seat_capacity:
            why = seating.FULL
        said[place] = why
        if why is None:
            given[call.id] += 1
            seen[observer.id], known[call.host_id] = _seated(observer, call), _observed(host, call)
    return said


def _seated(observer: Observer, call: Seatable) -> Observer:
    """Return what must be known of an observer who has a seat on this call too."""
    taken = sorted([*observer.taken, observer.claim(call.starts_at, call.ends_at)])
    return replace(observer, taken=taken, load=one_more(observer.load, int(call.starts_at.timestamp())))


def _observed(host: Host, call: Seatable) -> Host:
    """Return what must be known of a host who has one more observer, on this call."""
    observed = {**host.observed, call.id: (call.starts_at, call.ends_at)}
    return replace(host, observed=observed, load=one_more(host.load, int(call.starts_at.timestamp())))
