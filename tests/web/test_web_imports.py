"""Importing a file on a page: from the file that can't be read to the rows that came in."""

import csv
import hashlib
import io
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.models.tables import call, person
from app.operations.people import patch_person
from app.operations.people_imports import import_people
from app.rules.access import SYSTEM
from app.rules.csv_files import MOST_BYTES, read_people
from app.vocabulary import Role
from app.web.uploads import MOST_CARRIED, packed, unpacked
from app.worker import Worker
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

HEADER = "name,email,time_zone\n"
NORA = "Nora Quinn,nora@x.example,Europe/London\n"
LEO = "Leo Marchetti,leo@x.example,Europe/Rome\n"
BAD = "=cmd|' /C calc'!A0,not an address,Europe/Nowhere\n"


@pytest.fixture
def browser(site: Site) -> httpx.Client:
    """Diego, who administers."""
    with site.db() as db:
        admin = a_person(db, "Diego Salas", role=Role.ADMIN, email="diego@x.example").id
    return site.signed_in(admin)


def send(browser: httpx.Client, do: str, text: str | bytes = "", **fields: str) -> httpx.Response:
    raw = text if isinstance(text, bytes) else text.encode()
    files = {"file": ("people.csv", raw, "text/csv")} if raw else None
    return browser.post(f"/import?do={do}", data=fields, files=files, headers=OURS)


def carried(answer: httpx.Response) -> dict[str, str]:
    """What the form with the first button carries on."""
    form = answer.text.partition("/import?do=")[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="([\w-]+)" value="([^"]*)"', form))


def people_here(site: Site) -> int:
    with site.db() as db:
        return int(db.execute(select(func.count()).select_from(person)).scalar_one())


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER, Role.AUDITOR])
def test_only_who_could_import_finds_the_page(site: Site, role: Role) -> None:
    with site.db() as db:
        person_id = a_person(db, "Nora Quinn", role=role).id
    browser = site.signed_in(person_id)

    page(browser, "/import", status=404)
    assert send(browser, "write", HEADER + NORA, kind="people").status_code == 404
    assert people_here(site) == 1


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "Choose a file."),
        (b"%PDF-1.7", "This is a PDF"),
        (b"PK\x03\x04", "Excel workbook"),
        ("name,email\nZoë,z@x.example".encode("utf-16"), "UTF-16"),
        (b"name,email,time_zone\n", "a header and no rows"),
    ],
)
def test_a_file_that_cant_be_read_says_why_and_what_to_do(browser: httpx.Client, raw: bytes, why: str) -> None:
    answer = send(browser, "check", raw, kind="people")

    assert answer.status_code == 422
    assert why in Page(answer).text
    assert 'href="#f-file"' in answer.text
    assert list(Page(answer).faults()) == []


def test_a_look_at_a_file_writes_nothing(site: Site, browser: httpx.Client) -> None:
    before = people_here(site)

    answer = send(browser, "check", HEADER + NORA + LEO, kind="people")

    assert answer.status_code == 200
    assert "All 2 rows are good" in Page(answer).text
    assert list(Page(answer).faults()) == []
    assert people_here(site) == before


def test_what_was_looked_at_comes_in_and_coming_in_twice_changes_nothing(site: Site, browser: httpx.Client) -> None:
    form = carried(send(browser, "check", HEADER + NORA + LEO, kind="people"))

    first = send(browser, "write", **form)
    again = send(browser, "write", **form)

    assert people_here(site) == 3
    assert "2 people came in or changed" in page(browser, first.headers["location"]).text
    assert again.status_code == 200
    assert "All 2 rows say what is here already" in Page(again).text


def test_bad_rows_are_shown_and_the_good_ones_come_in_without_them(site: Site, browser: httpx.Client) -> None:
    answer = send(browser, "check", HEADER + NORA + BAD + LEO, kind="people")

    shown = Page(answer)
    assert "1 row needs mending, 2 are good" in shown.text
    assert 'href="#line-3"' in answer.text
    assert 'id="line-3"' in answer.text
    assert list(shown.faults()) == []
    done = page(browser, send(browser, "write", **carried(answer)).headers["location"]).text
    assert "2 new" in done
    assert "1 left out" in done
    assert people_here(site) == 3


def test_errors_can_be_taken_along_and_no_spreadsheet_runs_them(browser: httpx.Client) -> None:
    looked_at = send(browser, "check", HEADER + NORA + BAD, kind="people")

    answer = send(browser, "errors", kind="people", carried=carried(looked_at)["carried"])

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["line", "column", "what is wrong"]
    assert {(row[0], row[1]) for row in rows[1:]} == {("3", "email"), ("3", "time_zone")}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_other_names_are_mapped_and_what_is_left_out_stays_out(site: Site, browser: httpx.Client) -> None:
    text = "Who,Mail,Zone,Hobby\nNora Quinn,nora@x.example,Europe/London,=tea\n"

    asked = send(browser, "check", text, kind="people")
    columns = {"column-0": "name", "column-1": "email", "column-2": "time_zone", "column-3": ""}
    checked = send(browser, "check", **carried(asked), **columns)

    assert "Who" in Page(asked).text
    assert list(Page(asked).faults()) == []
    assert "All 1 row is good" in Page(checked).text
    assert send(browser, "write", **carried(checked)).status_code == 303
    assert people_here(site) == 2


