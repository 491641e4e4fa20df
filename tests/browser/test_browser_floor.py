"""The floor in real browsers: dropping in and out with and without the script, what others see of it and how soon, who
gets the last seat, and where the focus goes.
"""

import re
from datetime import datetime
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from app.operations.calls import patch_call
from app.operations.floor import lower_hand, set_door
from app.operations.seats import book_seat, release_seat
from app.rules.access import SYSTEM, Actor
from app.vocabulary import Door, Role, SessionKind
from tests.browser.chromium import Visitors, gone_to_the_week, on_the_floor
from tests.patience import until
from tests.web.houses import House

with_and_without_script = pytest.mark.parametrize("js", [True, False], ids=["with script", "without script"])


@pytest.fixture
def live(house: House) -> str:
    """Mara is on this call, her door is open, and two seats are free."""
    call_id = house.known["live_call"]
    mara = Actor(credential_id="test", role=Role.REP, person_id=house.people["mentor"])
    with house.db() as db:
        lower_hand(db, call_id=call_id, actor=mara, now=_now(house))
        set_door(db, call_id=call_id, door=Door.OPEN, actor=SYSTEM, now=_now(house))
    return call_id


def _now(house: House) -> datetime:
    return house.api.clock()


def _drop_in(house: House, call_id: str, who: str) -> str:
    with house.db() as db:
        person_id = house.people[who]
        kind = SessionKind.DROP_IN
        made = book_seat(db, call_id=call_id, observer_id=person_id, kind=kind, actor=SYSTEM, now=_now(house))
        return str(made.id)


def _row(page: Page, call_id: str) -> "Page":
    return page.locator(f"[id='{call_id}']")  # type: ignore[return-value]


def _is_live(page: Page) -> None:
    expect(page.locator("html.is-live")).to_be_attached()


@with_and_without_script
def test_who_drops_in_and_leaves_stays_on_the_floor_and_is_told(
    visitor: Visitors, house: House, live: str, js: bool
) -> None:
    page = visitor("junior", js=js)
    page.goto("/")

    _row(page, live).get_by_role("button", name="Drop in").click()
    expect(page.locator("#said")).to_contain_text("You are in.")
    expect(_row(page, live).get_by_text("you, drop-in")).to_be_visible()

    _row(page, live).get_by_role("button", name="Leave").click()
    expect(page.locator("#said")).to_contain_text("Seat given back.")
    expect(_row(page, live).get_by_text("you, drop-in")).to_have_count(0)


def test_after_dropping_in_the_focus_is_not_on_leave(visitor: Visitors, live: str) -> None:
    page = visitor("junior")
    page.goto("/")
    button = _row(page, live).get_by_role("button", name="Drop in")
    button.focus()

    page.keyboard.press("Enter")

    expect(_row(page, live).get_by_role("button", name="Leave")).to_be_visible()
    expect(_row(page, live).get_by_role("button", name="Leave")).not_to_be_focused()
    assert page.evaluate("document.activeElement.closest('#floor') !== null")
    expect(page.locator("body > [role=status]")).to_contain_text("You are in.")


def test_the_host_sees_at_once_who_listens_and_asks_them_to_leave(visitor: Visitors, house: House, live: str) -> None:
    host, observer = visitor("mentor"), visitor("junior")
    host.goto("/")
    observer.goto("/")
    _is_live(host)
    _is_live(observer)

    _row(observer, live).get_by_role("button", name="Drop in").click()
    expect(_row(host, live).get_by_role("button", name="Ask to leave Nora Quinn")).to_be_visible()

    _row(host, live).get_by_role("button", name="Ask to leave Nora Quinn").click()
    expect(_row(observer, live).get_by_role("button", name="Leave")).to_have_count(0)


def test_a_door_that_closes_takes_the_button_from_everybody(visitor: Visitors, house: House, live: str) -> None:
    page = visitor("junior")
    page.goto("/")
    _is_live(page)
    expect(_row(page, live).get_by_role("button", name="Drop in")).to_be_visible()

    with house.db() as db:
        set_door(db, call_id=live, door=Door.CLOSED, actor=SYSTEM, now=_now(house))

    expect(_row(page, live).get_by_text("The door is closed")).to_be_visible()
    expect(_row(page, live).get_by_role("button", name="Drop in")).to_have_count(0)


