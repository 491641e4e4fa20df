"""Columns: people as arrays, so that everything about a pair is one operation on a mentees × mentors matrix."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def index(names: Iterable[str]) -> dict[str, int]:
    """Each distinct name's column, in order of name."""
    return {name: n for n, name in enumerate(sorted(set(names)))}


def table(rows: Sequence[Mapping[str, int]], columns: Mapping[str, int]) -> Floats:
    """One row per person and one column per name; names without a column are left out.

    float32, because only floats reach the fast matrix product; whole numbers stay exact up to 2**24.
    """
    values = np.zeros((len(rows), len(columns)), np.float32)
    for n, row in enumerate(rows):
        for name, value in row.items():
            if name in columns:
                values[n, columns[name]] = value
    return values


def members(rows: Sequence[Iterable[str]], columns: Mapping[str, int]) -> Floats:
    """The table of sets: 1 = in it."""
    return table([dict.fromkeys(row, 1) for row in rows], columns)


def bits(bitmaps: Sequence[int], cells: int) -> NDArray[np.uint8]:
    """One row per bitmap, one column per cell; bits beyond `cells` are left out."""
    size = -(-cells // 8)
    keep = (1 << cells) - 1
    data = b"".join((bitmap & keep).to_bytes(size, "little") for bitmap in bitmaps)
    rows = np.frombuffer(data, np.uint8).reshape(len(bitmaps), size)
    return np.unpackbits(rows, axis=1, count=cells, bitorder="little")
