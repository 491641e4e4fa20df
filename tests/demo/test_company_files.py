import csv
import io
from datetime import date, datetime
from functools import cache
from typing import get_args

import pytest

from app.demo.company import Size, company
from app.demo.files import calls_csv, people_csv

SIZES: tuple[Size, ...] = get_args(Size)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
a_company = cache(company)
TODAY = date(2026, 11, 23)


def pairs(cell: str) -> list[tuple[str, int]]:
    return [(slug, int(value)) for slug, value in (item.split("=") for item in cell.split(";") if item)]


def ranges(cell: str) -> list[tuple[int, str, str]]:
    found = []
    for group in cell.split("; "):
        days, hours = group.split(" ")
        first, last = days.split("-") if "-" in days else (days, days)
        start, end = hours.split("-")
        found += [(day + 1, start, end) for day in range(WEEKDAYS.index(first), WEEKDAYS.index(last) + 1)]
    return sorted(found)


@pytest.mark.parametrize("size", SIZES)
def test_the_file_of_people_says_the_same_as_the_company(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)
    emails = {person.external_id: person.email for person in firm.people}

    rows = list(csv.DictReader(io.StringIO(people_csv(firm))))

    for row, person in zip(rows, firm.people, strict=True):
        assert (row["external_id"], row["name"], row["email"]) == (person.external_id, person.name, person.email)
        assert row["manager_email"] == emails.get(person.manager_external_id or "", "")
        assert row["team"] == (person.team.name if person.team else "")
        assert date.fromisoformat(row["started_on"]) == person.started_on
        assert tuple(row["languages"].split(";")) == person.languages
        assert tuple(row["segments"].split(";")) == person.segments
        assert row["as"] == (person.kind if person.kind in ("mentee", "mentor") else "")
        assert row["capacity"] == ("2" if person.kind == "mentor" else "")
        assert pairs(row["skills"]) == [(skill.slug, skill.level) for skill in person.skills if skill.level]
        assert pairs(row["wants"]) == [(skill.slug, skill.wants) for skill in person.skills if skill.wants]
        assert [slug for slug in row["teaches"].split(";") if slug] == [s.slug for s in person.skills if s.teaches]
        assert ranges(row["working_hours"]) == sorted((h.weekday, h.start, h.end) for h in person.working_hours)


@pytest.mark.parametrize("size", SIZES)
def test_the_file_of_calls_says_the_same_as_the_company(size: Size) -> None:
    firm = a_company(size, seed=7, today=TODAY)
    emails = {person.external_id: person.email for person in firm.people}
    accounts = {account.external_id: account for account in firm.accounts}

    rows = list(csv.DictReader(io.StringIO(calls_csv(firm))))

    for row, call in zip(rows, firm.calls, strict=True):
        account = accounts[call.account_external_id]
        assert (row["external_id"], row["title"], row["type"]) == (call.external_id, call.title, call.type)
        assert row["host_email"] == emails[call.host_external_id]
        assert row["starts_at"].endswith("Z")
        assert datetime.fromisoformat(row["starts_at"]) == call.starts_at
        assert datetime.fromisoformat(row["ends_at"]) == call.ends_at
        assert (row["account"], row["account_segment"]) == (account.name, account.segment)
        assert (row["language"], row["stage"], row["meeting_url"]) == (call.language, call.stage, call.meeting_url)
        assert row["seats"] == ("" if account.observers_allowed else "0")


def test_files_have_the_promised_columns_and_line_ends_and_no_byte_order_mark() -> None:
    firm = a_company("demo", seed=7, today=TODAY)

    people, calls = people_csv(firm), calls_csv(firm)

    assert people.startswith(
        "external_id,name,email,time_zone,role,team,manager_email,started_on,languages,segments,as,capacity,skills,"
        "wants,teaches,working_hours\r\n"
    )
    assert calls.startswith(
        "external_id,title,type,host_email,starts_at,ends_at,account,account_segment,language,stage,meeting_url,seats\r\n"
    )
    assert people.count("\n") == people.count("\r\n") == len(firm.people) + 1


def test_addresses_in_the_files_are_plain_ascii_even_where_names_are_not() -> None:
    firm = a_company("org", seed=7, today=TODAY)

    assert any(not person.name.isascii() for person in firm.people)
    assert all(person.email.isascii() and person.email.endswith("@earshot.example") for person in firm.people)
