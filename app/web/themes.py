"""Light or dark: as somebody's system says, until they say otherwise in this browser.

The choice is a cookie. It is read at the edge, so that every page has it: those for strangers and refusals, too.
"""

from contextvars import ContextVar
from enum import StrEnum


class Theme(StrEnum):
    """How pages look in a browser."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


COOKIE = "theme"
_CHOSEN: ContextVar[Theme] = ContextVar("theme", default=Theme.AUTO)


def choose(asked: str | None) -> None:
    """Let the pages of this request look as their browser asks; anything but a theme is none."""
    _CHOSEN.set(next((one for one in Theme if one == asked), Theme.AUTO))


def chosen() -> Theme:
    """Return how the pages of this request look."""
    return _CHOSEN.get()
