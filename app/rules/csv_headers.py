"""Files whose first line has other names than ours: which column is which, and the file with our names. Pure."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from app.rules.csv_files import COLUMNS, REQUIRED, Kind, WrongFile, names_of, records

MOST_COLUMNS = 60
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file."""

    title: str
    """As the file has it."""
    name: str
    """What we call it; empty when we don't know."""
    example: str
    """What its first row says; empty when that is nothing."""


def columns_of(raw: bytes, kind: Kind) -> list[Column]:
    """Return the columns of a file. Raises WrongFile."""
    (_, first), *rows = islice(records(raw, kind), 2)
    names = names_of(first)
    if len(names) > MOST_COLUMNS:
        raise WrongFile(f"The file has more than {MOST_COLUMNS} columns: leave some out.")
    cells = [*(rows[0][1] if rows else ()), *("" for _ in names)]
    return [
        Column(title, name if name in COLUMNS[kind] else "", example)
        for title, name, example in zip(first, names, cells, strict=False)
    ]


def fits(columns: Sequence[Column], kind: Kind) -> bool:
    """Whether a file can be read as it is: its columns are known, and none is missing."""
    names = [column.name for column in columns]
    timed = kind == "people" or not {"ends_at", "duration_minutes"}.isdisjoint(names)
    return timed and all(names) and len(set(names)) == len(names) and set(REQUIRED[kind]) <= set(names)


def renamed(raw: bytes, kind: Kind, names: Sequence[str]) -> bytes:
    """Return the file with these names for its columns, those without a name left out. Each row begins on the line on
    which it did, and one with too few or too many cells still has. Raises WrongFile. O(n).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")  # else it leaves a lone CR bare
    at = 1
    for line, cells in records(raw, kind):
        written = names if line == 1 else cells
        kept = [cell for cell, name in zip(written, names, strict=False) if name]
        kept += [] if line == 1 else [cell for cell in cells[len(names) :] if cell]
        text.write("\n" * (line - at))
        writer.writerow(kept)
        at = line + 1 + sum(len(_LINE_END.findall(cell)) for cell in kept)
    return text.getvalue().encode()