def test_of_two_who_press_for_the_last_seat_one_is_in_and_the_other_is_told_kindly(
    visitor: Visitors, house: House, live: str
) -> None:
    with house.db() as db:
        patch_call(db, call_id=live, changes={"seat_capacity": 2}, actor=SYSTEM, now=_now(house))
    first, second = visitor("junior"), visitor("manager")
    for page in (first, second):
        page.route("**/stream*", lambda route: route.abort())  # neither hears of the other
        page.goto("/")

    _row(first, live).get_by_role("button", name="Drop in").click()
    expect(_row(first, live).get_by_text("you, drop-in")).to_be_visible()
    _row(second, live).get_by_role("button", name="Drop in").click()

    expect(second.get_by_role("alert")).to_contain_text("Nothing has changed.")
    expect(_row(second, live).get_by_role("button", name="Drop in")).to_have_count(0)
    expect(second).to_have_url(re.compile("/$"))


def test_a_hand_is_raised_with_the_keyboard_alone_and_seen_by_others(
    visitor: Visitors, house: House, live: str
) -> None:
    host, page = on_the_floor(visitor("mentor")), on_the_floor(visitor("junior"))

    _row(host, live).locator("summary").focus()
    host.keyboard.press("Enter")
    host.keyboard.press("Tab")
    host.keyboard.type("They talk price now")
    host.keyboard.press("Enter")

    expect(_row(host, live).get_by_role("button", name="Lower your hand")).to_be_visible()
    expect(page.get_by_text("They talk price now").first).to_be_visible()
    expect(page.locator(".nudge").get_by_role("button", name="Drop in")).to_be_visible()


def test_who_is_about_to_raise_a_hand_is_still_there_after_others_did_something(
    visitor: Visitors, house: House, live: str
) -> None:
    host = on_the_floor(visitor("mentor"))
    _row(host, live).locator("summary").focus()

    _drop_in(house, live, "junior")

    expect(_row(host, live).get_by_text("Nora Quinn").first).to_be_visible()
    expect(_row(host, live).locator("summary")).to_be_focused()


def test_what_somebody_types_is_not_taken_from_them_by_what_others_do(
    visitor: Visitors, house: House, live: str
) -> None:
    host = visitor("mentor")
    host.goto("/")
    _is_live(host)
    _row(host, live).locator("summary").click()
    words = _row(host, live).get_by_label(re.compile("What is worth hearing"))
    words.fill("They talk pr")

    seat_id = _drop_in(house, live, "junior")
    host.wait_for_timeout(700)
    expect(words).to_have_value("They talk pr")
    expect(words).to_be_focused()

    words.blur()
    expect(_row(host, live).get_by_text("Nora Quinn").first).to_be_visible()
    expect(words).to_have_value("They talk pr")
    with house.db() as db:
        release_seat(db, seat_id=seat_id, actor=SYSTEM, now=_now(house))


def test_a_page_that_was_hidden_catches_up_when_it_is_shown(visitor: Visitors, house: House, live: str) -> None:
    page = on_the_floor(visitor("mentor"))
    _hide(page, True)

    _drop_in(house, live, "junior")
    page.wait_for_timeout(700)
    expect(_row(page, live).get_by_text("Nora Quinn")).to_have_count(0)

    _hide(page, False)
    expect(_row(page, live).get_by_text("Nora Quinn").first).to_be_visible()


def _hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_a_line_that_broke_comes_back_and_the_page_catches_up(visitor: Visitors, house: House, live: str) -> None:
    page = visitor("mentor")
    page.goto("/")
    _is_live(page)

    page.context.set_offline(True)
    _drop_in(house, live, "junior")
    page.context.set_offline(False)

    expect(_row(page, live).get_by_text("Nora Quinn").first).to_be_visible()


def test_keys_lead_through_the_floor_unless_they_are_typed_or_unwanted(visitor: Visitors, live: str) -> None:
    page = visitor("junior")
    page.goto("/")

    page.keyboard.press("j")
    expect(page.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Shortcuts")).not_to_be_visible()
    page.evaluate("document.body.dataset.shortcuts = 'off'")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).not_to_be_visible()
    page.evaluate("delete document.body.dataset.shortcuts")

    until(partial(gone_to_the_week, page))


def test_the_call_page_is_live_too(visitor: Visitors, house: House, live: str) -> None:
    host, observer = visitor("mentor"), visitor("junior")
    host.goto(f"/calls/{live}")
    observer.goto(f"/calls/{live}")
    _is_live(host)

    observer.get_by_role("button", name="Drop in").click()

    expect(observer.locator("#said")).to_contain_text("You are in.")
    expect(host.get_by_role("button", name="Ask to leave Nora Quinn")).to_be_visible()


@with_and_without_script
def test_somebody_says_how_they_work(visitor: Visitors, house: House, js: bool) -> None:
    page = visitor("junior", js=js)
    page.goto("/")

    page.get_by_role("button", name="Heads down", exact=True).click()

    expect(page.get_by_role("button", name="Heads down", exact=True)).to_have_attribute("aria-pressed", "true")
