"""The files that a team imports: wrong files first, then bad rows, then what good ones say."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.company import company
from app.demo.files import calls_csv, people_csv
from app.rules.csv_files import (
    MOST_BYTES,
    MOST_ROWS,
    CallRow,
    CsvFile,
    PersonRow,
    RowError,
    WrongFile,
    read_calls,
    read_people,
)
from app.vocabulary import Role, Side

PEOPLE = "name,email,time_zone"
AISHA = "Aisha,aisha@earshot.example,America/Phoenix"
CALLS = "title,host_email,starts_at,ends_at"
DEMO = "Northwind: demo,aisha@earshot.example,2026-11-23T09:00:00Z,2026-11-23T09:30:00Z"


def person(header: str, row: str) -> PersonRow:
    found = read_people(f"{PEOPLE},{header}\n{AISHA},{row}\n".encode())
    assert found.errors == ()
    return found.rows[0]


def call(header: str, row: str) -> CallRow:
    found = read_calls(f"title,host_email,{header}\nDemo,aisha@earshot.example,{row}\n".encode())
    assert found.errors == ()
    return found.rows[0]


def bad_people(text: str) -> list[tuple[int, str, str]]:
    return [(error.line, error.column, error.code) for error in read_people(text.encode()).errors]


def bad_calls(text: str) -> list[tuple[int, str, str]]:
    return [(error.line, error.column, error.code) for error in read_calls(text.encode()).errors]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"%PDF-1.7\n\xe2\xe3", "is a PDF"),
        (b"PK\x03\x04\x14\x00", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"\x89PNG\r\n\x1a\n", "is an image"),
        (b"\xff\xd8\xff\xe0", "is an image"),
        (f"{PEOPLE}\n{AISHA}\n".encode("utf-16"), "UTF-16"),
        (f"{PEOPLE}\n{AISHA}\n".encode("utf-16-le"), "NUL"),
        (f"{PEOPLE}\n{AISHA}\nJosé,j@earshot.example,Europe/Paris\n".encode("latin-1"), "Line 3 is not UTF-8"),
        (f"{PEOPLE}\nA\x00,b,c\n".encode(), "NUL"),
        (AISHA.encode(), "names no column"),
        (b"\n" + PEOPLE.encode(), "names no column"),
        (PEOPLE.encode(), "no rows"),
        (f"{PEOPLE}\n,,\n\n".encode(), "no rows"),
        (f"{CALLS}\n{DEMO}\n".encode(), "is a file of calls"),
        (b"name,time_zone\nA,Europe/Paris\n", "lacks email"),
        (f"{PEOPLE},salary,x\n{AISHA},1,2\n".encode(), "Column 4, 5 of the first line is unknown"),
        (f"{PEOPLE},NAME\n{AISHA},B\n".encode(), "twice"),
        (f'{PEOPLE}\n{AISHA}\n"B\n,b@x,Europe/Paris\n'.encode(), "begins on line 3 has a quotation mark"),
        (f'{PEOPLE}\n"B"x,b@earshot.example,Europe/Paris\n'.encode(), "begins on line 2 has a quotation mark"),
        (b"x" * (MOST_BYTES + 1), "larger than 10 MiB"),
        ((PEOPLE + "\n" + "a,b,c\n" * (MOST_ROWS + 1)).encode(), "more than 100,000 rows"),
    ],
)
def test_a_wrong_file_gets_one_clear_sentence(raw: bytes, says: str) -> None:
    with pytest.raises(WrongFile, match=says) as wrong:
        read_people(raw)

    assert "\n" not in str(wrong.value)


def test_a_file_of_people_given_as_calls_is_named() -> None:
    with pytest.raises(WrongFile, match="is a file of people"):
        read_calls(f"{PEOPLE}\n{AISHA}\n".encode())


def test_a_file_of_calls_needs_an_end_or_a_length() -> None:
    with pytest.raises(WrongFile, match="ends_at or duration_minutes"):
        read_calls(b"title,host_email,starts_at\nA,b@c.de,2026-11-23T09:00:00Z\n")


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_rows_or_a_wrong_file(raw: bytes) -> None:
    for header in (b"", PEOPLE.encode() + b",as,wants,working_hours\n", CALLS.encode() + b",time_zone,seats\r\n"):
        for read in (read_people, read_calls):
            try:
                found = read(header + raw)
            except WrongFile:
                continue
            assert {row.line for row in found.rows}.isdisjoint(error.line for error in found.errors)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
HINTS = st.sampled_from(
    ["0001-01-01T00:00", "9999-12-31 23:59:59", "2026-03-29T02:30", "2026-11-23T09:00:00Z", "Europe/Berlin", "24:00",
     "Mon-Sun 00:00-24:00", "mentor", "a.b=4", "²", "x" * 4001, "a@b.de"]
)  # fmt: skip


@given(st.lists(CELL | HINTS, min_size=14, max_size=14))
def test_no_cell_is_repeated_in_an_error(cells: list[str]) -> None:
    columns = "external_id,title,type,host_email,starts_at,ends_at,duration_minutes,time_zone,account,language,stage"
    row = ",".join('"' + "SECRET".join(cell.split('"')) + '"' for cell in cells)

    try:
        found = read_calls(f"{columns},account_segment,meeting_url,seats\n{row},\n".encode())
    except WrongFile:
        return

    assert all(cell not in error.detail for error in found.errors for cell in cells if len(cell) > 20)


@pytest.mark.parametrize(
    ("header", "row", "wrong"),
    [
        ("role", "boss", ("role", "invalid")),
        ("role", "integration", ("role", "invalid")),
        ("manager_email", "nobody", ("manager_email", "invalid")),
        ("started_on", "1/9/2026", ("started_on", "invalid")),
        ("started_on", "20260901", ("started_on", "invalid")),
        ("grade", "21", ("grade", "invalid")),
        ("grade", "senior", ("grade", "invalid")),
        ("languages", "English", ("languages", "invalid")),
        ("segments", "mid market", ("segments", "invalid")),
        ("as", "boss", ("as", "invalid")),
        ("as,capacity", "mentor,51", ("capacity", "invalid")),
        ("as,capacity", "mentor,1.5", ("capacity", "invalid")),
        ("as,capacity", "mentor,²", ("capacity", "invalid")),
        ("as,capacity", ",2", ("as", "required")),
        ("skills", "demo.technical=5", ("skills", "invalid")),
        ("skills", "demo.technical", ("skills", "invalid")),
        ("skills", "a=1;a=2", ("skills", "duplicate")),
        ("wants", "a=6", ("wants", "invalid")),
        ("teaches", "Demo Technical", ("teaches", "invalid")),
        ("working_hours", "always", ("working_hours", "invalid")),
        ("working_hours", "Mon 09:00-25:00", ("working_hours", "invalid")),
        ("working_hours", "Fri-Mon 09:00-17:00", ("working_hours", "invalid")),
        ("working_hours", "Mon 22:00-06:00", ("working_hours", "night_shift")),
        ("working_hours", "Mon-Fri 09:00-12:00; Wed 11:00-13:00", ("working_hours", "overlap")),
        ("team", "x" * 201, ("team", "invalid")),
        ("team", "x" * 4001, ("team", "too_long")),
        ("team", "a,b", ("", "cells")),
    ],
)
def test_a_bad_cell_of_a_person_is_named(header: str, row: str, wrong: tuple[str, str]) -> None:
    assert bad_people(f"{PEOPLE},{header}\n{AISHA},{row}\n") == [(2, *wrong)]


@pytest.mark.parametrize(
    ("header", "row", "wrong"),
    [
        ("starts_at,ends_at", ",2026-11-23T09:00:00Z", ("starts_at", "required")),
        ("starts_at,ends_at", "2026-11-23T09:00:00Z,", ("ends_at", "required")),
        ("starts_at,ends_at", "2026-11-23T09:00:00,2026-11-23T09:30:00Z", ("starts_at", "naive_time")),
        ("starts_at,ends_at", "2026-11-23T09:00:00Z,2026-11-23T09:00:00Z", ("ends_at", "end_before_start")),
        ("starts_at,ends_at", "2026-11-31T09:00:00Z,2026-12-01T09:00:00Z", ("starts_at", "invalid")),
        ("starts_at,ends_at", "1969-11-23T09:00:00Z,2026-11-23T09:00:00Z", ("starts_at", "invalid")),
        ("starts_at,duration_minutes", "2026-11-23T09:00:00Z,0", ("duration_minutes", "invalid")),
        (
            "starts_at,ends_at,duration_minutes",
            "2026-11-23T09:00:00Z,2026-11-23T09:30:00Z,45",
            ("duration_minutes", "contradiction"),
        ),
        ("starts_at,duration_minutes,time_zone", "0001-01-01T00:00,30,Asia/Tokyo", ("starts_at", "invalid")),
        ("starts_at,duration_minutes,time_zone", "2026-11-23T09:00,30,Mars", ("time_zone", "invalid")),
        (
            "starts_at,duration_minutes,time_zone",
            "2027-03-28T02:30,30,Europe/Berlin",
            ("starts_at", "nonexistent_local_time"),
        ),
        ("starts_at,duration_minutes,account_segment", "2026-11-23T09:00Z,30,smb", ("account", "required")),
        ("starts_at,duration_minutes,meeting_url", "2026-11-23T09:00Z,30,javascript:x", ("meeting_url", "invalid")),
        ("starts_at,duration_minutes,seats", "2026-11-23T09:00Z,30,-1", ("seats", "invalid")),
    ],
)
def test_a_bad_cell_of_a_call_is_named(header: str, row: str, wrong: tuple[str, str]) -> None:
    assert bad_calls(f"title,host_email,{header}\nDemo,aisha@earshot.example,{row}\n") == [(2, *wrong)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_file_even_behind_quoted_line_breaks(end: str) -> None:
    lines = [PEOPLE, '"A', 'B",a@earshot.example,Europe/Paris', "", "C,,Europe/Paris", AISHA, "D,d@,Europe/Paris"]

    found = read_people(end.join(lines).encode())

    assert [row.line for row in found.rows] == [6]
    assert [(error.line, error.column) for error in found.errors] == [(2, "name"), (5, "email"), (7, "email")]


def test_a_row_that_comes_twice_names_the_first() -> None:
    text = (
        f"{PEOPLE},external_id\n{AISHA},1\nB,AISHA@earshot.example,Europe/Paris,2\nC,c@earshot.example,Europe/Paris,1"
    )

    found = read_people(text.encode())

    assert [row.line for row in found.rows] == [2]
    assert found.errors == (
        RowError(3, "email", "duplicate", "Line 2 has the same address."),
        RowError(4, "external_id", "duplicate", "Line 2 has the same external id."),
    )


def test_people_stand_after_their_managers_and_circles_are_errors() -> None:
    chain = {"a": "b", "b": "c", "c": "", "d": "e", "e": "d", "f": "d", "g": "g", "h": "elsewhere"}
    rows = [f"{n},{n}@x.de,Europe/Paris,{m + '@x.de' if m else ''}" for n, m in chain.items()]

    found = read_people("\n".join([f"{PEOPLE},manager_email", *rows]).encode())

    assert [row.name for row in found.rows] == ["c", "b", "a", "f", "h"]
    assert [(error.line, error.code) for error in found.errors] == [(n, "manager_cycle") for n in (5, 6, 8)]


def test_an_account_has_one_segment_in_a_file() -> None:
    row = "Demo,a@x.de,2026-11-23T0{}:00Z,30,Northwind,{}"
    rows = [row.format(1, "smb"), row.format(2, ""), row.format(3, "smb"), row.format(4, "enterprise")]
    header = "title,host_email,starts_at,duration_minutes,account,account_segment"

    assert bad_calls("\n".join([header, *rows])) == [(5, "account_segment", "contradiction")]


def test_empty_cells_and_columns_that_are_left_out_say_nothing() -> None:
    bare = read_people(f"{PEOPLE}\n{AISHA}\n".encode()).rows
    empty = read_people(f"{PEOPLE},role,as,wants,working_hours,,\n{AISHA},,, ,,,\n".encode()).rows

    assert bare == empty
    assert (bare[0].role, bare[0].side, bare[0].wants, bare[0].weekly) == (None, None, (), ())


def test_what_a_person_says_is_read() -> None:
    row = person(
        "role,started_on,grade,languages,as,capacity,skills,wants,teaches,working_hours",
        'Manager,2026-09-01,0,"en, pt-BR;en",Mentor,0,demo.technical = 4;closing.ask=0,craft.product=5,demo.technical,'
        '"fri 8:00-12:00; Mon-Tue 22:00-24:00; tue 00:00-06:00"',
    )

    assert (row.role, row.side, row.capacity) == (Role.MANAGER, Side.MENTOR, 0)
    assert (row.started_on, row.grade, row.languages) == (date(2026, 9, 1), 0, ("en", "pt-BR"))
    assert row.levels == (("demo.technical", 4), ("closing.ask", 0))
    assert (row.wants, row.teaches) == ((("craft.product", 5),), ("demo.technical",))
    assert row.weekly == ((1, 1320, 1440), (2, 0, 360), (2, 1320, 1440), (5, 480, 720))


def test_a_local_time_is_read_in_the_zone_of_its_row_and_the_first_of_two_hours_is_meant() -> None:
    summer = call("starts_at,duration_minutes,time_zone", "2026-07-01 09:00,30,Europe/Berlin")
    twice = call("starts_at,ends_at,time_zone", "2026-10-25T02:30,2026-10-25T03:30,Europe/Berlin")

    assert summer.starts_at == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert (twice.starts_at.hour, twice.ends_at.hour) == (0, 2)


def test_a_call_without_an_external_id_gets_the_same_one_whatever_the_offset_of_its_time() -> None:
    in_utc = call("starts_at,duration_minutes", "2026-11-23T09:00:00Z,30")
    in_berlin = call("starts_at,duration_minutes", "2026-11-23T10:00:00+01:00,30")
    later = call("starts_at,duration_minutes", "2026-11-23T09:30:00Z,30")

    assert in_utc.external_id == in_berlin.external_id != later.external_id


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_usual_dialect_says_the_same(delimiter: str) -> None:
    header = delimiter.join(["\ufeffEmail", '"Name"', "TIME_ZONE", "languages"])
    row = delimiter.join(["aisha@earshot.example", '"Bello, ""Aisha"";"', "America/Phoenix", '"en;es"'])

    found = read_people(f"{header}\r\n{row}\r\n".encode())

    assert found.errors == ()
    assert (found.rows[0].name, found.rows[0].languages) == ('Bello, "Aisha";', ("en", "es"))


def test_the_demo_files_are_read_whole() -> None:
    firm = company("demo", seed=1, today=date(2026, 11, 23))

    people: CsvFile[PersonRow] = read_people(people_csv(firm).encode())
    calls: CsvFile[CallRow] = read_calls(calls_csv(firm).encode())

    assert (people.errors, calls.errors) == ((), ())
    by_line: Callable[[PersonRow], int] = lambda row: row.line  # noqa: E731
    for row, who in zip(sorted(people.rows, key=by_line), firm.people, strict=True):
        assert (row.external_id, row.name, row.email, row.started_on) == (
            who.external_id, who.name, who.email, who.started_on,
        )  # fmt: skip
        assert dict(row.levels) == {skill.slug: skill.level for skill in who.skills if skill.level}
        assert set(row.teaches) == {skill.slug for skill in who.skills if skill.teaches}
        assert len(row.weekly) == len(who.working_hours)
    for line, made in zip(calls.rows, firm.calls, strict=True):
        assert (line.external_id, line.title, line.type, line.starts_at, line.ends_at) == (
            made.external_id, made.title, made.type, made.starts_at, made.ends_at,
        )  # fmt: skip
