"""Every column of the schema has its place: what it holds about people and what becomes of it on erasure."""

import json
from collections.abc import Iterator
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, LargeBinary, Table
from sqlmodel import AutoString

from app.models import metadata
from app.rules.personal import RECORDS, Holds, Record, Traces

TABLES = [pytest.param(table, id=table.name) for table in metadata.sorted_tables]


def _references(table: Table) -> Iterator[str]:
    for column in table.columns:
        if any(key.target_fullname == "person.id" for key in column.foreign_keys):
            yield column.name


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_has_one_place(table: Table) -> None:
    assert sorted(RECORDS[table.name].columns) == sorted(column.name for column in table.columns)


def test_nothing_has_a_place_that_is_in_no_schema() -> None:
    assert RECORDS.keys() == metadata.tables.keys()


@pytest.mark.parametrize("table", TABLES)
def test_what_refers_to_a_person_is_known_to(table: Table) -> None:
    record = RECORDS[table.name]
    # A person's manager is told of the person, and cleared with them.
    known = {*record.having(Holds.PERSON), *(["manager_id"] if table.name == "person" else [])}

    assert known >= set(_references(table))


@pytest.mark.parametrize("table", TABLES)
def test_what_is_personal_goes_with_its_row_or_is_cleared_to_what_the_column_takes(table: Table) -> None:
    record = RECORDS[table.name]

    cleared = {name for values in record.clears.values() for name in values}

    assert record.goes or cleared >= set(record.having(Holds.PERSONAL))
    for values in record.clears.values():
        for name, value in values.items():
            assert value is not None or table.c[name].nullable or name == "email"


@pytest.mark.parametrize("table", TABLES)
def test_what_is_searched_is_text_json_or_bytes(table: Table) -> None:
    for name in RECORDS[table.name].searched:
        assert isinstance(table.c[name].type, AutoString | JSON | LargeBinary), name


@pytest.mark.parametrize("table", TABLES)
def test_no_export_tells_a_secret(table: Table) -> None:
    record = RECORDS[table.name]

    told = {name for whom in record.of for name in record.shown_to(whom)}

    assert told.isdisjoint(record.having(Holds.SECRET))
    assert not any(("digest" in name and name != "digest") or "password" in name for name in told)


def test_of_a_row_of_two_each_is_told_their_own_part() -> None:
    match = RECORDS["match"]

    assert "mentee_fit" in match.shown_to("mentee_id")
    assert "mentor_fit" not in match.shown_to("mentee_id")


def test_a_record_names_its_columns_that_hold_something() -> None:
    assert Record({"a": Holds.FACT, "b": Holds.WORDS}).having(Holds.WORDS) == ["b"]


ANA = Traces(["Ana Lee", "ana.lee@earshot.example"])


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Ana Lee: demo", "[erased]: demo"),
        ("with ANA LEE", "with [erased]"),
        ("mail ana.lee@earshot.example, please", "mail [erased], please"),
        ("?q=ana.lee%40earshot.example", "?q=[erased]"),
        ("Ana \t Lee\u00a0was here", "[erased]\u00a0was here"),
        ("Ana\u00a0Lee, Ana\n Lee", "[erased], [erased]"),
        ("Lee, Ana: demo", "[erased]: demo"),
        ("?q=Ana+Lee&p=Ana%20Lee", "?q=[erased]&p=[erased]"),
        ("Ana Leeds", "Ana Leeds"),
        ("Dana Lee", "Dana Lee"),
        ("dana.lee@earshot.example", "dana.lee@earshot.example"),
    ],
)
def test_names_and_addresses_are_found_as_whole_words(text: str, without: str) -> None:
    assert ANA.out_of_text(text) == without


def test_a_name_of_one_word_is_not_taken_for_a_word_of_the_language() -> None:
    assert Traces(["Will"]).out_of_text("Will, will you?") == "[erased], will you?"


def test_nobody_is_found_without_a_word() -> None:
    assert Traces([]).out_of_text("Ana Lee") == "Ana Lee"
    assert Traces(["", " "]).out_of_json('{"a": "b"}') == '{"a": "b"}'


def test_json_is_searched_behind_its_escapes_and_stays_json() -> None:
    written = json.dumps({"Größe": ["hello\nGröße Øst", 3, None, {"Größe Øst": True}]})

    found = json.loads(Traces(["Größe Øst"]).out_of_json(written))

    assert found == {"Größe": ["hello\n[erased]", 3, None, {"[erased]": True}]}


def test_an_accent_hides_nobody_however_it_is_written() -> None:
    composed, apart = normalize("NFC", "Åsa Lindström"), normalize("NFD", "Åsa Lindström")

    assert Traces([composed]).out_of_text(apart) == Traces([apart]).out_of_text(composed) == "[erased]"
    assert Traces([composed]).out_of_json(json.dumps([apart])) == '["[erased]"]'
    assert Traces([composed]).out_of_text(json.dumps([composed])) == '["[erased]"]'


def test_a_name_of_one_letter_is_left_alone() -> None:
    assert Traces(["A", "."]).out_of_text("Plan A. Then B.") == "Plan A. Then B."


def test_of_what_a_copy_says_of_somebody_their_id_stays() -> None:
    traces = Traces(["Ana Lee"], person_id="per_ana")
    written = json.dumps({"data": {"id": "per_ana", "grade": "L5"}, "at": 1, "of": [{"person_id": "per_ana", "on": 2}]})

    found = json.loads(traces.out_of_copy(written))

    assert found == {"data": {"id": "per_ana"}, "at": 1, "of": [{"person_id": "per_ana"}]}
    assert traces.out_of_bytes(written.encode()) == traces.out_of_copy(written).encode()
    assert traces.out_of_json(written) == written


def test_bytes_that_are_no_json_are_text() -> None:
    assert Traces(["Ana Lee"]).out_of_bytes(b"{Ana Lee \xff") == b"{[erased] \xff"


def test_a_folded_line_hides_nobody() -> None:
    assert ANA.in_calendar(b"SUMMARY:Shadow: An\r\n a Lee\r\n")
    assert not ANA.in_calendar(b"SUMMARY:Shadow: Dan\r\n a Lee\r\n")


@given(st.text(min_size=1), st.text(), st.text())
def test_what_was_taken_out_is_not_there_any_more(name: str, before: str, after: str) -> None:
    traces = Traces([name])

    left = traces.out_of_text(f"{before} {name} {after}")

    assert not traces.in_text(left.replace("[erased]", " "))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_that_names_nobody_stays_to_the_byte(value: object) -> None:
    written = json.dumps(value)

    assert Traces(["nobody@earshot.example"]).out_of_json(written) == written