@pytest.mark.parametrize("means", ["name", "", "nonsense"])
def test_columns_that_make_no_file_are_asked_for_again(browser: httpx.Client, means: str) -> None:
    asked = send(browser, "check", "Who,Mail,Zone\nN,n@x.example,UTC\n", kind="people")

    again = send(browser, "check", **carried(asked), **{"column-0": "name", "column-1": means, "column-2": "time_zone"})

    assert "Columns of your file" in again.text
    assert list(Page(again).faults()) == []


def test_another_file_than_the_one_looked_at_is_shown_first(site: Site, browser: httpx.Client) -> None:
    form = carried(send(browser, "check", HEADER + NORA, kind="people"))

    answer = send(browser, "write", HEADER + LEO, **form)

    assert answer.status_code == 422
    assert "another file" in Page(answer).text
    assert people_here(site) == 1


def test_a_file_too_large_to_be_carried_is_chosen_again(browser: httpx.Client) -> None:
    bad = (f"Rep {n},{hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()},UTC\n" for n in range(6_000))
    text = HEADER + NORA + "".join(bad)
    assert not packed(text.encode())

    answer = send(browser, "check", text, kind="people")

    assert len(answer.content) < 300_000
    assert "Choose the same file again" in Page(answer).text
    assert set(carried(answer)) == {"kind", "digest", "skip_bad"}


def test_calls_come_in_for_hosts_who_are_here(site: Site, browser: httpx.Client) -> None:
    text = "title,host_email,starts_at,duration_minutes\nNorthwind: demo,diego@x.example,2026-11-24T15:00:00Z,30\n"

    form = carried(send(browser, "check", text, kind="calls"))
    answer = send(browser, "write", **form)

    assert "1 calls came in" in page(browser, answer.headers["location"]).text
    with site.db() as db:
        assert db.execute(select(call.c.title)).scalars().all() == ["Northwind: demo"]


def test_an_import_that_there_is_not_is_neither_shown_nor_undone(browser: httpx.Client) -> None:
    for missing in ("imp_0", "done"):
        page(browser, f"/import/{missing}", status=404)
        assert browser.post(f"/import/{missing}/undo", headers=OURS).status_code == 404


def test_where_nothing_would_change_it_says_so_and_there_is_nothing_to_press(browser: httpx.Client) -> None:
    send(browser, "write", **carried(send(browser, "check", HEADER + NORA, kind="people")))

    one, bad = (send(browser, "check", text, kind="people") for text in (HEADER + NORA, HEADER + NORA + BAD))
    some = send(browser, "check", HEADER + NORA + LEO, kind="people")

    assert "The one row says what is here already" in Page(one).text
    assert "the good rows would change nothing" in Page(bad).text
    for answer in (one, bad):
        assert "do=write" not in answer.text
        assert list(Page(answer).faults()) == []
    assert "Import 1 row" in Page(some).text


def test_an_import_is_listed_undone_and_says_what_became_of_it(site: Site, browser: httpx.Client) -> None:
    checked = send(browser, "check", HEADER + NORA + LEO, kind="people")
    done = send(browser, "write", **carried(checked)).headers["location"]
    listed = page(browser, "/import")
    assert "people.csv" in listed.text  # carried along from the step before
    assert f'href="{done}#undo"' in browser.get("/import").text
    assert "It can be undone until" in page(browser, done).text
    with site.db() as db:
        nora = db.execute(select(person.c.id).where(person.c.name == "Nora Quinn")).scalar_one()
        patch_person(db, person_id=nora, changes={"grade": 5}, actor=SYSTEM, now=NOW)

    pressed = browser.post(f"{done}/undo", headers=OURS)
    again = browser.post(f"{done}/undo", headers=OURS)

    assert (pressed.status_code, again.status_code) == (303, 303)
    assert "0 % undone" in page(browser, done).text
    assert "Being undone" in page(browser, "/import").text
    worker = Worker(site.api.engine, site.api.settings, site.api.clock)
    while worker.run_one():
        pass
    shown = page(browser, done)
    assert "1 put back, 1 left as it is" in shown.text
    assert "It has changed since the import." in shown.text
    assert f'href="/people/{nora}"' in browser.get(done).text
    assert "Undone" in page(browser, "/import").text
    late = browser.post(f"{done}/undo", headers=OURS)
    assert late.status_code == 409
    assert "This import was undone already" in Page(late).text
    assert list(Page(late).faults()) == []


def test_after_seven_days_the_page_offers_no_undo_and_a_late_press_is_told_so(
    site: Site, browser: httpx.Client
) -> None:
    with site.db() as db:
        file = read_people((HEADER + LEO).encode())
        done = import_people(db, file, actor=SYSTEM, now=NOW - timedelta(days=7)).import_id

    answer = browser.post(f"/import/{done}/undo", headers=OURS)

    assert "It is too late to undo it" in page(browser, f"/import/{done}").text
    assert "#undo" not in browser.get("/import").text
    assert answer.status_code == 409
    assert "It could be undone until" in Page(answer).text


def test_what_a_page_carries_is_read_back_and_never_more_than_a_file_may_have() -> None:
    small, bomb = b"name,email\n" * 10, packed(b"a" * (MOST_BYTES * 3))

    assert unpacked(packed(small)) == small
    assert len(bomb) < MOST_CARRIED
    assert len(unpacked(bomb)) == MOST_BYTES + 1
    assert [unpacked(text) for text in ("", "no base64!", "AAAA")] == [b""] * 3


def test_words_of_a_file_stay_words(browser: httpx.Client) -> None:
    hostile: Any = '<b onclick="x">,"<script>alert(1)</script>",Europe/London\n'

    answer = send(browser, "check", HEADER + hostile, kind="people")

    assert list(Page(answer).faults()) == []
    assert "<script>alert" not in answer.text
