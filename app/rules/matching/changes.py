"""What one answer to who mentors whom changes about another."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.vocabulary import PairChange


@dataclass(frozen=True, slots=True)
class Placed:
    """A mentee's mentor, and the points of the two; None when nobody has counted them."""

    mentor: str
    score: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one mentee; `difference` counts nobody, and what was not counted, as 0."""

    mentee: str
    change: PairChange
    before: Placed | None
    after: Placed | None

    @property
    def difference(self) -> int:
        """Points after minus points before."""
        return _points(self.after) - _points(self.before)


def differences(before: Mapping[str, Placed], after: Mapping[str, Placed]) -> list[Difference]:
    """What becomes of everybody who has a mentor before or after, by mentee."""
    return [
        Difference(mentee, _change(before.get(mentee), after.get(mentee)), before.get(mentee), after.get(mentee))
        for mentee in sorted({*before, *after})
    ]


def _change(before: Placed | None, after: Placed | None) -> PairChange:
    if after is None:
        return PairChange.UNMATCHED
    if before is None:
        return PairChange.ADDED
    return PairChange.KEPT if before.mentor == after.mentor else PairChange.MOVED


def _points(placed: Placed | None) -> int:
    return placed.score or 0 if placed else 0
