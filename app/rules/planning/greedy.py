"""Rounds: the observer with the most to gain from one more session chooses first. Always answers, rarely best."""

import numpy as np

from app.rules.planning.model import IntArray, Limit, SeatModel


def rounds(model: SeatModel, start: IntArray) -> IntArray:
    """Edges that extend `start`, which must be feasible, until nothing that fits is worth a point; ascending.

    In each round everybody takes at most one seat, the one worth most to them now, in order of the bonus for it (so
    the loneliest first), then of index. O(entries of limits and goals + rounds × edges).
    """
    edges_of = _Groups(model.observer, np.arange(len(model.value)), len(model.bonus))
    choice = _Choice(model)
    for edge in start:
        choice.take(int(edge))
    hopeful = np.ones(len(model.bonus), dtype=bool)
    while hopeful.any():
        marginal = choice.marginal_bonus()
        for i in np.argsort(-marginal, kind="stable"):
            if not hopeful[i]:
                continue
            mine = edges_of.of(i)
            free = mine[choice.fits[mine]]
            best = int(free[np.argmax(choice.gain[free])]) if len(free) else -1
            # Gains only shrink and seats only fill, so who finds nothing now finds nothing later.
            hopeful[i] = best >= 0 and bool(choice.gain[best] + marginal[i] > 0)
            if hopeful[i]:
                choice.take(best)
    return np.flatnonzero(choice.taken)


def fitting(model: SeatModel, wishes: IntArray) -> IntArray:
    """Those of the wishes, edges in the order given, that fit beside the ones before them."""
    choice = _Choice(model)
    for edge in wishes:
        if choice.fits[edge]:
            choice.take(int(edge))
    return np.flatnonzero(choice.taken)


class _Choice:
    """Seats taken so far, which edges still fit, and what each would add besides the session bonus."""

    def __init__(self, model: SeatModel) -> None:
        edges = len(model.value)
        self._model = model
        self._seats = _Room(model.limits, edges)
        self._goals_of = _Groups(model.goal_edge, model.goal, edges)
        self._edges_of_goal = _Groups(model.goal, model.goal_edge, len(model.goal_worth))
        self._unmet = np.ones(len(model.goal_worth), dtype=bool)
        self._sessions = np.zeros(len(model.bonus), dtype=np.int64)
        self.taken = np.zeros(edges, dtype=bool)
        self.fits = np.ones(edges, dtype=bool)
        self.fits[self._seats.without()] = False
        goals = np.bincount(model.goal_edge, weights=model.goal_worth[model.goal], minlength=edges)
        self.gain = model.value + goals.astype(np.int64)

    def marginal_bonus(self) -> IntArray:
        """What one more session is worth to each observer."""
        padded = np.pad(self._model.bonus, ((0, 0), (0, 1)))
        marginal: IntArray = padded[np.arange(len(padded)), np.minimum(self._sessions, padded.shape[1] - 1)]
        return marginal

    def take(self, edge: int) -> None:
        """Seat this edge; those it leaves no room for stop fitting, those whose goal it met lose that gain."""
        self.taken[edge] = True
        self.fits[edge] = False
        self.fits[self._seats.take(edge)] = False
        self._sessions[self._model.observer[edge]] += 1
        for goal in self._goals_of.of(edge):
            if self._unmet[goal]:
                self._unmet[goal] = False
                self.gain[self._edges_of_goal.of(goal)] -= self._model.goal_worth[goal]


class _Room:
    """How many more members each row of some limits takes."""

    def __init__(self, limits: tuple[Limit, ...], members: int) -> None:
        offsets = np.cumsum([0, *(len(limit.cap) for limit in limits)])
        row = np.concatenate([_NONE, *(limit.row + at for limit, at in zip(limits, offsets, strict=False))])
        member = np.concatenate([_NONE, *(limit.member for limit in limits)])
        self._left = np.concatenate([_NONE, *(limit.cap for limit in limits)])
        self._rows_of = _Groups(member, row, members)
        self._members_of = _Groups(row, member, len(self._left))

    def without(self) -> IntArray:
        """The members of rows that take no more."""
        return self._members_in(np.flatnonzero(self._left <= 0))

    def take(self, member: int) -> IntArray:
        """Take a member in; the answer is everybody in the rows that this has filled."""
        rows = self._rows_of.of(member)
        self._left[rows] -= 1
        return self._members_in(rows[self._left[rows] == 0])

    def _members_in(self, rows: IntArray) -> IntArray:
        return np.concatenate([_NONE, *(self._members_of.of(row) for row in rows)])


_NONE = np.zeros(0, dtype=np.int64)


class _Groups:
    """The members of each group, in their given order."""

    def __init__(self, group: IntArray, member: IntArray, groups: int) -> None:
        self._members = member[np.argsort(group, kind="stable")]
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=groups))])

    def of(self, group: int) -> IntArray:
        return self._members[self._ends[group] : self._ends[group + 1]]
