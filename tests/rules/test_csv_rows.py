"""No cell that we hand out is run by a spreadsheet, and every cell is read back as it was."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.csv_rows import row, safe

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@pytest.mark.parametrize(
    "hostile",
    ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "＝1", "＋1", "－1", "＠A"],
)
def test_what_a_spreadsheet_would_run_is_a_text(hostile: str) -> None:
    assert safe(hostile) == "'" + hostile


def test_numbers_and_nothing_are_themselves() -> None:
    assert row([-1, None, "plain"]) == '"-1","","plain"\r\n'


@given(st.lists(PLAIN, min_size=1))
def test_every_cell_comes_back_in_one_row(cells: list[str]) -> None:
    (read,) = csv.reader(io.StringIO(row(cells), newline=""))

    assert read == [safe(cell) for cell in cells]
    assert not any(cell.lstrip()[:1] in ("=", "+", "-", "@") for cell in read if cell)
