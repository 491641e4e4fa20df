"""What every page keeps beside what `Page.faults` knows: each field has a label, each address a route, and budgets."""

import gzip
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from re import Pattern
from urllib.parse import urljoin, urlsplit

from fastapi.routing import APIRoute

from app.main import ROUTERS
from tests.web.page_reader import Page

MOST_GZIPPED = 50_000
"""Bytes of one page as it travels."""
_ADDRESSES = {"href", "src", "action", "data-src"}
_UNLABELLED = ("hidden", "submit", "button", "image", "reset")
"""Kinds of input that say themselves what they are, or nothing."""


def breaches(page: Page) -> Iterator[str]:
    """Yield what breaks the rules."""
    yield from page.faults()
    yield from _Fields(page.answer.text).unlabelled()
    yield from _without_route(page)
    size = len(gzip.compress(page.answer.content, 6))
    if size > MOST_GZIPPED:
        yield f"{size} bytes gzipped"
    if any("\ufffd" in value for _, attrs in page.elements for value in attrs.values()):
        yield "a letter that could not be read"


def _without_route(page: Page) -> Iterator[str]:
    """Yield what a page leads to that is no page of ours: links are read, forms sent as they say."""
    for tag, attrs in page.elements:
        method = attrs.get("method", "get").upper() if tag == "form" else "GET"
        for name in _ADDRESSES & attrs.keys():
            address = urlsplit(urljoin(page.answer.request.url.path, attrs[name]))
            itself = method == "GET" and address.path == page.answer.request.url.path
            if not address.scheme and not itself and not has_route(method, address.path):
                yield f"{tag} leads to {method} {address.path}, which is no route"


@cache
def has_route(method: str, path: str) -> bool:
    """Whether the service knows the address."""
    return (method, path) == ("GET", "/openapi.json") or any(
        method in methods and pattern.fullmatch(path) for methods, pattern in _routes()
    )


@cache
def _routes() -> list[tuple[set[str], Pattern[str]]]:
    ours = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [(route.methods or set(), route.path_regex) for route in ours]


class _Fields(HTMLParser):
    """The fields of a page, and whether each has a label."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._labels = 0
        self._for: set[str] = set()
        self._found: list[tuple[str, dict[str, str], bool]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "label":
            self._labels += 1
            self._for.add(told.get("for", ""))
        if tag in ("select", "textarea") or (tag == "input" and told.get("type") not in _UNLABELLED):
            self._found.append((tag, told, self._labels > 0))

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._labels -= 1

    def unlabelled(self) -> Iterator[str]:
        for tag, told, inside in self._found:
            named = told.get("aria-label") or told.get("aria-labelledby") or (told.get("id", "-") in self._for)
            if not (inside or named):
                yield f"{tag} {told.get('name', '')} has no label"
