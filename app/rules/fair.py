"""Whose turn it is: sessions are spread over people by what each was given, so that nobody gets all (round robin)."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whose turn it may be."""

    id: str
    came_at: datetime
    given_at: Sequence[datetime] = ()
    """When they were given each session of the last weeks; sorted."""
    weight: int = 1
    """Somebody with weight 2 is given twice as much; at least 1."""


def turns(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return whose turn it is, and who comes next: lowest load by weight, then least recent, then id.

    Somebody new starts at the average that those before them had when they came, in place of being given everything
    until they have caught up; as the weeks looked at move on, that falls away by itself.
    O(n² log m) for n people with m sessions each.
    """
    everybody = sorted(candidates, key=lambda one: (one.came_at, one.id))
    credit: dict[str, Fraction] = {}
    for one in everybody:
        earlier = [other for other in everybody if other.came_at < one.came_at]
        had = sum(credit[other.id] + _load(other, until=one.came_at) for other in earlier)
        credit[one.id] = Fraction(had, len(earlier) or 1)
    return sorted(everybody, key=lambda one: (credit[one.id] + _load(one), _last(one), one.id))


def _load(one: Candidate, *, until: datetime | None = None) -> Fraction:
    """Return what they were given before that time, for each unit of weight."""
    number = len(one.given_at) if until is None else bisect_left(one.given_at, until)
    return Fraction(number, one.weight)


def _last(one: Candidate) -> datetime:
    return one.given_at[-1] if one.given_at else _NEVER
