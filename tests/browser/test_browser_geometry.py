"""Where things are on a page: nothing has to be scrolled to aside, and all that is pressed is large enough."""

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import DESK, Walk, sized
from tests.web.houses import State
from tests.web.pages_of_the_house import PAGES, HousePage

WIDTHS = (1440, 1024, 768, 390, 320)
"""Of which the last is a phone's."""
_ASIDE = """() => {
    const most = document.documentElement.clientWidth;
    const scrolls = (one) => one.closest("pre, .scroll, .side nav") !== null;
    const wide = [...document.querySelectorAll("body *")].filter((one) => {
        const {right, width} = one.getBoundingClientRect();
        return width > 1 && right > most + 1 && !scrolls(one);
    });
    const is_wide = document.scrollingElement.scrollWidth > most;
    return is_wide ? wide.map((one) => `${one.tagName} .${one.className} ${one.textContent.trim().slice(0, 40)}`) : [];
}"""
_SMALL = """(least) => [...document.querySelectorAll("button, .button, select, textarea, input, summary")]
    .map((one) => [one, one.getBoundingClientRect().height, ...[...(one.labels ?? [])].map((label) =>
        label.getBoundingClientRect().height)])
    .filter(([, own, ...labels]) => own > 1 && Math.max(own, ...labels) < least - 0.5)
    .map(([one, ...heights]) => `${one.outerHTML.slice(0, 80)} is ${Math.max(...heights)} px high`)"""
"""What is pressed, by itself or by its label, and lower than that many px; what is only heard is not pressed."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Look at every sixth page by default, at every one with --soak."""
    if "shown" in metafunc.fixturenames:
        tried = PAGES if metafunc.config.getoption("--soak") else PAGES[::6]
        metafunc.parametrize("shown", tried, ids=lambda one: one.name)


def test_a_page_fits_whatever_its_width_and_the_names_and_what_is_pressed_is_large_enough(
    walk: Walk, shown: HousePage
) -> None:
    page = walk.to(shown, State.HOSTILE)

    aside = {width: _aside(page, width) for width in WIDTHS}
    small_on_a_phone = page.evaluate(_SMALL, 44)
    page.set_viewport_size(sized(DESK))
    small_on_a_desk = page.evaluate(_SMALL, 44 if shown.by_mail else 24)

    assert {width: said for width, said in aside.items() if said} == {}
    assert {"phone": small_on_a_phone, "desk": small_on_a_desk} == {"phone": [], "desk": []}


def test_all_places_are_in_sight_on_a_desk_without_scrolling(walk: Walk) -> None:
    page = walk.to(next(one for one in PAGES if one.name == "settings"), State.TYPICAL)
    page.set_viewport_size(sized(DESK))

    most, shown = page.locator(".side nav").evaluate("(one) => [one.scrollHeight, one.clientHeight]")

    assert most <= shown


def _aside(page: Page, width: int) -> list[str]:
    page.set_viewport_size(sized((width, 844)))
    found: list[str] = page.evaluate(_ASIDE)
    return found
