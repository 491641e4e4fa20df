"""The first quarter of an hour of somebody new: from the link that lets them in to their sessions in a calendar."""

import re
from urllib.parse import urlsplit

from icalendar import Calendar
from playwright.sync_api import Page, expect

from tests.browser.chromium import Visitors
from tests.web.houses import NOBODY, House


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """Press the first button of this name by the keyboard."""
    page.get_by_role("button", name=name).first.press("Enter")


def test_somebody_new_gets_from_the_link_to_their_sessions_in_a_calendar_by_the_keyboard_alone(
    visitor: Visitors, house: House
) -> None:
    page = visitor(NOBODY, reduced_motion="reduce")
    page.goto(house.path("/login/t/{sign_in_token}"))
    press(page, re.compile("Sign in as"))
    expect(page.get_by_role("heading", level=1)).to_have_text("The floor")

    press(page, "Drop in")
    expect(page.get_by_text("You are in.").first).to_be_visible()
    press(page, re.compile("^Leave"))
    expect(page.get_by_role("button", name="Drop in").first).to_be_visible()

    page.goto("/book")
    press(page, "Take a seat")
    expect(page.get_by_text("You have a seat on this call.")).to_be_visible()
    title = page.get_by_role("heading", level=1).inner_text()
    call = page.url.partition("?")[0]

    page.goto("/week?d=2026-W48")
    page.locator(f"main a[href^='{call.removeprefix(house.api.url)}']").first.press("Enter")
    page.get_by_role("link", name="Your session").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)

    page.goto("/me/feeds")
    press(page, "Make an address")
    address = page.get_by_label("Your address").input_value()
    events = Calendar.from_ical(house.api.client().get(urlsplit(address).path).content).walk("VEVENT")
    host, _, account = title.partition(" with ")
    assert [one for one in events if {host, account} <= set(re.split(" · |: | \\(", str(one["SUMMARY"])))]
