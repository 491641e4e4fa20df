"""Files with other names for their columns."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.csv_files import WrongFile, read_people, records
from app.rules.csv_headers import MOST_COLUMNS, Column, columns_of, fits, renamed


def test_no_file_has_more_columns_than_anybody_looks_through() -> None:
    with pytest.raises(WrongFile, match="more than 60 columns"):
        columns_of(",".join(f"c{n}" for n in range(MOST_COLUMNS + 1)).encode(), "people")


def test_columns_are_known_by_our_names_however_a_crm_writes_them() -> None:
    found = columns_of(b"Name;E-Mail;Nickname;;\nNora;nora@x.example;No", "people")

    assert found == [
        Column("Name", "name", "Nora"),
        Column("E-Mail", "email", "nora@x.example"),
        Column("Nickname", "", "No"),
    ]
    assert not fits(found, "people")


def test_a_file_of_calls_needs_an_end_too() -> None:
    header = "title,host_email,starts_at"

    assert not fits(columns_of(header.encode(), "calls"), "calls")
    assert fits(columns_of(f"{header},duration_minutes".encode(), "calls"), "calls")
    assert not fits(columns_of(f"{header},ends_at,ends_at".encode(), "calls"), "calls")


def test_a_renamed_file_is_read_and_its_errors_are_on_the_lines_of_the_first() -> None:
    rows = 'Nora,nora@x.example,"tea\nand cake",Europe/London\n\nLeo,nobody,,Europe/Rome\nMara,m@x.example\n'
    raw = f"Who,Mail,Hobby,Zone\n{rows}".encode()

    found = read_people(renamed(raw, "people", ["name", "email", "", "time_zone"]))

    assert [(row.line, row.name) for row in found.rows] == [(2, "Nora")]
    assert [(error.line, error.code) for error in found.errors] == [(5, "invalid"), (6, "cells")]


cells = st.text(st.sampled_from('ab ,;"\n\r='), max_size=6)


@given(rows=st.lists(st.lists(cells, min_size=3, max_size=4), max_size=5))
def test_every_row_stays_on_its_line(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["name", "email", "time_zone"], *rows])
    raw = text.getvalue().encode()

    before = [(line, [*found[:1], *found[2:]]) for line, found in records(raw, "people")]
    after = list(records(renamed(raw, "people", ["name", "", "time_zone"]), "people"))

    shown = [(line, [cell for cell in found if cell]) for line, found in before]
    assert [(line, [cell for cell in found if cell]) for line, found in after] == [one for one in shown if one[1]]
