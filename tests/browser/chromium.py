"""The system's Chromium, driven by Playwright; and what a page may not do while it is looked at."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.patience import PATIENCE_SECONDS
from tests.web.houses import NOBODY, House, Houses, State
from tests.web.pages_of_the_house import HousePage

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATH = next(filter(None, map(shutil.which, NAMES)), None)
"""Where the browser is; None when there is none."""
_FLAGS = (
    "--no-sandbox",  # there is none for root, and the pages are ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK, PHONE = (1280, 900), (390, 844)
_SUBRESOURCES = ("stylesheet", "script", "image", "font")
_LOADS = "Failed to load resource"
"""What the console says of every answer from 400 on; documents and fragments may be such."""
_TOO_LATE = "Form submission canceled because the form is not connected"
"""What it says of a press in the instant in which its part of the page is replaced, for it has just changed."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What a browser's pages did that no page may do."""

    home: str
    faults: list[str] = field(default_factory=list)

    def on(self, context: BrowserContext) -> None:
        """Watch every page of a browser."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"{error.error}"))
        context.on("request", self._request)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        """Note errors: violations of the policy, and of Trusted Types, are among them."""
        if message.type in ("error", "warning") and not message.text.startswith((_LOADS, _TOO_LATE)):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.home}/", "data:", "blob:")):
            self.faults.append(f"asks elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        kind, least = response.request.resource_type, 500
        if kind in _SUBRESOURCES:
            least = 400
        if kind != "document" and response.status >= least:
            self.faults.append(f"{response.status} for {kind} {response.url}")


@dataclass(repr=False)
class Visitors:
    """Opens browsers in which the viewers of a house are signed in."""

    browser: Browser
    house: House
    watches: list[Watch] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self, who: str, *, js: bool = True, size: tuple[int, int] = DESK, dark: bool = False, **options: Any
    ) -> Page:
        """Return an empty page in a new browser of this viewer. Paths are enough for it to go to."""
        home = self.house.api.url
        context = self.browser.new_context(
            base_url=home,
            java_script_enabled=js,
            viewport=sized(size),
            color_scheme="dark" if dark else "light",
            **options,
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.contexts.append(context)
        if who != NOBODY:
            context.add_cookies([{"name": "sid", "value": self.house.cookie(who), "url": home}])
        watch = Watch(home)
        watch.on(context)
        self.watches.append(watch)
        return context.new_page()

    def check(self) -> None:
        """Fail when a page did what no page may do since this was asked last."""
        faults = [fault for watch in self.watches for fault in watch.faults]
        for watch in self.watches:
            watch.faults.clear()
        assert faults == [], faults

    def close(self) -> None:
        """Close all browsers, and check."""
        for context in self.contexts:
            context.close()
        self.check()


@dataclass(repr=False)
class Walk:
    """Walks over pages of houses that nobody changes: a browser serves for all pages of one viewer."""

    houses: Houses
    browser: Browser
    folder: Path
    stack: ExitStack
    visitors: dict[State, Visitors] = field(default_factory=dict)
    pages: dict[tuple[State, str], Page] = field(default_factory=dict)

    def to(self, shown: HousePage, state: State = State.TYPICAL) -> Page:
        """Show a page to the first of its viewers: light, on a desk."""
        who = shown.who[0]
        if state not in self.visitors:
            folder = self.folder / state
            folder.mkdir()
            self.visitors[state] = Visitors(self.browser, self.stack.enter_context(self.houses.open(state, folder)))
        if (state, who) not in self.pages:
            self.pages[state, who] = self.visitors[state](who)
        page = self.pages[state, who]
        page.set_viewport_size(sized(DESK))
        page.emulate_media(color_scheme="light")
        answer = page.goto(self.visitors[state].house.path(shown.path))
        assert answer is not None
        assert answer.status == shown.status
        return page

    def check(self) -> None:
        """Fail when a page did what no page may do since this was asked last."""
        for visitors in self.visitors.values():
            visitors.check()


def is_reading(request: Request) -> bool:
    """Whether a page asks for a part of itself again."""
    return request.method == "GET" and "x-fragment" in request.headers


def gone_to_the_week(page: Page) -> bool:
    """Press the two keys that lead there; whether they did. Who waits too long after the first goes nowhere."""
    page.keyboard.type("gw")
    page.wait_for_timeout(500)
    return page.url.endswith("/week")


def on_the_floor(page: Page) -> Page:
    """Let a page show the floor, and follow it: it has read again what it shows, and asks nothing more by itself."""
    with page.expect_event("requestfinished", is_reading):
        page.goto("/")
    expect(page.locator("html.is-live")).to_be_attached()
    return page


def sized(size: tuple[int, int]) -> ViewportSize:
    """Return a size as Playwright takes it."""
    return {"width": size[0], "height": size[1]}
