"""Calendars elsewhere: connected on a page, read again, and forgotten by a typed word; what opens them never shows."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.tables import connected_calendar, job
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from app.vocabulary import CalendarHealth, CalendarUse, Role
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

SECRET = "canary7f3a"
WORK = {
    "kind": "ics",
    "url": f"webcal://calendar.example/{SECRET}.ics",
    "name": "Work",
    "use": "calls",
    "title_contains": "demo",
    "username": "",
    "password": "",
}


@pytest.fixture
def ana(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Ana Rep").id


@pytest.fixture
def mine(site: Site, ana: str) -> httpx.Client:
    return site.signed_in(ana)


def press(browser: httpx.Client, do: str, *, of: str = "", **fields: str) -> httpx.Response:
    return browser.post("/me/calendars", params={"do": do, "of": of}, data=fields, headers=OURS)


def stored(site: Site) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(connected_calendar).order_by(connected_calendar.c.id)).all())


def jobs(site: Site) -> int:
    with site.db() as db:
        return len(db.execute(select(job.c.id).where(job.c.kind == "calendar_refresh")).all())


def test_strangers_connect_nothing(site: Site) -> None:
    answers = [site.browser().get("/me/calendars"), press(site.browser(), "connect", **WORK)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert stored(site) == []


def test_a_calendar_is_connected_read_soon_and_its_address_is_never_shown(
    site: Site, mine: httpx.Client, ana: str
) -> None:
    answer = press(mine, "connect", **WORK)

    shown = page(mine, answer.headers["location"])
    (made,) = stored(site)
    assert (answer.status_code, made.person_id, made.use) == (303, ana, CalendarUse.CALLS)
    assert jobs(site) == 1
    assert SECRET not in shown.answer.text
    for words in ("Connected. It is read now", "calendar.example", "Not read yet", "calls with “demo” in the title"):
        assert words in shown.text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://calendar.example/x.ics"}, "url"),
        ({"url": "https://127.0.0.1/x.ics"}, "url"),
        ({"url": "http://calendar.example/x.ics"}, "url"),
        ({"name": ""}, "name"),
        ({"kind": "exchange"}, "kind"),
        ({"use": "everything"}, "use"),
        ({"password": SECRET}, "username"),
        ({"username": "a:b", "password": SECRET}, "username"),
    ],
)
def test_what_cannot_be_connected_is_refused_at_its_field_without_a_secret_sent_back(
    site: Site, mine: httpx.Client, changed: dict[str, str], field: str
) -> None:
    answer = press(mine, "connect", **WORK | changed)

    shown = Page(answer)
    assert answer.status_code == 422
    assert list(shown.faults()) == []
    assert f"#f-{field}" in [attrs.get("href") for attrs in shown.all("a")]
    assert SECRET not in answer.text
    assert stored(site) == []


def test_the_same_address_is_connected_once_and_nobody_has_more_than_ten(site: Site, mine: httpx.Client) -> None:
    press(mine, "connect", **WORK)

    again = press(mine, "connect", **WORK)
    for number in range(9):
        press(mine, "connect", **WORK | {"url": f"https://calendar.example/{number}.ics"})
    full = page(mine, "/me/calendars")
    too_many = press(mine, "connect", **WORK | {"url": "https://calendar.example/last.ics"})

    assert (again.status_code, too_many.status_code) == (409, 409)
    assert "connected already" in Page(again).text
    assert "10 of 10" in full.text
    assert "Connect it" not in full.text
    assert len(stored(site)) == 10


def test_a_calendar_that_cannot_be_read_says_why_and_is_read_again_when_asked(site: Site, mine: httpx.Client) -> None:
    press(mine, "connect", **WORK)
    (made,) = stored(site)
    with site.db() as db:
        why = {"health": CalendarHealth.DEGRADED, "why": "There is <b>none</b> (404).", "read_at": NOW}
        db.execute(update(connected_calendar).values(**why))

    shown = page(mine, "/me/calendars")
    answers = [press(mine, "refresh", of=made.id) for _ in range(2)]

    assert "Can’t be read" in shown.text
    assert "There is <b>none</b> (404). What was read last still counts." in shown.text
    assert [answer.headers["location"] for answer in answers] == ["/me/calendars?said=refresh"] * 2
    assert jobs(site) == 1


def test_a_calendar_is_forgotten_once_the_word_is_typed(site: Site, mine: httpx.Client) -> None:
    press(mine, "connect", **WORK)
    (made,) = stored(site)

    wrong = press(mine, "disconnect", of=made.id, typed="yes")
    kept = stored(site)
    done = press(mine, "disconnect", of=made.id, typed="Disconnect")

    assert (wrong.status_code, len(kept)) == (422, 1)
    assert list(Page(wrong).faults()) == []
    assert done.headers["location"] == "/me/calendars?said=disconnect"
    assert stored(site) == []


def test_nobody_reads_or_forgets_somebody_elses_not_even_who_leads_them(
    site: Site, mine: httpx.Client, ana: str
) -> None:
    with site.db() as db:
        lea = a_person(db, "Lea", role=Role.MANAGER).id
        patch_person(db, person_id=ana, changes={"manager_id": lea}, actor=SYSTEM, now=NOW)
    press(mine, "connect", **WORK)
    (made,) = stored(site)
    theirs = site.signed_in(lea)

    answers = [press(theirs, "refresh", of=made.id), press(theirs, "disconnect", of=made.id, typed="disconnect")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "Work" not in page(theirs, "/me/calendars").text
    assert len(stored(site)) == 1


def a_change(**fields: str) -> dict[str, str]:
    """The form that changes a calendar, as it stands."""
    return {"name": "Work", "use": "calls", "title_contains": "demo", "version": "1"} | fields


def test_a_calendar_is_changed_and_read_anew_and_what_opens_it_stays_unless_given(
    site: Site, mine: httpx.Client
) -> None:
    press(mine, "connect", **WORK)
    (before,) = stored(site)

    answer = press(mine, "change", of=before.id, **a_change(name="Home", title_contains="", username="", password=""))

    (after,) = stored(site)
    assert answer.headers["location"] == "/me/calendars?said=change"
    assert (after.name, after.use, after.title_contains) == ("Home", CalendarUse.CALLS, None)
    assert (after.url, after.username, after.password) == (before.url, before.username, before.password)


@pytest.mark.parametrize(
    ("changed", "field", "status"),
    [
        ({"name": ""}, "name", 422),
        ({"use": "everything"}, "use", 422),
        ({"password": SECRET}, "username", 422),
        ({"version": "7"}, "name", 409),
    ],
)
def test_a_change_that_cannot_be_is_said_at_its_field_and_what_was_typed_stays(
    site: Site, mine: httpx.Client, changed: dict[str, str], field: str, status: int
) -> None:
    press(mine, "connect", **WORK)
    (made,) = stored(site)

    answer = press(mine, "change", of=made.id, **a_change(title_contains="typed") | changed)

    shown = Page(answer)
    assert (answer.status_code, list(shown.faults())) == (status, [])
    assert f"#f-{field}-{made.id}" in [attrs.get("href") for attrs in shown.all("a")]
    assert "typed" in [attrs.get("value") for attrs in shown.all("input")]
    assert SECRET not in answer.text
    assert stored(site) == [made]


def test_nobody_changes_somebody_elses(site: Site, mine: httpx.Client) -> None:
    press(mine, "connect", **WORK)
    (made,) = stored(site)
    with site.db() as db:
        other = a_person(db, "Ben Rep").id

    answer = press(site.signed_in(other), "change", of=made.id, **a_change(name="Mine"))

    assert (answer.status_code, stored(site)) == (404, [made])
