"""Pages that follow what happens: what one does, others see; and where the focus is after a part was exchanged."""

import re
from functools import partial

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import SessionKind
from tests.browser.chromium import PHONE, Visitors, gone_to_the_week, is_reading, on_the_floor
from tests.patience import until
from tests.web.houses import House


def maras_call(page: Page) -> Locator:
    """The row of the call that Mara is on."""
    return page.get_by_role("listitem").filter(has=page.get_by_text("Harbour & Pine")).first


def drop_in(house: House, who: str) -> None:
    """Let somebody drop in on Mara's call without a browser."""
    live, kind, now = house.known["live_call"], SessionKind.DROP_IN, house.api.clock()
    with house.db() as db:
        book_seat(db, call_id=live, observer_id=house.people[who], kind=kind, actor=SYSTEM, now=now)


def test_what_a_host_and_a_listener_do_each_sees_of_the_other(visitor: Visitors) -> None:
    nora, mara = on_the_floor(visitor("junior")), on_the_floor(visitor("mentor"))

    maras_call(nora).get_by_role("button", name=re.compile("^Drop in")).click()
    expect(maras_call(mara).get_by_label("Who listens")).to_contain_text("Nora Quinn")

    maras_call(mara).get_by_role("button", name="Close the door").click()
    expect(maras_call(mara).get_by_role("button", name="Open the door")).to_be_visible()
    maras_call(mara).get_by_role("button", name="Ask to leave Nora Quinn").click()
    expect(maras_call(nora)).to_contain_text("The door is closed")
    expect(maras_call(nora).get_by_role("button", name=re.compile("^Leave"))).to_have_count(0)


def test_of_two_who_drop_in_on_the_last_seat_one_is_in_and_the_other_is_told(visitor: Visitors, house: House) -> None:
    first, second = on_the_floor(visitor("junior")), on_the_floor(visitor("colleague 5"))
    drop_in(house, "colleague 4")
    for page in (first, second):
        expect(maras_call(page)).to_contain_text("2 of 3 seats taken")

    # At once: what is there now is pressed, though the second page may know by then what the first one did.
    buttons = [maras_call(page).get_by_role("button", name=re.compile("^Drop in")) for page in (first, second)]
    for button in [button.element_handle() for button in buttons]:
        button.evaluate("one => one.click()")

    for page in (first, second):
        expect(maras_call(page)).to_contain_text("3 of 3 seats taken")
        expect(page.get_by_role("button", name=re.compile("^Drop in"))).to_have_count(0)
    leave = [page.get_by_role("button", name=re.compile("^Leave")).count() for page in (first, second)]
    assert sorted(leave) == [0, 1], "who was first is whose request came first, not who pressed first"


@pytest.mark.parametrize("asked", ["before", "after"])
def test_a_press_is_not_lost_when_others_do_something_meanwhile(visitor: Visitors, house: House, asked: str) -> None:
    page, readings = on_the_floor(visitor("junior")), list[Route]()
    page.route(lambda _: True, lambda route: readings.append(route) if is_reading(route.request) else route.continue_())
    maras_call(page).get_by_role("button", name=re.compile("^Drop in")).hover()
    if asked == "after":
        page.mouse.down()
    drop_in(house, "colleague 4")
    if asked == "before":  # the page has asked what changed, and is answered while the button is down
        while not readings:
            page.wait_for_timeout(20)
        page.mouse.down()
    page.unroute_all()  # what was held goes on
    page.wait_for_timeout(1000)
    expect(maras_call(page)).to_contain_text("1 of 3 seats taken")

    page.mouse.up()

    expect(maras_call(page).get_by_role("button", name=re.compile("^Leave"))).to_be_visible()
    expect(maras_call(page)).to_contain_text("3 of 3 seats taken")


def test_a_reading_that_is_lost_is_tried_again_though_nothing_else_happens(visitor: Visitors, house: House) -> None:
    page, lost = on_the_floor(visitor("junior")), list[Route]()

    def lose_the_first(route: Route) -> None:
        if lost or not is_reading(route.request):
            route.continue_()
        else:
            lost.append(route)
            route.abort()

    page.route(lambda _: True, lose_the_first)
    drop_in(house, "colleague 4")

    expect(maras_call(page)).to_contain_text("2 of 3 seats taken")
    assert len(lost) == 1
    page.unroute_all()


@pytest.mark.parametrize("rows", [".is-live", ".is-next"])
def test_who_goes_through_the_rows_by_keys_stays_on_theirs_when_others_do_something(
    visitor: Visitors, house: House, rows: str
) -> None:
    page = on_the_floor(visitor("junior"))
    row = page.locator(f"[data-row]{rows}").first
    row.focus()

    drop_in(house, "colleague 4")

    expect(maras_call(page)).to_contain_text("2 of 3 seats taken")
    expect(row).to_be_focused()


def test_a_page_follows_again_when_the_service_is_back(visitor: Visitors, house: House) -> None:
    nora = on_the_floor(visitor("junior"))
    watch = visitor.watches[0]
    house.stop()
    expect(nora.locator("html")).not_to_have_class(re.compile("is-live"))
    drop_in(house, "colleague 4")

    house.start()

    expect(nora.locator("html")).to_have_class(re.compile("is-live"))
    expect(maras_call(nora)).to_contain_text("2 of 3 seats taken")
    watch.faults.clear()  # nobody was there to ask


def test_after_a_press_the_focus_is_not_on_what_would_undo_it(visitor: Visitors, house: House) -> None:
    page = visitor("junior")
    page.goto(house.path("/calls/{call_id}"))
    page.get_by_role("button", name="Take a seat").focus()

    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Give your seat back")).to_be_visible()

    expect(page.get_by_role("button", name="Give your seat back")).not_to_be_focused()
    assert page.evaluate("document.activeElement.closest('#call') !== null")
    assert page.url.endswith(house.path("/calls/{call_id}")), "nothing was loaded anew"


@pytest.mark.parametrize("size", [(1280, 900), PHONE], ids=["desk", "phone"])
def test_the_floor_is_used_with_the_keyboard_alone(visitor: Visitors, size: tuple[int, int]) -> None:
    page = on_the_floor(visitor("junior", size=size))

    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.hasAttribute('data-row')")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    until(partial(gone_to_the_week, page))
