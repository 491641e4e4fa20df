"""The audit in a browser: what happened, before and after, looked for by who, what and when; and as a file."""

import csv
import io
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from app.models.tables import event
from app.operations.people import patch_person
from app.operations.sealing import seal_some
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import Site
from tests.web.page_reader import page


@pytest.fixture
def reader(site: Site) -> httpx.Client:
    return a_browser(site, Role.AUDITOR)


@pytest.fixture
def ana(site: Site, reader: httpx.Client) -> str:
    with site.db() as db:
        return a_person(db, "Ana Rep", email="ana@earshot.example").id


def a_browser(site: Site, role: Role, *, time_zone: str = "Europe/London") -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Ada Weber", role=role, time_zone=time_zone).id
    return site.signed_in(person_id)


def change(site: Site, person_id: str, *, by: str | None = None, **changes: Any) -> None:
    actor = Actor(by, Role.ADMIN, by) if by else SYSTEM
    with site.db() as db:
        patch_person(db, person_id=person_id, changes=changes, actor=actor, now=site.api.clock())


def lines(site: Site, act: str) -> int:
    with site.db() as db:
        return int(db.execute(select(func.count()).where(event.c.act == act)).scalar_one())


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
@pytest.mark.parametrize("path", ["/audit", "/audit.csv"])
def test_nobody_else_finds_the_audit_and_their_try_is_no_reading(site: Site, role: Role, path: str) -> None:
    assert a_browser(site, role).get(path).status_code == 404
    assert lines(site, "audit.read") == 0


def test_what_changed_is_shown_before_and_after(site: Site, reader: httpx.Client, ana: str) -> None:
    change(site, ana, grade=3)
    change(site, ana, grade=4)

    shown = page(reader, f"/audit?of={ana}&act=person.changed").text

    assert "Person changed Ana Rep by Earshot itself" in shown
    assert "grade 3 4" in shown
    assert shown.index("grade 3 4") < shown.index("grade nothing 3")


def test_who_reads_it_leaves_a_line_once_in_an_hour(site: Site, reader: httpx.Client) -> None:
    page(reader, "/audit")
    again = page(reader, "/audit")
    reader.get("/audit.csv")

    assert lines(site, "audit.read") == 1
    assert "Audit read" in again.text


def test_it_is_looked_for_by_whose_address_it_was_and_by_nouns(site: Site, reader: httpx.Client, ana: str) -> None:
    change(site, ana, by=ana, grade=3)
    change(site, ana, grade=4)

    by_ana = page(reader, "/audit?who=Ana@earshot.example&act=person.*").text
    by_nobody = page(reader, "/audit?who=nobody@earshot.example").text

    assert "grade nothing 3" in by_ana
    assert "grade 3 4" not in by_ana
    assert "Nothing that happened is like this." in by_nobody


@pytest.mark.parametrize(
    ("time_zone", "day", "is_there"),
    [
        ("Europe/London", "2026-11-21", True),
        ("Europe/London", "2026-11-22", False),
        ("Pacific/Auckland", "2026-11-21", True),
        ("America/Los_Angeles", "2026-11-21", True),
        ("Pacific/Kiritimati", "2026-11-20", False),
    ],
)
def test_days_are_those_of_the_clocks_of_who_looks(site: Site, time_zone: str, day: str, is_there: bool) -> None:
    browser = a_browser(site, Role.AUDITOR, time_zone=time_zone)

    text = page(browser, f"/audit?since={day}&until={day}&act=person.created").text

    assert ("Person created" in text) is is_there


def test_a_day_that_is_none_filters_nothing(site: Site, reader: httpx.Client) -> None:
    assert "Person created" in page(reader, "/audit?since=yesterday&until=2026-02-31").text


def test_the_file_has_what_is_looked_for_and_no_cell_that_runs(site: Site, reader: httpx.Client, ana: str) -> None:
    change(site, ana, name="=1+1")
    shown = page(reader, f"/audit?of={ana}&act=person.changed")
    file = next(link["href"] for link in shown.all("a") if "download" in link)

    answer = reader.get(file)

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["act"], row["object_name"]) for row in rows] == [("person.changed", "'=1+1")]
    assert answer.headers["cache-control"] == "private, no-store"


def test_a_long_audit_goes_on(site: Site, reader: httpx.Client, ana: str) -> None:
    for grade in range(60):
        change(site, ana, grade=grade % 7)

    first = page(reader, f"/audit?of={ana}")
    onward = next(link["href"] for link in first.all("a") if link.get("rel") == "next")

    assert "Person created" not in first.text
    assert "Person created" in page(reader, onward).text


@pytest.fixture
def unguarded(site: Site) -> None:
    """Without the triggers that guard the audit."""
    with site.db() as db:
        for name in db.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            db.execute(text(f'DROP TRIGGER "{name}"'))


@pytest.mark.usefixtures("unguarded")
def test_it_says_whether_it_is_as_it_was_left(site: Site, reader: httpx.Client, ana: str) -> None:
    unsealed = page(reader, "/audit").text
    with site.db() as db:
        seal_some(db, now=NOW)
    sealed = page(reader, "/audit").text
    with site.db() as db:
        db.execute(text("UPDATE event SET act = 'person.promoted' WHERE act = 'person.created'"))
    broken = page(reader, "/audit").text

    assert "No seal is over anything yet." in unsealed
    assert "The newest seals hold, up to number 1." in sealed
    assert "Somebody changed it. Seal 1" in broken
