"""Pages in a browser, in a house of 50 people and over 200 sessions: what travels, how often, how soon, and what idles.

Without a peer: the targets are those of the design. Bytes are counted as gzip sends them, which the proxy does.
"""

import argparse
import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import httpx
from playwright.sync_api import Browser, CDPSession, Page

from app.web import html
from app.web.assets import asset
from benchmarks.figures import Figure, median_cpu
from tests.browser.chromium import Visitors, chromium
from tests.browser.pictures import empty_database
from tests.web.houses import NOBODY, House, Houses, State
from tests.web.pages_of_the_house import JUNIOR, furniture, pages_in

_ROUNDS = 5
_PRESSES = 20
_IDLE_SECONDS = 4
_HOME, _CALL = "/", "/calls/{call_id}"
_KB = 1_000
_SWAPPED = """([press, then]) => new Promise((done) => {
    const named = (name) =>
        [...document.querySelectorAll("form[data-swap] button")].find((one) => one.innerText.trim() === name);
    const began = performance.now();
    new MutationObserver((_, observer) => {
        if (!named(then)) return;
        observer.disconnect();
        done(performance.now() - began);
    }).observe(document.body, {childList: true, subtree: true});
    named(press).click();
})"""
"""Press a button; milliseconds until the one is there that undoes it."""
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


def add_options(_parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_options: argparse.Namespace) -> list[Figure]:
    """Measure one furnished house."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="earshot-pages-")))
        house_folder = folder / "house"
        house_folder.mkdir()
        houses = Houses(empty_database(folder), folder / "houses", furniture())
        house = stack.enter_context(houses.open(State.HUGE, house_folder))
        browser = stack.enter_context(chromium())
        return [*_weights(house), *_templates(house), *_traffic(browser, house), *_waits(browser, house)]


def _weights(house: House) -> Iterator[Figure]:
    """Yield what travels, gzipped."""
    ask = _asker(house)
    weights = {one.name: _gzipped(ask(one.who[0], house.path(one.path))) for one in pages_in(State.HUGE)}
    heaviest = max(weights, key=lambda name: weights[name])
    style, script = (_gzipped(ask(NOBODY, asset(name))) for name in ("earshot.css", "earshot.js"))
    icon = _gzipped(ask(NOBODY, asset("favicon.svg")))
    home = _gzipped(ask(JUNIOR, _HOME))
    yield Figure("first load of the floor, gzip", home + style + script + icon, "kB", at_most=25)
    yield Figure(f"heaviest page, gzip ({heaviest})", weights[heaviest], "kB", at_most=50)
    yield Figure("style, gzip", style, "kB", at_most=10)
    yield Figure("script, gzip", script, "kB", at_most=6)


def _templates(house: House) -> Iterator[Figure]:
    """Yield the CPU of filling in templates."""
    ask = _asker(house)
    spent = {}
    for one in pages_in(State.HUGE):
        with _overheard() as made:
            ask(one.who[0], house.path(one.path))
        if made:  # the page of all components is the tests' own
            spent[one.name] = 1000 * median_cpu(_ROUNDS, made[0])
    dearest = max(spent, key=lambda name: spent[name])
    yield Figure("template of the week, CPU", spent["week"], "ms", at_most=8)
    yield Figure(f"dearest template, CPU ({dearest})", spent[dearest], "ms")


def _traffic(browser: Browser, house: House) -> Iterator[Figure]:
    """Yield how often the network is asked for the floor, the stream aside, and when something is first seen."""
    first, again, painted = [], [], []
    for _ in range(_ROUNDS):
        visitors = Visitors(browser, house)
        page = visitors(JUNIOR)
        line = _Line.of(page)
        first.append(line.asked(lambda page=page: page.goto(_HOME)))  # type: ignore[misc]
        painted.append(float(page.evaluate(_PAINTED)))
        again.append(line.asked(lambda page=page: page.goto(_HOME)))  # type: ignore[misc]
        visitors.close()
    yield Figure("requests, first load of the floor", max(first), "", at_most=7)
    yield Figure("requests, repeated", max(again), "", at_most=2)
    yield Figure("first contentful paint, median", median(painted), "ms", at_most=300)


def _waits(browser: Browser, house: House) -> Iterator[Figure]:
    """Yield how long a press takes until it is seen, and what the page does while nobody does anything."""
    visitors = Visitors(browser, house)
    page = visitors(JUNIOR)
    page.goto(house.path(_CALL))
    page.wait_for_selector(".is-live")
    presses = [("Take a seat", "Give your seat back"), ("Give your seat back", "Take a seat")] * (_PRESSES // 2)
    yield Figure(
        "press until swapped, median", median(page.evaluate(_SWAPPED, [*one]) for one in presses), "ms", at_most=80
    )
    page.goto(_HOME)
    line = page.context.new_cdp_session(page)
    line.send("Performance.enable")
    page.wait_for_timeout(1000)
    before = _task_seconds(line)
    page.wait_for_timeout(1000 * _IDLE_SECONDS)
    yield Figure("idle main thread", 100 * (_task_seconds(line) - before) / _IDLE_SECONDS, "%", at_most=0.5)
    visitors.close()


def _asker(house: House) -> Callable[[str, str], bytes]:
    """Return what reads a page as a viewer."""
    browsers: dict[str, httpx.Client] = {}

    def ask(who: str, path: str) -> bytes:
        if who not in browsers:
            browsers[who] = house.browser()
            browsers[who].headers["Cookie"] = f"sid={house.cookie(who)}" if who != NOBODY else ""
        return browsers[who].get(path, follow_redirects=True).content

    return ask


def _gzipped(content: bytes) -> float:
    return len(gzip.compress(content, 6)) / _KB


@contextmanager
def _overheard() -> Iterator[list[Callable[[], str]]]:
    """Collect what is rendered meanwhile, to be rendered again."""
    made: list[Callable[[], str]] = []
    real = html.render

    def render(template: str, **values: Any) -> str:
        made.append(lambda: real(template, **values))
        return real(template, **values)

    with patch.object(html, "render", render):
        yield made


@dataclass
class _Line:
    """What a page asks the network for: neither its caches nor the stream."""

    page: Page
    sent: set[str] = field(default_factory=set)
    from_cache: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, page: Page) -> "_Line":
        made, line = cls(page), page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.on("Network.requestWillBeSent", made._sent)
        line.on("Network.requestServedFromCache", lambda told: made.from_cache.add(told["requestId"]))
        line.on("Network.responseReceived", made._received)
        return made

    def _sent(self, told: dict[str, Any]) -> None:
        if told.get("type") != "EventSource":
            self.sent.add(told["requestId"])

    def _received(self, told: dict[str, Any]) -> None:
        if told["response"].get("fromDiskCache"):
            self.from_cache.add(told["requestId"])

    def asked(self, work: Callable[[], object]) -> int:
        """Count the requests of some work and of what follows within half a second."""
        self.sent.clear()
        self.from_cache.clear()
        work()
        self.page.wait_for_timeout(500)
        return len(self.sent - self.from_cache)


def _task_seconds(line: CDPSession) -> float:
    told: list[dict[str, Any]] = line.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in told if one["name"] == "TaskDuration")
