"""Every page with axe, under its own policy: light, dark, and on a phone."""

import pytest

from tests.browser import axe
from tests.browser.chromium import PHONE, Walk, sized
from tests.web.pages_of_the_house import PAGES, HousePage


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Look at every sixth page by default, at every one with --soak."""
    if "shown" in metafunc.fixturenames:
        tried = PAGES if metafunc.config.getoption("--soak") else PAGES[::6]
        metafunc.parametrize("shown", tried, ids=lambda one: one.name)


def test_axe_finds_nothing_and_leaves_nothing_undecided(walk: Walk, shown: HousePage) -> None:
    page = walk.to(shown)

    light = axe.findings(page)
    page.emulate_media(color_scheme="dark")
    dark = axe.findings(page, only=axe.COLOURS)
    page.set_viewport_size(sized(PHONE))
    phone = axe.findings(page, but=axe.COLOURS)

    assert {"light": light, "dark": dark, "phone": phone} == {"light": [], "dark": [], "phone": []}
