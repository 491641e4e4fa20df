"""Where a week's blocks stand: at their time, as high as they are long; and one list, without hours, on a phone."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import PHONE, Walk, sized
from tests.web.pages_of_the_house import PAGES

STYLEGUIDE = next(one for one in PAGES if one.name == "styleguide")
_BLOCKS = """() => {
    const hours = [...document.querySelectorAll(".hours li")].map((one) => one.getBoundingClientRect().height);
    return [...document.querySelectorAll(".slot")].map((one) => {
        const {top, height, left, right} = one.firstElementChild.getBoundingClientRect();
        const column = one.parentElement.getBoundingClientRect();
        const [starts, ends] = [...one.querySelectorAll(".at time")].map((at) => at.dateTime.slice(11, 16));
        return {starts, ends, top: top - column.top, height, left: left - column.left, right: column.right - right,
                hour: hours[0] ?? 0};
    });
}"""


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def test_a_block_stands_at_its_time_and_is_as_high_as_it_is_long(walk: Walk) -> None:
    blocks: list[dict[str, Any]] = walk.to(STYLEGUIDE).evaluate(_BLOCKS)

    assert len(blocks) > 5
    for one in blocks:
        a_minute = one["hour"] / 60
        assert one["top"] == pytest.approx((_minutes(one["starts"]) - 8 * 60) * a_minute, abs=1)
        assert one["height"] == pytest.approx((_minutes(one["ends"]) - _minutes(one["starts"])) * a_minute, abs=1.01)
        assert min(one["left"], one["right"]) >= 0


def test_on_a_phone_the_same_blocks_are_a_list_in_their_order(walk: Walk) -> None:
    page = walk.to(STYLEGUIDE)
    on_a_desk = [(one["starts"], one["ends"]) for one in page.evaluate(_BLOCKS)]

    page.set_viewport_size(sized(PHONE))

    in_a_list: list[dict[str, Any]] = page.evaluate(_BLOCKS)
    assert [(one["starts"], one["ends"]) for one in in_a_list] == on_a_desk
    assert {one["hour"] for one in in_a_list} == {0}
    assert all(one["height"] >= 44 for one in in_a_list)


def test_without_a_script_a_dialog_opens_and_closes_by_its_links(walk: Walk) -> None:
    page = walk.to(STYLEGUIDE)
    page.evaluate("document.documentElement.classList.remove('is-scripted')")
    dialog = page.locator("#dialog")

    page.evaluate("location.hash = 'dialog'")
    expect(dialog).to_be_visible()

    dialog.get_by_role("link", name="Close").click()
    expect(dialog).not_to_be_visible()
