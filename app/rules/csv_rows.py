"""Rows of CSV files that we hand out (RFC 4180), which no program takes for formulas."""

import csv
import io
from collections.abc import Sequence

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""In spreadsheets of today, the last four in East Asian settings (OWASP, CSV Injection)."""


def row(cells: Sequence[str | int | None]) -> str:
    """Return a row and its line end, each cell in quotes. A text that a spreadsheet would run begins with `'`."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([safe(cell) for cell in cells])
    return text.getvalue()


def safe(cell: str | int | None) -> str:
    """Return what stands in a cell: nothing for None, and no text that is run. White space before it does not help."""
    if cell is None:
        return ""
    if isinstance(cell, str) and (cell.startswith(_STARTS_A_FORMULA) or cell.lstrip().startswith(_STARTS_A_FORMULA)):
        return "'" + cell
    return str(cell)
