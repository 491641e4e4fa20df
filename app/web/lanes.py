"""Blocks side by side that overlap in time. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Timed(Protocol):
    """What takes the time from `starts_at` until before `ends_at`."""

    @property
    def starts_at(self) -> datetime:
        """The first instant."""

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""


def lanes(blocks: Sequence[Timed]) -> list[tuple[int, int]]:
    """Return for each of these its lane, from 0, and how many lanes there are where it stands. Blocks must be in order
    of their start. Two that overlap have different lanes, and no lane is made that is not needed; O(n · lanes).
    """
    found: list[tuple[int, int]] = []
    free_at: list[datetime] = []
    """When each lane of the cluster is free again: blocks that overlap, directly or through others."""
    for block in blocks:
        if free_at and block.starts_at >= max(free_at):
            _close(found, len(free_at))
            free_at = []
        lane = next((n for n, at in enumerate(free_at) if at <= block.starts_at), len(free_at))
        free_at[lane : lane + 1] = [block.ends_at]
        found.append((lane, 0))
    _close(found, len(free_at))
    return found


def _close(found: list[tuple[int, int]], width: int) -> None:
    """Tell the blocks of a cluster how wide it has become."""
    for n in range(len(found) - 1, -1, -1):
        if found[n][1]:
            return
        found[n] = (found[n][0], width)
