"""Calendar subscriptions on a page: an address is shown once, rotated and taken back by a typed word."""

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.tables import feed
from app.operations.people import patch_person
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.vocabulary import FeedKind, FeedPrivacy, Role
from app.web.pages.feeds import client
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page


@pytest.fixture
def ana(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Ana Rep").id


@pytest.fixture
def mine(site: Site, ana: str) -> httpx.Client:
    return site.signed_in(ana)


def press(browser: httpx.Client, do: str, *, of: str = "", **fields: str) -> httpx.Response:
    return browser.post("/me/feeds", params={"do": do, "of": of}, data=fields, headers=OURS)


def address_in(answer: httpx.Response) -> str:
    """The path of the calendar whose address an answer shows."""
    found = re.search(r'value="https?://[^"/]*(/feeds/[\w-]+\.ics)"', answer.text)
    assert found, answer.text
    return found[1]


def rows(site: Site, **where: Any) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(feed).filter_by(**where).order_by(feed.c.id)).all())


def test_strangers_make_no_address(site: Site) -> None:
    answers = [site.browser().get("/me/feeds"), press(site.browser(), "create", kind="personal")]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert rows(site) == []


def test_an_address_is_shown_once_is_a_calendar_and_is_nowhere_afterwards(
    site: Site, mine: httpx.Client, ana: str
) -> None:
    answer = press(mine, "create", kind="personal", private="on")

    shown, again = Page(answer), page(mine, "/me/feeds")
    path = address_in(answer)
    calendar = site.browser().get(path)
    assert answer.status_code == 200
    assert list(shown.faults()) == []  # nor may it be stored
    assert any(attrs.get("href", "").startswith("webcal://") for attrs in shown.all("a"))
    assert calendar.text.startswith("BEGIN:VCALENDAR")
    assert path not in again.answer.text
    assert "Only that you are busy" in again.text
    (made,) = rows(site, person_id=ana)
    assert (made.kind, made.privacy) == (FeedKind.PERSONAL, FeedPrivacy.BUSY_ONLY)


def test_a_second_one_of_a_kind_is_refused_and_says_what_works(site: Site, mine: httpx.Client) -> None:
    press(mine, "create", kind="open_seats")

    answer = press(mine, "create", kind="open_seats")

    assert answer.status_code == 409
    assert "Rotate it for a new address, or revoke it first." in Page(answer).text
    assert len(rows(site)) == 1


@pytest.mark.parametrize("do", ["rotate", "revoke"])
def test_nothing_is_rotated_or_taken_back_before_the_word_is_typed(site: Site, mine: httpx.Client, do: str) -> None:
    path = address_in(press(mine, "create", kind="personal"))
    (made,) = rows(site)

    answers = [press(mine, do, of=made.id, typed=typed) for typed in ("", "yes")]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert f"Type {do} to go on" in Page(answers[0]).text
    assert site.browser().get(path).status_code == 200


def test_rotating_kills_the_old_address_and_revoking_the_new_one(site: Site, mine: httpx.Client) -> None:
    old = address_in(press(mine, "create", kind="personal"))
    (made,) = rows(site)

    rotated = press(mine, "rotate", of=made.id, typed=" Rotate ")
    new = address_in(rotated)
    after_rotating = [site.browser().get(path).status_code for path in (old, new)]
    revoked = press(mine, "revoke", of=made.id, typed="revoke")

    assert after_rotating == [404, 200]
    assert revoked.headers["location"] == "/me/feeds?said=revoke"
    assert "Taken back." in page(mine, "/me/feeds?said=revoke").text
    assert site.browser().get(new).status_code == 404


def test_nobody_touches_somebody_elses_not_even_who_leads_them(site: Site, ana: str, mine: httpx.Client) -> None:
    with site.db() as db:
        lea = a_person(db, "Lea", role=Role.MANAGER).id
        patch_person(db, person_id=ana, changes={"manager_id": lea}, actor=SYSTEM, now=NOW)
    press(mine, "create", kind="personal")
    (made,) = rows(site)
    theirs = site.signed_in(lea)

    answers = [press(theirs, do, of=made.id, typed=do) for do in ("rotate", "revoke")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "Subscribed" not in page(theirs, "/me/feeds").text


def test_an_admin_finds_their_own_feeds_alone(site: Site, mine: httpx.Client) -> None:
    press(mine, "create", kind="personal")
    with site.db() as db:
        ada = a_person(db, "Ada", role=Role.ADMIN).id

    assert "Subscribed" not in page(site.signed_in(ada), "/me/feeds").text


def test_teams_are_offered_to_who_is_in_them_and_who_leads_somebody_there(site: Site, ana: str) -> None:
    with site.db() as db:
        teams = {name: create_team(db, name=name, actor=SYSTEM, now=NOW).id for name in ("Enterprise", "Other team")}
        lea = a_person(db, "Lea", role=Role.MANAGER).id
        changes = {"manager_id": lea, "team_id": teams["Enterprise"]}
        patch_person(db, person_id=ana, changes=changes, actor=SYSTEM, now=NOW)
        ben = a_person(db, "Ben").id

    shown = [page(site.signed_in(who), "/me/feeds").text for who in (ana, lea, ben)]
    made = press(site.signed_in(lea), "create", kind="team", team=teams["Enterprise"])
    refused = press(site.signed_in(ben), "create", kind="team", team=teams["Enterprise"])

    assert ["Enterprise" in text for text in shown] == [True, True, False]
    assert all("Other team" not in text for text in shown)
    assert (made.status_code, refused.status_code) == (200, 403)
    assert "Team: Enterprise" in Page(made).text


def test_it_says_who_fetched_last_in_words_of_ours(site: Site, mine: httpx.Client) -> None:
    press(mine, "create", kind="personal")
    before = page(mine, "/me/feeds")
    with site.db() as db:
        db.execute(update(feed).values(last_fetched_at=NOW, last_fetched_by="Google-Calendar-Importer <script>"))

    after = page(mine, "/me/feeds")

    assert "Not yet." in before.text
    assert f"{NOW:%H:%M} by Google Calendar" in after.text
    assert "Importer" not in after.text


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        ("Google-Calendar-Importer", "Google Calendar"),
        ("Microsoft Office/16.0 (Microsoft Outlook 16.0)", "Outlook"),
        ("iOS/18.1 (22B83) dataaccessd/1.0", "Apple Calendar"),
        ("Mozilla/5.0 (X11) Gecko/20100101 Thunderbird/140.0", "Thunderbird"),
        ("<b>me</b>", "another program"),
        ("", "another program"),
    ],
)
def test_a_calendar_program_is_known_by_what_it_says(user_agent: str, said: str) -> None:
    assert client(user_agent) == said
