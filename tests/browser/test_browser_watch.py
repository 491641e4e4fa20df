"""What the other tests in a browser rest on: what no page may do is noticed when one does it."""

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Visitors
from tests.web.houses import House

MISDEEDS = {
    "an error is logged": ("console.error('oh')", "oh"),
    "a script fails": ("setTimeout(() => { throw new Error('broken') })", "broken"),
    "an inline style": ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
    "an inline script": (
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
        "Trusted",
    ),
    "markup from a text": ("document.body.innerHTML = '<b>x</b>'", "TrustedHTML"),
    "a picture from elsewhere": ("new Image().src = 'https://tracker.example/x.png'", "tracker.example"),
    "a file that is not there": ("new Image().src = '/assets/none.png'", "404 for image"),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_it_is_noticed(browser: Browser, house: House, misdeed: str) -> None:
    script, said = MISDEEDS[misdeed]
    visitors = Visitors(browser, house)
    page = visitors("junior")
    page.goto("/privacy")
    visitors.check()

    page.evaluate(f"() => {{ try {{ {script} }} catch {{}} }}")
    for _ in range(4000):  # two minutes at most
        if any(said in fault for watch in visitors.watches for fault in watch.faults):
            break
        page.wait_for_timeout(30)

    with pytest.raises(AssertionError, match=said):
        visitors.close()
