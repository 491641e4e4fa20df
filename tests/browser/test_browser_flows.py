"""What people do on the pages, by what they see: with the script and, the same, without it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Visitors
from tests.web.houses import LOOKED_AT, NOBODY, House

with_and_without_script = pytest.mark.parametrize("js", [True, False], ids=["with script", "without script"])


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


@with_and_without_script
def test_a_link_lets_one_in_once_and_leads_to_where_one_was_headed(visitor: Visitors, house: House, js: bool) -> None:
    page = visitor(NOBODY, js=js)

    page.goto("/privacy")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(house.path("/login/t/{sign_in_token}"))
    press(page, "Sign in as N… Q…")

    expect(page).to_have_url(re.compile("/privacy$"))
    press(page, "Sign out")
    expect(page).to_have_url(re.compile("/login$"))
    page.goto(house.path("/login/t/{sign_in_token}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("This sign-in link is used up")


@with_and_without_script
def test_an_address_that_is_none_is_said_to_be_none(visitor: Visitors, js: bool) -> None:
    page = visitor(NOBODY, js=js)
    page.goto("/login")
    page.get_by_label("Your e-mail address").evaluate("one => one.form.noValidate = true")
    page.get_by_label("Your e-mail address").fill("nobody")

    press(page, "Send me a link")

    expect(page.get_by_role("alert")).to_contain_text("That is not an e-mail address.")
    expect(page.get_by_label("Your e-mail address")).to_have_value("nobody")
    page.get_by_label("Your e-mail address").fill("nobody@earshot.example")
    press(page, "Send me a link")
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")


@with_and_without_script
def test_a_seat_is_taken_and_given_back(visitor: Visitors, house: House, js: bool) -> None:
    page = visitor("junior", js=js)
    page.goto(house.path("/calls/{call_id}"))
    expect(page.get_by_text("1 of 3 seats taken")).to_be_visible()

    press(page, "Take a seat")
    expect(page.get_by_text("You have a seat on this call.")).to_be_visible()
    expect(page.get_by_text("2 of 3 seats taken")).to_be_visible()

    press(page, "Give your seat back")
    expect(page.get_by_role("button", name="Take a seat")).to_be_visible()
    expect(page.get_by_text("1 of 3 seats taken")).to_be_visible()


@with_and_without_script
def test_an_invite_is_answered(visitor: Visitors, house: House, js: bool) -> None:
    page = visitor("junior", js=js)
    page.goto(house.path("/s/{one_on_one}"))

    press(page, "Maybe")

    expect(page.get_by_text("invite answered with maybe")).to_be_visible()


@with_and_without_script
def test_a_mentor_says_yes_to_who_asks(visitor: Visitors, house: House, js: bool) -> None:
    page = visitor("mentor", js=js)
    page.goto(house.path("/m/{asked_match}"))

    press(page, "Say yes")

    expect(page.get_by_text("A match since")).to_be_visible()


@with_and_without_script
def test_who_follows_the_link_in_a_mail_chooses_which_mail_comes(visitor: Visitors, house: House, js: bool) -> None:
    page = visitor(NOBODY, js=js)
    page.goto(house.path("/r/{mail_token}/mail"))
    reminders = page.get_by_role("checkbox", name=re.compile("Reminders"))
    expect(reminders).to_be_checked()

    reminders.uncheck()
    press(page, "Save")

    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    expect(page.get_by_role("checkbox", name=re.compile("Reminders"))).not_to_be_checked()


def test_who_presses_for_a_seat_that_is_gone_by_now_is_told(visitor: Visitors, house: House) -> None:
    page = visitor("junior", js=False)
    page.goto(house.path("/calls/{call_id}"))
    house.seat(house.known["call_id"], house.people["admin"], house.people["colleague 4"])

    press(page, "Take a seat")

    expect(page.get_by_role("alert")).to_contain_text("Nothing has changed.")
    expect(page.get_by_text("3 of 3 seats taken")).to_be_visible()


def test_the_week_is_turned_with_the_keyboard_alone(visitor: Visitors) -> None:
    page = visitor("junior")
    page.goto("/week?d=2026-W48")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_role("link", name=re.compile("Week after")).focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("d=2026-W49$"))
    assert house_time(page) == f"{LOOKED_AT:%H:%M}"


def house_time(page: Page) -> str:
    """The time that the page says it is."""
    told = re.search(r"\d\d:\d\d", page.locator(".under").first.inner_text())
    assert told
    return told[0]
