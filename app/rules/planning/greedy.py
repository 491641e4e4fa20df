"""Rounds: the observer with the most to gain from one more session chooses first. Always answers, rarely best."""

import numpy as np

from app.rules.planning.model import IntArray, SeatModel


def rounds(model: SeatModel, start: IntArray) -> IntArray:
    """Edges that extend `start`, which must be feasible, until nothing that fits is worth a point; ascending.

    In each round everybody takes at most one seat, the one worth most to them now, in order of the bonus for it (so
    the loneliest first), then of index. O(entries of limits and goals + rounds × edges).
    """
    observers = len(model.bonus)
    edges_of = np.split(np.argsort(model.observer, kind="stable"), _ends(model.observer, observers))
    choice = _Choice(model)
    for edge in start:
        choice.take(int(edge))
    hopeful = np.ones(observers, dtype=bool)
    while hopeful.any():
        marginal = choice.marginal_bonus()
        for i in np.lexsort((np.arange(observers), -marginal)):
            if not hopeful[i]:
                continue
            fitting = edges_of[i][choice.fits[edges_of[i]]]
            best = int(fitting[np.argmax(choice.gain[fitting])]) if len(fitting) else -1
            # Gains only shrink and seats only fill, so who finds nothing now finds nothing later.
            hopeful[i] = best >= 0 and bool(choice.gain[best] + marginal[i] > 0)
            if hopeful[i]:
                choice.take(best)
    return np.flatnonzero(choice.taken)


class _Choice:
    """Seats taken so far, which edges still fit, and what each would add besides the session bonus."""

    def __init__(self, model: SeatModel) -> None:
        entries = len(model.value)
        offsets = np.cumsum([0, *(len(limit.cap) for limit in model.limits)])
        row = np.concatenate([limit.row + at for limit, at in zip(model.limits, offsets, strict=False)] or [_NONE])
        edge = np.concatenate([limit.edge for limit in model.limits] or [_NONE])
        self._model = model
        self._room = np.concatenate([limit.cap for limit in model.limits] or [_NONE]).copy()
        self._rows_of, self._edges_of = _both_ways(row, edge, len(self._room), entries)
        self._goals_of, self._goal_edges = _both_ways(model.goal, model.goal_edge, len(model.goal_worth), entries)
        self._open = np.ones(len(model.goal_worth), dtype=bool)
        self._sessions = np.zeros(len(model.bonus), dtype=np.int64)
        self.taken = np.zeros(entries, dtype=bool)
        self.fits = np.ones(entries, dtype=bool)
        self.fits[edge[self._room[row] <= 0]] = False
        self.gain = model.value + np.bincount(
            model.goal_edge, weights=model.goal_worth[model.goal], minlength=entries
        ).astype(np.int64)

    def marginal_bonus(self) -> IntArray:
        """What one more session is worth to each observer."""
        padded = np.pad(self._model.bonus, ((0, 0), (0, 1)))
        marginal: IntArray = padded[np.arange(len(padded)), np.minimum(self._sessions, padded.shape[1] - 1)]
        return marginal

    def take(self, edge: int) -> None:
        """Seat this edge; those it leaves no room for stop fitting, those whose goal it met lose that gain."""
        self.taken[edge] = True
        self.fits[edge] = False
        self._sessions[self._model.observer[edge]] += 1
        rows = self._rows_of[edge]
        self._room[rows] -= 1
        for row in rows[self._room[rows] <= 0]:
            self.fits[self._edges_of[row]] = False
        met = self._goals_of[edge]
        for goal in met[self._open[met]]:
            self._open[goal] = False
            self.gain[self._goal_edges[goal]] -= self._model.goal_worth[goal]


_NONE = np.zeros(0, dtype=np.int64)


def _ends(groups: IntArray, count: int) -> IntArray:
    """Where the first count - 1 groups end, once sorted."""
    return np.cumsum(np.bincount(groups, minlength=count))[:-1]


def _both_ways(row: IntArray, edge: IntArray, rows: int, edges: int) -> tuple[list[IntArray], list[IntArray]]:
    """The rows of each edge and the edges of each row."""
    by_edge, by_row = np.argsort(edge, kind="stable"), np.argsort(row, kind="stable")
    return np.split(row[by_edge], _ends(edge, edges)), np.split(edge[by_row], _ends(row, rows))
