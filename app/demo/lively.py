"""What is on at the demo company while somebody looks at it: calls run and more follow, whatever the day and hour."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.demo.diary import QUARTER
from app.demo.shapes import CallType, Company, DemoCall, DemoPerson

_HOSTS = 5
_LENGTH, _EVERY = 3 * QUARTER, 4 * QUARTER
_ROUNDS = 4
"""How many calls each host runs: so many hours the floor is lively."""
_PAST = timedelta(weeks=2)
_OPEN: tuple[CallType, ...] = ("discovery", "demo", "technical")
"""What juniors hear: nobody sits in on what is about contracts."""


def calls_around(made: Company, *, now: datetime) -> tuple[DemoCall, ...]:
    """Return calls on the quarters of the hour around `now`, by time: some are under way, others come in the next
    hours, so that there is always somebody on a call. They are what their hosts have to do anyway, done earlier.

    Hosts are mentors who have no other call then, but for the overloaded one: a customer who calls on a Sunday, or in
    the middle of a team meeting, is spoken to.
    """
    quarter = datetime.fromtimestamp(now.timestamp() // QUARTER.total_seconds() * QUARTER.total_seconds(), UTC)
    overloaded = made.planted.overloaded_host
    hosts = [one for one in made.people if one.kind == "mentor" and one.external_id != overloaded][:_HOSTS]
    found = [
        call for at, host in enumerate(hosts) for call in _of_host(made, host, first=quarter - at * QUARTER, now=now)
    ]
    return tuple(sorted(found, key=lambda call: (call.starts_at, call.external_id)))


def free_juniors(made: Company, *, now: datetime) -> list[DemoPerson]:
    """Return the juniors who could listen for an hour from now on, but for the isolated ones."""
    until = now + _EVERY
    return [
        one
        for one in made.people
        if one.kind == "mentee"
        and one.external_id not in made.planted.isolated_juniors
        and _hosts_none(made, one, now, until)
        and not any(starts_at < until and now < ends_at for starts_at, ends_at in one.busy)
    ]


def heard_before(made: Company, *, now: datetime) -> list[tuple[DemoPerson, DemoCall]]:
    """Return who heard which calls of the last two weeks, three each and days apart; the isolated heard none."""
    closed, isolated = made.planted.account_without_observers, made.planted.isolated_juniors
    past = [
        replace(call, external_id=f"{call.external_id}-past", starts_at=call.starts_at - _PAST, ends_at=ends_at)
        for call in made.calls
        if call.type in _OPEN and call.account_external_id != closed and (ends_at := call.ends_at - _PAST) < now
    ]
    juniors = [one for one in made.people if one.kind == "mentee" and one.external_id not in isolated]
    found = []
    for at, junior in enumerate(juniors):
        theirs = [call for call in past if call.host_external_id != junior.external_id]
        found += [(junior, theirs[(at * 5 + len(theirs) * third // 3) % len(theirs)]) for third in range(3)]
    return found


def _of_host(made: Company, host: DemoPerson, *, first: datetime, now: datetime) -> Iterator[DemoCall]:
    closed = made.planted.account_without_observers
    theirs = [
        call
        for call in made.calls
        if call.host_external_id == host.external_id
        and call.type in _OPEN
        and call.account_external_id != closed
        and call.starts_at > now + timedelta(days=1)
    ]
    for number, call in enumerate(theirs[:_ROUNDS]):
        starts_at = first + number * _EVERY
        ends_at = starts_at + _LENGTH
        if now < ends_at and _hosts_none(made, host, starts_at, ends_at):
            name = f"{call.external_id}-now"
            yield replace(call, external_id=name, starts_at=starts_at, ends_at=ends_at)


def _hosts_none(made: Company, person: DemoPerson, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether somebody runs no call of the company in [starts_at, ends_at)."""
    own = (call for call in made.calls if call.host_external_id == person.external_id)
    return not any(call.starts_at < ends_at and starts_at < call.ends_at for call in own)
